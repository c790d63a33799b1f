"""The slow return after a cooldown: one, two, four, and nobody is forgotten in the line."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.resilience.slow_start import (
    FULLY_OPEN,
    MOST_TARGETS,
    NoTurnInTime,
    Ramp,
    SlowStart,
)

TARGET = Target(LLMProviderType.OPENAI, "a-model")


async def ticks(count: int) -> None:
    """Let the loop turn *count* times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def everybody_who_may_go(slow_start: SlowStart) -> list[Ramp | None]:
    """Take turns until none is free."""
    tickets = []
    while True:
        try:
            tickets.append(await slow_start.enter(TARGET, 0))
        except NoTurnInTime:
            return tickets


async def grown_to(width: int) -> SlowStart:
    """One that lets *width* calls out at once."""
    slow_start = SlowStart()
    slow_start.restart(TARGET)
    for _ in range(width - 1):
        slow_start.leave(TARGET, await slow_start.enter(TARGET, 0), succeeded=True)
    return slow_start


def come_back(slow_start: SlowStart, tickets: list[Ramp | None]) -> None:
    """All of them succeed."""
    for ticket in tickets:
        slow_start.leave(TARGET, ticket, succeeded=True)


async def test_a_target_that_never_cooled_is_not_limited() -> None:
    slow_start = SlowStart()
    tickets = [await slow_start.enter(TARGET, 0) for _ in range(100)]
    assert set(tickets) == {None}
    for ticket in tickets:
        slow_start.leave(TARGET, ticket, succeeded=True)


async def test_waves_double_and_a_failure_does_not_widen_them() -> None:
    slow_start = SlowStart()
    slow_start.restart(TARGET)
    out = 0
    go = asyncio.Event()

    async def visitor() -> None:
        nonlocal out
        ticket = await slow_start.enter(TARGET, 60)
        out += 1
        await go.wait()
        out -= 1
        slow_start.leave(TARGET, ticket, succeeded=True)

    visitors = [asyncio.create_task(visitor()) for _ in range(40)]
    waves = []
    while not all(task.done() for task in visitors):
        await ticks(3)
        waves.append(out)
        go.set()
        await ticks(1)
        go.clear()
    assert waves[:4] == [1, 2, 4, 8]


async def test_a_turn_that_does_not_come_in_time_is_refused() -> None:
    slow_start = SlowStart()
    slow_start.restart(TARGET)
    ticket = await slow_start.enter(TARGET, 0)
    with pytest.raises(NoTurnInTime):
        await slow_start.enter(TARGET, 0.01)
    slow_start.leave(TARGET, ticket, succeeded=False)
    assert await slow_start.enter(TARGET, 0) is ticket


@pytest.mark.parametrize("seed", range(30))
async def test_whoever_is_cancelled_wherever_every_turn_comes_back(seed: int) -> None:
    luck = Random(seed)
    slow_start = SlowStart()
    slow_start.restart(TARGET)

    async def visitor(stay: int) -> None:
        ticket = await slow_start.enter(TARGET, 60)
        try:
            await ticks(stay)
        finally:
            slow_start.leave(TARGET, ticket, succeeded=luck.random() < 0.3)

    visitors = [asyncio.create_task(visitor(luck.randrange(5))) for _ in range(60)]
    while not all(task.done() for task in visitors):
        for task in luck.sample(visitors, luck.randrange(4)):
            task.cancel()
        if luck.random() < 0.05:
            slow_start.restart(TARGET)
        await ticks(luck.randrange(1, 4))
    ramp = await slow_start.enter(TARGET, 0)
    assert ramp is not None
    assert (ramp.out, len(ramp.line)) == (1, 0)


