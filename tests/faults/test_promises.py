"""P5 to P8 of FAULTS: what happens, and in which order; `write_matrix` measures how long it takes, and insists.

Each is played once and for a short time, beside other tests: nothing here may depend on how fast the machine is.
"""

from __future__ import annotations

import pytest

from tests.faults.bulkhead import play_bulkhead
from tests.faults.deadlines import DEADLINE_MS, FAULTS, play_slow_faults
from tests.faults.open_breaker import play_open_breaker
from tests.faults.overload import LINES, Line, play_overload

pytestmark = pytest.mark.sockets


async def test_every_slow_fault_is_answered_by_the_deadline_and_not_by_its_own_end() -> None:
    """The faults last for five seconds or for ever; at the latest they are answered after two deadlines, three seconds.

    The 250 ms of the promise are measured by `write_matrix`.
    """
    played = await play_slow_faults()
    assert {one.fault.name: one.wrong() for one in played} == {fault.name: [] for fault in FAULTS}
    assert {one.fault.name: one.p99_ms for one in played if one.p99_ms > DEADLINE_MS} == {}


async def test_an_open_breaker_calls_nobody_and_a_half_open_one_lets_one_of_a_hundred_through() -> None:
    assert (await play_open_breaker(refused=50, probe_seconds=4.0)).wrong() == []


async def test_a_hanging_provider_takes_its_own_slots_and_nothing_from_the_others() -> None:
    assert (await play_bulkhead(requests=48, pairs=1)).wrong() == []


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name.partition(":")[0])
async def test_at_three_times_the_capacity_each_is_served_or_refused_and_nothing_is_lost(line: Line) -> None:
    played = await play_overload(line, seconds=2)
    assert played.wrong() == []
    assert played.statuses[503] > played.statuses[200]
