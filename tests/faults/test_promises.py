"""P5 and P7 of FAULTS, in their short form; `write_matrix` measures P7 for longer."""

from __future__ import annotations

import pytest

from tests.faults.bulkhead import SLOTS, measure_bulkhead
from tests.faults.deadlines import AT_ONCE, LATEST_MS, WAVES, measure_lateness
from tests.faults.page import SLOWER_AT_MOST

FLAT_BYTES = 8 * 1024 * 1024


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
