"""Enums of the essay assessment domain."""

from __future__ import annotations

from enum import StrEnum


class EssayComparisonWinner(StrEnum):
    """The two possible verdicts; there is no tie."""

    ESSAY_A = "Essay A"
    ESSAY_B = "Essay B"
