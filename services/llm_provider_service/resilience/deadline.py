"""The deadline of a request: one total time limit, on a monotonic clock that is passed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Clock = Callable[[], float]

# A timer of an event loop may fire this many seconds too early.
CLOCK_TOLERANCE_SECONDS = 0.01


class Deadline(NamedTuple):
    """A time on *clock*, in seconds; `callers_own`: the caller asked for less time than the service allows."""

    at: float
    clock: Clock
    callers_own: bool = False

    @classmethod
    def after(cls, seconds: float, clock: Clock, *, callers_own: bool = False) -> Deadline:
        """Returns the deadline *seconds* from now."""
        return cls(at=clock() + seconds, clock=clock, callers_own=callers_own)

    def remaining(self) -> float:
        """Seconds left; negative once it has passed."""
        return self.at - self.clock()
