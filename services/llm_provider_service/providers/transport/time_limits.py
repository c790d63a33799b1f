"""How long one upstream call may take, part by part."""

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
        """The same limits for a call that has only *remaining* seconds, as exactly as a timer fires."""
        return self if remaining + CLOCK_TOLERANCE_SECONDS >= self.total else self._replace(total=max(remaining, 0.001))
