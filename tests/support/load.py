"""A steady load on a gateway, and what became of each request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter

from tests.support.gateway import Gateway

CALLERS = 20
PAUSE_SECONDS = 0.15
TICK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Shot:
    """One request: when it began and how long it took, in seconds, and what came of it."""

    began: float
    seconds: float
    status: int
    cached: bool


@dataclass
class Load:
    """What was asked so far; each question is asked twice, and `questions` are those that were begun."""

    shots: list[Shot] = field(default_factory=list)
    questions: int = 0
    answers: list[int] = field(default_factory=lambda: [0] * CALLERS)
    lags: list[tuple[float, float]] = field(default_factory=list)

    async def each_has_more(self, answers: int) -> None:
        """Wait until each caller has so many more: one is what may be under way, three hold a new question."""
        due = [had + answers for had in self.answers]
        while any(has < wanted for has, wanted in zip(self.answers, due, strict=True)):  # noqa: ASYNC110 -- counted
            await asyncio.sleep(TICK_SECONDS)

    def slowest(self, since: float = 0.0, until: float = float("inf")) -> float:
        """Seconds of the slowest request that began in that time, less those in which the machine did not run us."""
        return max((self._own_seconds(shot) for shot in self.shots if since <= shot.began < until), default=0.0)

    def _own_seconds(self, shot: Shot) -> float:
        """Everything here shares one event loop: while that came late to a tick, every request under way waited.

        The request that ends a standstill may end before the tick that tells of it, so what counts is the overlap.
        """
        end = shot.began + shot.seconds
        lost = sum(max(0.0, min(at, end) - max(at - late, shot.began)) for at, late in self.lags)
        return shot.seconds - lost

    def failed(self) -> list[Shot]:
        """Requests that were not answered with a verdict."""
        return [shot for shot in self.shots if shot.status != 200]


@asynccontextmanager
async def under_load(gateway: Gateway, *, first_question: int = 1000) -> AsyncIterator[Load]:
    """Twenty callers, each with a pause between its requests, until the end of the block; all are waited for."""
    load = Load()
    stop = asyncio.Event()

    async def ask(question: int) -> None:
        began = perf_counter()
        answer = await gateway.compare(sample_index=question)
        cached = answer.status == 200 and answer.body["cached"]
        load.shots.append(Shot(began, perf_counter() - began, answer.status, cached))

    async def caller(number: int) -> None:
        while not stop.is_set():
            question = first_question + load.questions
            load.questions += 1
            for _ in range(2):
                await ask(question)
                load.answers[number] += 1
                await asyncio.sleep(PAUSE_SECONDS)

    async def tick() -> None:
        while not stop.is_set():
            due = perf_counter() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            load.lags.append((perf_counter(), max(0.0, perf_counter() - due)))

    ticking = asyncio.create_task(tick())
    callers = [asyncio.create_task(caller(number)) for number in range(CALLERS)]
    try:
        yield load
    finally:
        stop.set()
        await asyncio.gather(ticking, *callers)
