"""A comparison of two essays, and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from common_core.domain_enums import EssayComparisonWinner


class Comparison(NamedTuple):
    """The question to judge; `instructions` is the caller's prompt, the essays are data."""

    instructions: str
    essay_a: str
    essay_b: str
    system_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One verdict: confidence 1–5, justification 1–1000 characters."""

    winner: EssayComparisonWinner
    justification: str
    confidence: float
    justification_truncated: bool = False
