"""The slow return after a cooldown: one, two, four, and nobody is forgotten in the line."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.implementations.turnstile_impl import FULLY_OPEN, MOST_TARGETS, NoTurn, Turnstile

TARGET = Target(LLMProviderType.OPENAI, "a-model")


async def ticks(count: int) -> None:
    """Let the loop turn *count* times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_target_that_never_cooled_is_not_limited() -> None:
    turnstile = Turnstile()
    tickets = [await turnstile.enter(TARGET, 0) for _ in range(100)]
    assert set(tickets) == {None}
    for ticket in tickets:
        turnstile.leave(TARGET, ticket, succeeded=True)


async def test_waves_double_and_a_failure_does_not_widen_them() -> None:
    turnstile = Turnstile()
    turnstile.restart(TARGET)
    out = 0
    go = asyncio.Event()

    async def visitor() -> None:
        nonlocal out
        ticket = await turnstile.enter(TARGET, 60)
        out += 1
        await go.wait()
        out -= 1
        turnstile.leave(TARGET, ticket, succeeded=True)

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
    turnstile = Turnstile()
    turnstile.restart(TARGET)
    ticket = await turnstile.enter(TARGET, 0)
    with pytest.raises(NoTurn):
        await turnstile.enter(TARGET, 0.01)
    turnstile.leave(TARGET, ticket, succeeded=False)
    assert await turnstile.enter(TARGET, 0) is ticket


@pytest.mark.parametrize("seed", range(30))
async def test_whoever_is_cancelled_wherever_every_turn_comes_back(seed: int) -> None:
    luck = Random(seed)
    turnstile = Turnstile()
    turnstile.restart(TARGET)

    async def visitor(stay: int) -> None:
        ticket = await turnstile.enter(TARGET, 60)
        try:
            await ticks(stay)
        finally:
            turnstile.leave(TARGET, ticket, succeeded=luck.random() < 0.3)

    visitors = [asyncio.create_task(visitor(luck.randrange(5))) for _ in range(60)]
    while not all(task.done() for task in visitors):
        for task in luck.sample(visitors, luck.randrange(4)):
            task.cancel()
        if luck.random() < 0.05:
            turnstile.restart(TARGET)
        await ticks(luck.randrange(1, 4))
    ramp = await turnstile.enter(TARGET, 0)
    assert ramp is not None
    assert (ramp.out, len(ramp.line)) == (1, 0)


async def test_enough_successes_lift_the_limit() -> None:
    turnstile = Turnstile()
    turnstile.restart(TARGET)
    for _ in range(FULLY_OPEN - 1):
        turnstile.leave(TARGET, await turnstile.enter(TARGET, 0), succeeded=True)
    assert await turnstile.enter(TARGET, 0) is None


async def test_invented_models_cannot_fill_the_memory_and_who_waits_for_a_forgotten_one_may_go() -> None:
    turnstile = Turnstile()
    turnstile.restart(TARGET)
    await turnstile.enter(TARGET, 0)
    waiting = asyncio.create_task(turnstile.enter(TARGET, 60))
    await ticks(1)
    for index in range(MOST_TARGETS):
        turnstile.restart(Target(LLMProviderType.OPENAI, f"model-{index}"))
    await ticks(2)
    assert waiting.done()
    assert await turnstile.enter(TARGET, 0) is None
