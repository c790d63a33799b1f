"""What goes wrong when: two lines of events that a seed decides, one of the vendors and one of everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.soak.questions import VENDORS


class Fault(StrEnum):
    """Everything that a soak does to the service; the value is how the progress line calls it."""

    RATE_LIMIT = "429 with Retry-After"
    SERVER_ERROR = "503"
    OVERLOADED = "529"
    WRONG_KEY = "401"
    HANG = "hangs"
    HANG_IN_BODY = "hangs in the body"
    DRIP = "drips"
    RESET = "resets"
    RESET_IN_BODY = "resets in the body"
    HTML = "HTML"
    CUT_JSON = "cut JSON"
    NO_VERDICT = "prose"
    TRUNCATED = "output limit"
    REFUSED = "refuses"
    MIXED = "a bit of everything"
    VENDOR_KILLED = "killed"
    VENDOR_PAUSED = "paused"
    ALL_RATE_LIMIT = "429 everywhere"
    ALL_SERVER_ERROR = "503 everywhere"
    REDIS_KILLED = "Redis killed"
    REDIS_FROZEN = "Redis frozen"
    REDIS_SLOW = "Redis slow"
    REDIS_FULL = "Redis full"
    CACHE_CLEARED = "cache cleared"


INFRASTRUCTURE = (
    Fault.REDIS_KILLED, Fault.REDIS_FROZEN, Fault.REDIS_SLOW, Fault.REDIS_FULL, Fault.CACHE_CLEARED
)  # fmt: skip
OF_VENDORS = tuple(fault for fault in Fault if fault not in INFRASTRUCTURE)
EVERYWHERE = frozenset({Fault.ALL_RATE_LIMIT, Fault.ALL_SERVER_ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`at` and `seconds` count from the beginning of the bad weather; `vendor` is empty where none is meant."""

    at: float
    seconds: float
    fault: Fault
    vendor: str = ""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.vendor} {self.fault}".strip()


def timeline(seed: int, seconds: float) -> tuple[list[Event], list[Event]]:
    """The two lines; in each the next event begins after the end of the last, and all end within *seconds*."""
    vendors = _line(Random(f"{seed}:vendors"), OF_VENDORS, seconds, lasting=(0.8, 2.0), gap=(0.2, 0.6))
    return vendors, _line(Random(f"{seed}:rest"), INFRASTRUCTURE, seconds, lasting=(1.0, 4.0), gap=(1.0, 4.0))


def _line(
    dice: Random, faults: Sequence[Fault], seconds: float, *, lasting: tuple[float, float], gap: tuple[float, float]
) -> list[Event]:
    events: list[Event] = []
    at = 0.0
    for fault in _dealt(dice, faults):
        at += dice.uniform(*gap)
        length = dice.uniform(*lasting)
        if at + length > seconds:
            return events
        named = fault in OF_VENDORS and fault not in EVERYWHERE
        events.append(Event(at=at, seconds=length, fault=fault, vendor=dice.choice(VENDORS) if named else ""))
        at += length
    return events


def _dealt(dice: Random, faults: Sequence[Fault]) -> Iterator[Fault]:
    """A shuffled deck, again and again: every fault comes before one comes twice."""
    while True:
        yield from dice.sample(list(faults), len(faults))
