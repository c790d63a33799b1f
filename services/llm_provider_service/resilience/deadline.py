"""How long: one total deadline for each request, on a monotonic clock that is passed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Clock = Callable[[], float]

# A timer of an event loop may fire this much before its time.
CLOCK_TOLERANCE_SECONDS = 0.01


class Deadline(NamedTuple):
    """A moment on *clock*, in seconds; `callers_own` says that the caller asked for less than the service allows."""

    at: float
    clock: Clock
    callers_own: bool = False

    @classmethod
    def after(cls, seconds: float, clock: Clock, *, callers_own: bool = False) -> Deadline:
        """The deadline *seconds* from now."""
        return cls(at=clock() + seconds, clock=clock, callers_own=callers_own)

    def remaining(self) -> float:
        """Seconds left; negative once it has passed."""
        return self.at - self.clock()
