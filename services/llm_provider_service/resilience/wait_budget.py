"""What one request may spend, all in all, on waiting for something that it could do without."""

from __future__ import annotations


class WaitBudget:
    """Seconds that are `left`; whoever waits takes what it used."""

    __slots__ = ("left",)

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def spend(self, seconds: float) -> None:
        """Take *seconds* out; never less than nothing is left."""
        self.left = max(0.0, self.left - seconds)
