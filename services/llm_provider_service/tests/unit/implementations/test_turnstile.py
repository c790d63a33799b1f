"""The slow return after a cooldown: one, two, four, and nobody is forgotten in the line."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.implementations.turnstile_impl import (
    FULLY_OPEN,
    MOST_TARGETS,
    NoTurn,
    Ramp,
    Turnstile,
)

TARGET = Target(LLMProviderType.OPENAI, "a-model")


async def ticks(count: int) -> None:
    """Let the loop turn *count* times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def everybody_who_may_go(turnstile: Turnstile) -> list[Ramp | None]:
    """Take turns until none is free."""
    tickets = []
    while True:
        try:
            tickets.append(await turnstile.enter(TARGET, 0))
        except NoTurn:
            return tickets


async def grown_to(width: int) -> Turnstile:
    """One that lets *width* calls out at once."""
    turnstile = Turnstile()
    turnstile.restart(TARGET)
    for _ in range(width - 1):
        turnstile.leave(TARGET, await turnstile.enter(TARGET, 0), succeeded=True)
    return turnstile


def come_back(turnstile: Turnstile, tickets: list[Ramp | None]) -> None:
    """All of them succeed."""
    for ticket in tickets:
        turnstile.leave(TARGET, ticket, succeeded=True)


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


@pytest.mark.parametrize("width", [1, 2, 32, FULLY_OPEN - 1])
@pytest.mark.parametrize("back_before", [0, 1, 3], ids=["first wave", "second wave", "fourth wave"])
async def test_calls_of_before_a_cooldown_widen_nothing_and_are_not_waited_for(width: int, back_before: int) -> None:
    turnstile = await grown_to(width)
    limited, *others = await everybody_who_may_go(turnstile)
    assert len(others) == width - 1
    turnstile.restart(TARGET)
    turnstile.leave(TARGET, limited, succeeded=False)
    waves = []
    for number in range(4):
        if number == back_before:
            come_back(turnstile, others)
        wave = await everybody_who_may_go(turnstile)
        waves.append(len(wave))
        come_back(turnstile, wave)
    assert waves == [1, 2, 4, 8]


async def test_however_many_429s_come_one_goes_first_and_then_one_that_was_sent_after_them() -> None:
    turnstile = Turnstile()
    for _ in range(3):
        turnstile.restart(TARGET)
    first = await everybody_who_may_go(turnstile)
    for _ in range(3):
        turnstile.restart(TARGET)
        assert await everybody_who_may_go(turnstile) == []
    come_back(turnstile, first)
    assert (len(first), len(await everybody_who_may_go(turnstile))) == (1, 1)


async def test_a_turn_of_before_a_cooldown_is_void() -> None:
    turnstile = await grown_to(2)
    ticket = await turnstile.enter(TARGET, 0)
    assert turnstile.admits(TARGET, ticket)
    assert not turnstile.admits(TARGET, None)
    turnstile.restart(TARGET)
    assert not turnstile.admits(TARGET, ticket)
    assert turnstile.admits(TARGET, await turnstile.enter(TARGET, 0))
    assert turnstile.admits(Target(LLMProviderType.OPENAI, "another"), None)


async def test_who_waits_when_a_cooldown_begins_keeps_the_place() -> None:
    turnstile = await grown_to(2)
    await everybody_who_may_go(turnstile)
    waiting = [asyncio.create_task(turnstile.enter(TARGET, 60)) for _ in range(4)]
    await ticks(1)
    turnstile.restart(TARGET)
    waiting[1].cancel()
    await ticks(3)
    assert [task.done() for task in waiting] == [True, True, False, False]
    come_back(turnstile, [await waiting[0]])
    tickets = [await waiting[2], await waiting[3]]
    come_back(turnstile, tickets)
    assert len(await everybody_who_may_go(turnstile)) == 4


async def test_at_once_there_is_a_turn_only_where_one_is_free_and_nobody_waits_for_it() -> None:
    turnstile = Turnstile()
    assert turnstile.enter_at_once(TARGET) is None, "nothing is limited"
    turnstile.restart(TARGET)
    ticket = turnstile.enter_at_once(TARGET)
    assert turnstile.admits(TARGET, ticket)
    assert turnstile.enter_at_once(TARGET) is None, "the one turn is taken"
    waiting = asyncio.create_task(turnstile.enter(TARGET, 60))
    await ticks(1)
    turnstile.leave(TARGET, ticket, succeeded=False)
    assert turnstile.enter_at_once(TARGET) is None, "the turn is on its way to whoever waits"
    turnstile.leave(TARGET, await waiting, succeeded=False)
    assert turnstile.enter_at_once(TARGET) is not None


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
