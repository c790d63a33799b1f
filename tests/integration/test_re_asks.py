"""The one re-ask of a request among its retries and fallbacks: who is asked how often, and what the caller is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.gateway import running_gateway, vendors
from tests.vendor_sim import Status, Success, VendorSim
from tests.vendor_sim.scenarios import Scenario

pytestmark = pytest.mark.sockets

DOWN, PROSE, GOOD = Status(503), Success(text="Essay A is better."), Success()
Plays = tuple[Scenario, ...]
ROWS: dict[str, tuple[Plays, Plays, tuple[int, int], int, str]] = {
    "rejected twice": ((PROSE, PROSE), (), (2, 0), 502, "PARSING_ERROR"),
    "rejected, then right": ((PROSE, GOOD), (), (2, 0), 200, "openai"),
    "a hiccup, then rejected, then right": ((DOWN, PROSE, GOOD), (), (3, 0), 200, "openai"),
    "a hiccup, then rejected twice": ((DOWN, PROSE, PROSE), (), (3, 0), 502, "PARSING_ERROR"),
    "the re-ask fails, and the other answers": ((PROSE, DOWN), (GOOD,), (2, 1), 200, "anthropic"),
    "the re-ask fails, and the other is rejected": ((PROSE, DOWN), (PROSE,), (2, 1), 502, "PARSING_ERROR"),
    "a hiccup, rejected, the re-ask fails": ((DOWN, PROSE, DOWN), (GOOD,), (3, 1), 200, "anthropic"),
    "down here, rejected and right there": ((DOWN, DOWN), (PROSE, GOOD), (2, 2), 200, "anthropic"),
    "down here, a hiccup and rejected there": ((DOWN, DOWN), (DOWN, PROSE), (2, 2), 502, "PARSING_ERROR"),
    "down here and there": ((DOWN, DOWN), (DOWN, DOWN), (2, 2), 503, "SERVICE_UNAVAILABLE"),
}


@pytest.mark.parametrize("row", ROWS)
async def test_a_re_ask_is_one_call_at_the_same_vendor_and_counts_among_four(sim: VendorSim, row: str) -> None:
    here, there, calls, status, told = ROWS[row]
    sim.script("openai", [*here, GOOD])
    sim.script("anthropic", [*there, GOOD])
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await gateway.compare()
    assert (sim.count("openai"), sim.count("anthropic")) == calls
    assert (answer.status, answer.body["code" if status >= 400 else "provider"]) == (status, told)
    assert attempts(answer.body) == sum(calls) <= 4


def attempts(body: dict[str, Any]) -> int:
    """How many attempts an answer or a problem reports."""
    said = body["attempts"]
    return said if isinstance(said, int) else len(said)
