"""Who could have answered and was not asked."""

from __future__ import annotations

from dataclasses import dataclass

from common_core.llm_attempts import SkipReason
from services.llm_provider_service.domain.target import Target


@dataclass(frozen=True, slots=True)
class Skipped:
    """A candidate that is not asked; `detail` says what it lacks.

    `seconds`: after so many it may be asked; `None` where time changes nothing, or where nobody knows.
    """

    target: Target
    reason: SkipReason
    detail: str = ""
    seconds: float | None = None
