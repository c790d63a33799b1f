"""What a Redis link is told (its policy, the words of commands) and what it tells (its state, absences, refusals)."""

from __future__ import annotations

from dataclasses import dataclass

Word = str | bytes | int | float


class RedisAway(Exception):
    """Redis was not asked, or did not answer in time; whether a command was executed is not known."""


class RedisRefused(Exception):
    """Redis answered that it will not do this; `code` is the first word of its answer, for the rest may quote keys."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def is_absence(self) -> bool:
        """The server answers, but it cannot be asked anything, or not this: another node of its cluster has the key."""
        return self.code in {"BUSY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK"}

    @property
    def wrong_type(self) -> bool:
        """The key holds another kind of value."""
        return self.code == "WRONGTYPE"

    @property
    def forbids_writes(self) -> bool:
        """Reading goes on, writing does not: memory is full, or the server is a replica."""
        return self.code in {"OOM", "READONLY", "MISCONF", "NOREPLICAS"}


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no answer; `hopeless` says that asking again will not help (a refused password)."""

    reason: str
    hopeless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPolicy:
    """Seconds and bounds of one link.

    `budget_seconds` is the longest that one operation takes, waiting for its turn, connecting, and the retry of a stale
    connection included. `failures_in_row` ways to Redis without an answer take the link down; then nobody is kept
    waiting. While it is up it is pinged every `ping_seconds`; while it is down first after `retry_seconds` and then
    in growing steps up to `longest_retry_seconds`, which with one budget bounds how long a return goes unnoticed.
    """

    budget_seconds: float = 0.15
    connections: int = 2
    failures_in_row: int = 3
    ping_seconds: float = 1.0
    retry_seconds: float = 0.25
    longest_retry_seconds: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """`failures` counts the ways to Redis without an answer since the last one with.

    `writable` is false while Redis refuses to write.
    """

    available: bool
    writable: bool
    failures: int
