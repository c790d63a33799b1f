"""Time limits for the parts of one upstream call."""

from __future__ import annotations

from typing import NamedTuple

from services.llm_provider_service.resilience.deadline import CLOCK_TOLERANCE_SECONDS


class TimeLimits(NamedTuple):
    """Seconds: to connect, to the first byte of the answer, between two chunks, and for the whole call."""

    connect: float
    first_byte: float
    idle: float
    total: float

    def within(self, remaining: float) -> TimeLimits:
        """Returns these limits for a call that has only *remaining* seconds, within the precision of a timer."""
        return self if remaining + CLOCK_TOLERANCE_SECONDS >= self.total else self._replace(total=max(remaining, 0.001))
