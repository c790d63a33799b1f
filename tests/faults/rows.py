"""The shape of the fault matrix: what is done to the service, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.vendor_sim import Scenario

MEBIBYTE = 1024 * 1024
MOST_GROWTH_BYTES = 32 * MEBIBYTE
SECONDS = "seconds"


class Stage(StrEnum):
    """Which service a row meets; each has its own processes, because connection and key faults are remembered."""

    TRANSPORT = "transport"
    SLOW = "slow"
    PLACES = "places"
    TLS = "tls"
    NARROW = "narrow"
    BODIES = "bodies"
    KEYS = "keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come of a row.

    `attempts` are the outcomes of all attempts. `calls` is what the upstream counts; without it, as many as attempts.
    `breaker` says what the first breaker views show afterwards (see `breaker_effect`). `elsewhere` says whether the
    same order, free to go to another vendor, is answered there; `None`: not asked. `seconds` and `retry_after` are
    bounds. `fields` are fields of the answer. `alert`: the log calls an operator. `books`: the tokens in the metrics
    are exactly those that the vendor charged, and there are some.
    """

    status: int = 200
    code: str = ""
    attempts: tuple[str, ...] = ("success",)
    calls: int | None = None
    breaker: str = "–"
    elsewhere: bool | None = None
    seconds: tuple[float, float] = (0.0, 3.0)
    retry_after: tuple[int, int] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    alert: bool = False
    books: bool = False

    @property
    def upstream_calls(self) -> int:
        """How many calls the upstream must have counted."""
        return len(self.attempts) if self.calls is None else self.calls


def in_the_words_of(vendor: str, model: str) -> str:
    """The name of a model that nobody knows, as *vendor* writes names: an aggregator's say whose model it is."""
    return f"somebody/{model}" if vendor == "openrouter" else model


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault; `id` begins with the row of the catalogue.

    `plays` are what the simulated vendor does, the last one for ever; without any, the raw upstream does what *model*
    asks for. `asks` requests are sent one after the other, *pause* seconds apart. `lives_on`: a healthy model of the
    same vendor answers afterwards. `occupied`: a hanging call holds the vendor's slot meanwhile.
    """

    id: str
    fault: str
    expected: Expected
    stage: Stage = Stage.TRANSPORT
    vendor: str = "openai"
    model: str = ""
    plays: tuple[Scenario, ...] = ()
    deadline_ms: int | None = None
    asks: int = 1
    pause: float = 0.0
    lives_on: bool = True
    occupied: bool = False

    @property
    def asked_model(self) -> str:
        """The model that is asked for: a name of the row's own where none is given."""
        return self.model or in_the_words_of(self.vendor, f"case-{self.id.lower()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What came of a row. `growth_bytes` is the peak of the service's memory during it, above what it held before."""

    status: int
    code: str
    attempts: tuple[str, ...]
    calls: int
    breaker: str
    elsewhere: bool | None
    seconds: float
    retry_after: int | None
    fields: Mapping[str, Any]
    growth_bytes: int
    alert: bool
    tokens: tuple[float, float]
    lives_on: bool
    leaks: tuple[str, ...]


def differences(row: Row, seen: Observed) -> list[str]:
    """In what *seen* is not what *row* expects."""
    want = row.expected
    fields = {name: seen.fields.get(name) for name in want.fields}
    pairs: dict[str, tuple[Any, Any]] = {
        "status": (want.status, seen.status),
        "code": (want.code, seen.code),
        "attempts": (tuple(sorted(want.attempts)), tuple(sorted(seen.attempts))),
        "upstream calls": (want.upstream_calls, seen.calls),
        "breaker": (want.breaker, seen.breaker),
        "answered elsewhere": (want.elsewhere, seen.elsewhere),
        "fields": (dict(want.fields), fields),
        "alert": (want.alert, seen.alert),
        "lives on": (row.lives_on, seen.lives_on),
        "leaks": ((), seen.leaks),
    }
    found = [f"{name}: {have!r}, not {wanted!r}" for name, (wanted, have) in pairs.items() if wanted != have]
    return found + _out_of_bounds(want, seen)


def is_only_late(row: Row, seen: Observed) -> bool:
    """Whether the time it took is all that is wrong with *seen*: another measurement may show that it was chance."""
    found = differences(row, seen)
    return bool(found) and all(one.startswith(SECONDS) for one in found)


def _out_of_bounds(want: Expected, seen: Observed) -> list[str]:
    found = []
    if not want.seconds[0] <= seen.seconds <= want.seconds[1]:
        found.append(f"{SECONDS}: {seen.seconds:.2f}, not {want.seconds}")
    if want.retry_after and not want.retry_after[0] <= (seen.retry_after or -1) <= want.retry_after[1]:
        found.append(f"Retry-After: {seen.retry_after}, not {want.retry_after}")
    if seen.growth_bytes >= MOST_GROWTH_BYTES:
        found.append(f"memory: {seen.growth_bytes / MEBIBYTE:.1f} MiB")
    if want.books and (seen.tokens[0] != seen.tokens[1] or not seen.tokens[0]):
        found.append(f"tokens: {seen.tokens[0]} in the books, {seen.tokens[1]} charged")
    return found
