"""The gate on a real event loop: never more than its slots, first come first served, and nothing leaks."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from services.llm_provider_service.resilience.admission import AdmissionPolicy, ShedReason
from services.llm_provider_service.resilience.concurrency_limit import ConcurrencyLimit, LimitReached
from services.llm_provider_service.resilience.deadline import Deadline
from services.llm_provider_service.tests.unit.routing.samples import HandClock

FAR = Deadline(at=1e9, clock=lambda: 0.0)
ROOMY = AdmissionPolicy(slots=3, queue_limit=1000, queue_seconds=60.0)


async def ticks(count: int) -> None:
    """Let the loop turn *count* times."""
    for _ in range(count):
        await asyncio.sleep(0)


def gate_with(clock: HandClock | None = None, **changes: float) -> ConcurrencyLimit:
    """A gate of one slot; without a *clock* its own stands still, so that only the line decides."""
    policy = {"slots": 1, "queue_limit": 10, "queue_seconds": 60.0} | changes
    return ConcurrencyLimit(AdmissionPolicy(**policy), clock=clock or HandClock())  # type: ignore[arg-type]  # whole numbers stay whole


@pytest.mark.parametrize("seed", range(40))
async def test_whoever_is_cancelled_wherever_nothing_leaks(seed: int) -> None:
    luck = Random(seed)
    gate = ConcurrencyLimit(ROOMY, clock=HandClock())
    inside = most = 0

    async def visitor(stay: int) -> None:
        nonlocal inside, most
        entered = await gate.enter(FAR, reserve_seconds=0)
        inside += 1
        most = max(most, inside)
        try:
            await ticks(stay)
        finally:
            inside -= 1
            gate.release(entered)

    visitors = [asyncio.create_task(visitor(luck.randrange(6))) for _ in range(60)]
    while not all(task.done() for task in visitors):
        for task in luck.sample(visitors, luck.randrange(4)):
            task.cancel()
        await ticks(luck.randrange(1, 4))
        assert gate.held <= 3
    assert most == 3
    assert (gate.held, gate.waiting, inside) == (0, 0, 0)
    assert gate.free


@pytest.mark.parametrize("seed", range(20))
async def test_a_slot_that_comes_as_patience_ends_goes_to_the_next(seed: int) -> None:
    """Timeouts of a millisecond race with slots that are handed on."""
    luck = Random(seed)
    gate = gate_with(slots=2, queue_limit=100, queue_seconds=0.001)

    async def visitor() -> bool:
        try:
            entered = await gate.enter(FAR, reserve_seconds=0)
        except LimitReached:
            return False
        await asyncio.sleep(luck.choice((0, 0.0005, 0.001, 0.0015)))
        gate.release(entered)
        return True

    answers = await asyncio.gather(*(visitor() for _ in range(50)))
    assert sum(answers) >= 2
    assert (gate.held, gate.waiting) == (0, 0)


async def test_first_come_first_served() -> None:
    gate = gate_with()
    served: list[int] = []
    entered = await gate.enter(FAR, reserve_seconds=0)

    async def visitor(number: int) -> None:
        moment = await gate.enter(FAR, reserve_seconds=0)
        served.append(number)
        gate.release(moment)

    waiting = []
    for number in range(5):
        waiting.append(asyncio.create_task(visitor(number)))
        await ticks(1)
    waiting[2].cancel()
    await ticks(1)
    gate.release(entered)
    await asyncio.gather(*waiting, return_exceptions=True)
    assert served == [0, 1, 3, 4]


async def test_nobody_overtakes_the_line() -> None:
    gate = gate_with()
    entered = await gate.enter(FAR, reserve_seconds=0)
    first = asyncio.create_task(gate.enter(FAR, reserve_seconds=0))
    await ticks(1)
    gate.release(entered)
    assert not gate.free, "the slot is on its way to whoever waits"
    late = asyncio.create_task(gate.enter(FAR, reserve_seconds=0))
    await ticks(2)
    assert (first.done(), late.done()) == (True, False)
    gate.release(await first)
    gate.release(await late)
    assert gate.held == 0


async def test_a_full_line_is_refused_at_once_and_told_when_to_come_back() -> None:
    clock = HandClock()
    gate = gate_with(clock, queue_limit=0)
    entered = await gate.enter(FAR, reserve_seconds=0)
    clock.now += 8
    gate.release(entered)
    entered = await gate.enter(FAR, reserve_seconds=0)
    with pytest.raises(LimitReached) as refused:
        await gate.enter(FAR, reserve_seconds=0)
    assert refused.value.retry_after == 8
    gate.release(entered)
    assert gate.held == 0


async def test_whoever_may_not_wait_does_not() -> None:
    gate = gate_with()
    entered = await gate.enter(FAR, reserve_seconds=0)
    with pytest.raises(LimitReached):
        await gate.enter(FAR, reserve_seconds=0, may_wait=False)
    assert gate.waiting == 0
    gate.release(entered)


async def test_a_deadline_with_no_time_to_wait_is_refused_on_arrival() -> None:
    gate = gate_with()
    entered = await gate.enter(FAR, reserve_seconds=0)
    soon = Deadline(at=0.4, clock=lambda: 0.0)
    with pytest.raises(LimitReached):
        await gate.enter(soon, reserve_seconds=0.5)
    gate.release(entered)
    assert (gate.held, gate.waiting) == (0, 0)


async def test_calls_that_hang_are_seen_before_they_end() -> None:
    clock = HandClock()
    gate = gate_with(clock, slots=2, queue_seconds=5.0)
    first = await gate.enter(FAR, reserve_seconds=0)
    clock.now += 20
    second = await gate.enter(FAR, reserve_seconds=0)
    with pytest.raises(LimitReached) as refused:
        await gate.enter(FAR, reserve_seconds=0)
    assert refused.value.retry_after == 5, "the slots are held for 10 s in the mean, and there are two"
    gate.release(first)
    gate.release(second)
    assert gate.held == 0


async def test_a_slot_that_was_not_used_says_nothing_about_how_long_one_is_held() -> None:
    clock = HandClock()
    gate = gate_with(clock, queue_limit=0)
    entered = await gate.enter(FAR, reserve_seconds=0)
    clock.now += 8
    gate.release(entered)
    gate.release_unused(await gate.enter(FAR, reserve_seconds=0))
    entered = await gate.enter(FAR, reserve_seconds=0)
    with pytest.raises(LimitReached) as refused:
        await gate.enter(FAR, reserve_seconds=0)
    assert refused.value.retry_after == 8
    gate.release(entered)


async def test_who_stands_aside_has_a_place_in_the_line() -> None:
    gate = gate_with(queue_limit=1)
    gate.hold_queue_place()
    assert gate.waiting == 1
    with pytest.raises(LimitReached):
        gate.hold_queue_place()
    gate.release_queue_place()
    gate.hold_queue_place()
    gate.release_queue_place()
    assert gate.waiting == 0


async def test_who_stands_aside_and_who_waits_for_a_slot_share_one_line() -> None:
    gate = gate_with(queue_limit=2)
    entered = await gate.enter(FAR, reserve_seconds=0)
    gate.hold_queue_place()
    waiting = asyncio.create_task(gate.enter(FAR, reserve_seconds=0))
    await ticks(1)
    with pytest.raises(LimitReached) as refused:
        await gate.enter(FAR, reserve_seconds=0)
    assert (refused.value.reason, gate.waiting) == (ShedReason.QUEUE_FULL, 2)
    gate.release_queue_place()
    back = asyncio.create_task(gate.enter(FAR, reserve_seconds=0))  # whoever comes back has its place for the slot
    await ticks(1)
    assert gate.waiting == 2
    gate.release(entered)
    gate.release(await waiting)
    gate.release(await back)
    assert (gate.held, gate.waiting) == (0, 0)


async def test_a_full_line_keeps_nobody_from_a_free_slot() -> None:
    gate = gate_with(queue_limit=1)
    gate.hold_queue_place()
    assert gate.free
    gate.release(await gate.enter(FAR, reserve_seconds=0))
    gate.release_queue_place()


async def test_who_stands_aside_makes_nobody_expect_a_longer_wait() -> None:
    clock = HandClock()
    gate = gate_with(clock, queue_seconds=5.0)
    entered = await gate.enter(FAR, reserve_seconds=0)
    clock.now += 3
    for _ in range(9):
        gate.hold_queue_place()
    waiting = asyncio.create_task(gate.enter(FAR, reserve_seconds=0))
    await ticks(1)
    assert not waiting.done(), "it was not refused"
    gate.release(entered)
    gate.release(await waiting)


async def test_a_slot_on_its_way_to_whoever_waits_does_not_look_as_if_it_were_held_for_ever() -> None:
    clock = HandClock()
    clock.now = 100_000.0
    gate = gate_with(clock)
    entered = await gate.enter(FAR, reserve_seconds=0)
    first = asyncio.create_task(gate.enter(FAR, reserve_seconds=0))
    await ticks(1)
    late = asyncio.create_task(gate.enter(FAR, reserve_seconds=0))  # its turn comes before the one that is woken now
    gate.release(entered)
    await ticks(2)
    gate.release(await first)
    gate.release(await late)
    assert gate.held == 0
