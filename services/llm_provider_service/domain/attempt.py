"""The Attempt: one row of truth for each upstream call, whatever happened to it."""

from __future__ import annotations

from typing import NamedTuple

from common_core.llm_attempts import AttemptOutcome
from services.llm_provider_service.domain.money import UNPRICED, Cost
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN, Usage


class Attempt(NamedTuple):
    """One upstream call (or one that was not sent), numbered from 1 within its request; durations in seconds.

    `status` is the HTTP status with which the vendor said that it failed.
    """

    number: int
    target: Target
    outcome: AttemptOutcome
    duration_seconds: float
    status: int | None = None
    served_model: str | None = None
    usage: Usage = USAGE_UNKNOWN
    cost: Cost = UNPRICED

    @property
    def sent(self) -> bool:
        """Whether the vendor was called at all."""
        return self.outcome is not AttemptOutcome.NOT_SENT
