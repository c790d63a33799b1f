"""P5, P7 and P8 of FAULTS, in their short form; `write_matrix` measures P7 and P8 for longer."""

from __future__ import annotations

import pytest

from tests.faults.bulkhead import measure_bulkhead
from tests.faults.deadlines import AT_ONCE, LATEST_MS, WAVES, Lateness, measure_lateness
from tests.faults.overload import LINES, Line, measure_overload


@pytest.mark.serial
async def test_no_answer_comes_later_than_its_deadline_and_250_ms() -> None:
    """A fault that is late is measured once more: a machine that is busy elsewhere makes answers late by chance."""
    measured = await measure_lateness()
    late = late_ones(measured)
    if late:
        measured += (again := await measure_lateness())
        late &= late_ones(again)
    assert late == set(), measured
    assert {len(one.late_ms) for one in measured} == {AT_ONCE}
    assert {one.fault.name for one in measured} == {fault.name for wave in WAVES for fault in wave}
    assert {status for one in measured for status in one.statuses} <= {502, 503, 504}


def late_ones(measured: list[Lateness]) -> set[str]:
    """The faults under which the promise was not kept."""
    return {one.fault.name for one in measured if one.p99_ms > LATEST_MS}


@pytest.mark.serial
@pytest.mark.timeout(120)
async def test_a_hanging_provider_leaves_the_others_as_fast_as_they_were() -> None:
    measured = await measure_bulkhead(requests=48)
    assert measured.problems() == []


@pytest.mark.serial
@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name.partition(":")[0])
async def test_at_three_times_the_capacity_the_slots_stay_busy_and_the_rest_is_refused_at_once(line: Line) -> None:
    measured = await measure_overload(line, seconds=4)
    assert measured.problems() == []
    assert measured.statuses[503] > measured.statuses[200] > 300
