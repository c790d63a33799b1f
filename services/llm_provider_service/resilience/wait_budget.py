"""The time that one request may spend in total on waits for optional things, such as the shared cache."""

from __future__ import annotations


class WaitBudget:
    """Seconds that are `left`; each wait subtracts the time that it took."""

    __slots__ = ("left",)

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def spend(self, seconds: float) -> None:
        """Subtract *seconds*; the rest is never negative."""
        self.left = max(0.0, self.left - seconds)