@pytest.mark.parametrize("width", [1, 2, 32, FULLY_OPEN - 1])
@pytest.mark.parametrize("back_before", [0, 1, 3], ids=["first wave", "second wave", "fourth wave"])
async def test_calls_of_before_a_cooldown_widen_nothing_and_are_not_waited_for(width: int, back_before: int) -> None:
    slow_start = await grown_to(width)
    limited, *others = await everybody_who_may_go(slow_start)
    assert len(others) == width - 1
    slow_start.restart(TARGET)
    slow_start.leave(TARGET, limited, succeeded=False)
    waves = []
    for number in range(4):
        if number == back_before:
            come_back(slow_start, others)
        wave = await everybody_who_may_go(slow_start)
        waves.append(len(wave))
        come_back(slow_start, wave)
    assert waves == [1, 2, 4, 8]


async def test_however_many_429s_come_one_goes_first_and_then_one_that_was_sent_after_them() -> None:
    slow_start = SlowStart()
    for _ in range(3):
        slow_start.restart(TARGET)
    first = await everybody_who_may_go(slow_start)
    for _ in range(3):
        slow_start.restart(TARGET)
        assert await everybody_who_may_go(slow_start) == []
    come_back(slow_start, first)
    assert (len(first), len(await everybody_who_may_go(slow_start))) == (1, 1)


async def test_a_turn_of_before_a_cooldown_is_void() -> None:
    slow_start = await grown_to(2)
    ticket = await slow_start.enter(TARGET, 0)
    assert slow_start.admits(TARGET, ticket)
    assert not slow_start.admits(TARGET, None)
    slow_start.restart(TARGET)
    assert not slow_start.admits(TARGET, ticket)
    assert slow_start.admits(TARGET, await slow_start.enter(TARGET, 0))
    assert slow_start.admits(Target(LLMProviderType.OPENAI, "another"), None)


async def test_who_waits_when_a_cooldown_begins_keeps_the_place() -> None:
    slow_start = await grown_to(2)
    await everybody_who_may_go(slow_start)
    waiting = [asyncio.create_task(slow_start.enter(TARGET, 60)) for _ in range(4)]
    await ticks(1)
    slow_start.restart(TARGET)
    waiting[1].cancel()
    await ticks(3)
    assert [task.done() for task in waiting] == [True, True, False, False]
    come_back(slow_start, [await waiting[0]])
    tickets = [await waiting[2], await waiting[3]]
    come_back(slow_start, tickets)
    assert len(await everybody_who_may_go(slow_start)) == 4


async def test_at_once_there_is_a_turn_only_where_one_is_free_and_nobody_waits_for_it() -> None:
    slow_start = SlowStart()
    assert slow_start.enter_at_once(TARGET) is None, "nothing is limited"
    slow_start.restart(TARGET)
    ticket = slow_start.enter_at_once(TARGET)
    assert slow_start.admits(TARGET, ticket)
    assert slow_start.enter_at_once(TARGET) is None, "the one turn is taken"
    waiting = asyncio.create_task(slow_start.enter(TARGET, 60))
    await ticks(1)
    slow_start.leave(TARGET, ticket, succeeded=False)
    assert slow_start.enter_at_once(TARGET) is None, "the turn is on its way to whoever waits"
    slow_start.leave(TARGET, await waiting, succeeded=False)
    assert slow_start.enter_at_once(TARGET) is not None


async def test_enough_successes_lift_the_limit() -> None:
    slow_start = SlowStart()
    slow_start.restart(TARGET)
    for _ in range(FULLY_OPEN - 1):
        slow_start.leave(TARGET, await slow_start.enter(TARGET, 0), succeeded=True)
    assert await slow_start.enter(TARGET, 0) is None


async def test_invented_models_cannot_fill_the_memory_and_who_waits_for_a_forgotten_one_may_go() -> None:
    slow_start = SlowStart()
    slow_start.restart(TARGET)
    await slow_start.enter(TARGET, 0)
    waiting = asyncio.create_task(slow_start.enter(TARGET, 60))
    await ticks(1)
    for index in range(MOST_TARGETS):
        slow_start.restart(Target(LLMProviderType.OPENAI, f"model-{index}"))
    await ticks(2)
    assert waiting.done()
    assert await slow_start.enter(TARGET, 0) is None
