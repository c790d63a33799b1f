"""Values of a Redis link: its policy, its state, and the exceptions for "no answer" and "refused"."""

from __future__ import annotations

from dataclasses import dataclass

Word = str | bytes | int | float


class RedisAway(Exception):
    """Redis was not asked, or did not answer in time; it is unknown whether the command was executed."""


class RedisRefused(Exception):
    """Redis answered with an error; `code` is its first word, because the rest may quote keys."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def is_absence(self) -> bool:
        """Returns whether the server is up but cannot serve: it is loading, or another cluster node has the key."""
        return self.code in {"BUSY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK"}

    @property
    def wrong_type(self) -> bool:
        """Returns whether the key holds another type of value."""
        return self.code == "WRONGTYPE"

    @property
    def forbids_writes(self) -> bool:
        """Returns whether reads work but writes do not: memory is full, or the server is a replica."""
        return self.code in {"OOM", "READONLY", "MISCONF", "NOREPLICAS"}


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer came; `hopeless` means that asking again will not help (a wrong password)."""

    reason: str
    hopeless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPolicy:
    """Time limits (in seconds) and bounds of one link.

    `budget_seconds` is the longest time for one operation, including the wait for a connection, connecting, and the
    retry of a stale connection. After `failures_in_row` round trips without an answer the link is down, and calls fail
    at once. While it is up it is pinged every `ping_seconds`. While it is down it is pinged after `retry_seconds` and
    then at growing intervals up to `longest_retry_seconds`; that plus one budget bounds how long Redis is back before
    we notice.
    """

    budget_seconds: float = 0.15
    connections: int = 2
    failures_in_row: int = 3
    ping_seconds: float = 1.0
    retry_seconds: float = 0.25
    longest_retry_seconds: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """State of the link; `failures` counts round trips without an answer since the last answer.

    `writable` is false while Redis refuses writes.
    """

    available: bool
    writable: bool
    failures: int
