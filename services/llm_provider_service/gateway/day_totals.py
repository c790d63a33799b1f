"""Counts today's requests and cost in this process."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from services.llm_provider_service.domain.money import decimal_text

SECONDS_A_DAY = 86_400


class DayTotals:
    """Requests and exact cost in USD since midnight UTC, or since the process started if that was later."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._day = 0
        self._ends = 0.0
        self._requests = 0
        self._cost = Decimal(0)
        self._reset_on_new_day()

    @property
    def requests(self) -> int:
        """Number of orders today."""
        self._reset_on_new_day()
        return self._requests

    @property
    def cost(self) -> Decimal:
        """Cost of today's priced attempts in USD."""
        self._reset_on_new_day()
        return self._cost

    def add_request(self) -> None:
        """Count one more order."""
        if self._wall_clock() >= self._ends:
            self._reset_on_new_day()
        self._requests += 1

    def add_cost(self, usd: Decimal) -> None:
        """Add the cost of one more priced attempt, in USD."""
        if self._wall_clock() >= self._ends:
            self._reset_on_new_day()
        self._cost += usd

    def said(self) -> dict[str, Any]:
        """Returns both totals as JSON values, with their day."""
        self._reset_on_new_day()
        return {"day": self._day, "requests": self._requests, "cost": decimal_text(self._cost)}

    def _reset_on_new_day(self) -> None:
        """Start at zero if a new day has begun."""
        today = int(self._wall_clock() // SECONDS_A_DAY)
        if today != self._day:
            self._day, self._requests, self._cost = today, 0, Decimal(0)
            self._ends = (today + 1) * SECONDS_A_DAY


def add_totals(left: dict[str, Any] | None, last: dict[str, Any]) -> dict[str, Any]:
    """Returns the totals of two workers added up; if their days differ, those of the later day."""
    if left is None or left["day"] < last["day"]:
        return last
    if left["day"] > last["day"]:
        return left
    cost = decimal_text(Decimal(left["cost"]) + Decimal(last["cost"]))
    return {"day": left["day"], "requests": left["requests"] + last["requests"], "cost": cost}
