"""A minute of everything at once; `./dev soak` is the same code for longer."""

from __future__ import annotations

import asyncio

import pytest

from tests.soak.page import AS_IT_SHOULD_BE, PAGE, report
from tests.soak.questions import REFUSED_WITH
from tests.soak.result import Extent
from tests.soak.soaking import Glance, soak
from tests.soak.timeline import Fault

MINUTE = Extent(minutes=1.0, seed=2)
HARDLY_ANYTHING = Extent(minutes=1.0, warm_up_seconds=0.5, settle_seconds=0.5, proof_seconds=0.5)


def nobody_watches(_glance: Glance) -> None:
    """Nothing to see."""


@pytest.mark.sockets
@pytest.mark.timeout(240)
async def test_a_minute_of_everything_at_once_leaves_books_that_agree_and_nothing_behind() -> None:
    result = await soak(MINUTE, watch=nobody_watches, over=asyncio.Event())
    assert "\n".join(result.problems()) == ""
    assert set(result.played) == set(Fault)
    assert result.tally.sent > 60 * MINUTE.minutes * MINUTE.rate / 2
    assert {200, 502, 503, 504, *REFUSED_WITH.values()} <= set(result.tally.statuses)
    assert result.tally.hung_up > 0
    assert result.tally.cached > 0
    assert all(vendor.counted > 50 for vendor in result.vendors)
    assert result.calm.asked > 50
    assert result.growth is not None


@pytest.mark.sockets
@pytest.mark.timeout(120)
async def test_a_soak_that_is_ended_early_still_compares_the_books() -> None:
    over = asyncio.Event()
    phases: list[str] = []

    def enough(glance: Glance) -> None:
        phases.append(glance.phase)
        over.set()

    result = await soak(HARDLY_ANYTHING, watch=enough, over=over)
    assert phases[0] == "bad weather"
    assert "settling" in phases
    assert result.ended_early
    assert "\n".join(result.problems()) == ""
    assert 0 < result.tally.sent == sum(result.tally.statuses.values()) + result.tally.hung_up
    assert result.growth is None
    assert "ended early" in "\n".join(report(result))


def test_the_page_is_of_a_run_in_which_all_was_as_it_should_be() -> None:
    assert AS_IT_SHOULD_BE in PAGE.read_text(encoding="utf-8")
