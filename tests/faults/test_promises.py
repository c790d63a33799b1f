"""P5 to P8 of FAULTS, in their short form; `write_matrix` measures P7 and P8 for longer."""

from __future__ import annotations

import pytest

from tests.faults.bulkhead import measure_bulkhead
from tests.faults.deadlines import FAULTS, measure_lateness
from tests.faults.open_breaker import WITHIN_MS, measure_open_breaker
from tests.faults.overload import LINES, Line, measure_overload

SLACK = 4  # for the p99 on a machine that is busy elsewhere in three rounds; the page is not written above 1


@pytest.mark.serial
async def test_no_answer_comes_later_than_its_deadline_and_250_ms() -> None:
    measured = await measure_lateness()
    assert {one.fault.name: one.problems() for one in measured} == {fault.name: [] for fault in FAULTS}


@pytest.mark.serial
@pytest.mark.timeout(90)
async def test_an_open_breaker_answers_at_once_and_a_half_open_one_lets_one_of_a_hundred_through() -> None:
    measured = await measure_open_breaker()
    assert measured.wrong() == []
    assert measured.tail.p50 < WITHIN_MS
    assert measured.tail.p99 < SLACK * WITHIN_MS


@pytest.mark.serial
@pytest.mark.timeout(180)
async def test_a_hanging_provider_leaves_the_others_as_fast_as_they_were() -> None:
    measured = await measure_bulkhead(requests=48)
    assert measured.problems() == []


@pytest.mark.serial
@pytest.mark.timeout(90)
@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name.partition(":")[0])
async def test_at_three_times_the_capacity_the_slots_stay_busy_and_the_rest_is_refused_at_once(line: Line) -> None:
    measured = await measure_overload(line, seconds=4)
    assert measured.problems() == []
    assert measured.statuses[503] > measured.statuses[200] > 300
