"""Candidates that could have answered but were not asked."""

from __future__ import annotations

from dataclasses import dataclass

from common_core.llm_attempts import SkipReason
from services.llm_provider_service.domain.target import Target


@dataclass(frozen=True, slots=True)
class Skipped:
    """A candidate that is not asked; `detail` says what it lacks.

    `seconds` is the time until it may be asked; `None` if time does not help, or if the time is unknown.
    """

    target: Target
    reason: SkipReason
    detail: str = ""
    seconds: float | None = None
