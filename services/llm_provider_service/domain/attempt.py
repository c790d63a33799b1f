"""The record of one upstream call, whatever its outcome."""

from __future__ import annotations

from typing import NamedTuple

from common_core.llm_attempts import AttemptOutcome
from services.llm_provider_service.domain.money import UNPRICED, Cost
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN, Usage


class Attempt(NamedTuple):
    """One upstream call (or one that was not sent), numbered from 1 within its request; durations in seconds.

    `status` is the HTTP status of a vendor's error answer.
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
        """Returns whether the vendor was called at all."""
        return self.outcome is not AttemptOutcome.NOT_SENT
