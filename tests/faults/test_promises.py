"""P5, P7 and P8 of FAULTS, in their short form; `write_matrix` measures P7 and P8 for longer."""

from __future__ import annotations

import pytest

from tests.faults.bulkhead import SLOTS, SLOWER_AT_MOST, measure_bulkhead
from tests.faults.deadlines import AT_ONCE, LATEST_MS, WAVES, measure_lateness
from tests.faults.overload import FLAT_BYTES, LINES, Line, measure_overload


@pytest.mark.serial
async def test_no_answer_comes_later_than_its_deadline_and_250_ms() -> None:
    measured = await measure_lateness()
    assert len(measured) == sum(map(len, WAVES))
    assert all(len(late.late_ms) == AT_ONCE for late in measured)
    assert {late.fault.name: late.p99_ms for late in measured if late.p99_ms > LATEST_MS} == {}
    assert {status for late in measured for status in late.statuses} <= {502, 503, 504}


@pytest.mark.serial
async def test_a_hanging_provider_leaves_the_others_as_fast_as_they_were() -> None:
    measured = await measure_bulkhead(requests=48)
    assert measured.failed == 0
    assert measured.ratio <= SLOWER_AT_MOST, measured.pairs
    assert 0 < measured.peak <= SLOTS
    assert measured.growth_bytes < FLAT_BYTES


@pytest.mark.serial
@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name.partition(":")[0])
async def test_at_three_times_the_capacity_the_slots_stay_busy_and_the_rest_is_refused_at_once(line: Line) -> None:
    measured = await measure_overload(line, seconds=4)
    assert measured.problems() == []
    assert measured.statuses[503] > measured.statuses[200] > 300
