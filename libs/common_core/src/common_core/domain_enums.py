"""Closed sets of the essay assessment domain."""

from __future__ import annotations

from enum import StrEnum


class EssayComparisonWinner(StrEnum):
    """The only two verdicts that exist; a tie is not one of them."""

    ESSAY_A = "Essay A"
    ESSAY_B = "Essay B"
