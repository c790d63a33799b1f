"""How long one upstream call may take, part by part."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.llm_provider_service.resilience.deadline import CLOCK_TOLERANCE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """Seconds: to connect, to the first byte of the answer, between two chunks, and for the whole call."""

    connect: float
    first_byte: float
    idle: float
    total: float

    def within(self, remaining: float) -> TimeLimits:
        """The same limits for a call that has only *remaining* seconds, as exactly as a timer fires."""
        return self if remaining + CLOCK_TOLERANCE_SECONDS >= self.total else replace(self, total=max(remaining, 0.001))
