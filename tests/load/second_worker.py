"""What a second worker is worth: 1.8 times as many requests, measured where four cores are free.

Where there are fewer, what a request costs stands for it: two workers that have a core each serve 1.8 times as much as
one process if a request costs them at most 2 / 1.8 of what it costs that.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import repeat
from math import inf
from time import monotonic

import orjson

from tests.load.figures import Goal
from tests.load.generator import Aim, closed_loop
from tests.load.processes import pinned
from tests.support.processes import children, cpu_seconds, pin
from tests.support.service_process import ServiceProcess

CORES = sorted(os.sched_getaffinity(0))
ENOUGH_CORES = 4
WORTH = 1.8
LEAST_ROUNDS = 3
SILENT = '"event":"worker_silent"'
PATH = "/api/v1/comparison"
ASKED = orjson.dumps({"user_prompt": "Which argues better?", "essay_a": "For.", "essay_b": "No.", "cache": "bypass"})


@asynccontextmanager
async def two_and_one() -> AsyncIterator[tuple[ServiceProcess, ServiceProcess]]:
    """The service with the mock and two workers, and as a single process."""
    two, one = ServiceProcess(WORKERS=2, USE_MOCK_LLM=True), ServiceProcess(USE_MOCK_LLM=True)
    async with AsyncExitStack() as stack:
        await asyncio.gather(*map(stack.enter_async_context, (two, one)))
        yield two, one


async def second_worker(rounds: int) -> Goal:
    """Up to so many rounds: other work on the machine makes one slower or dearer, never better, so the best counts."""
    async with two_and_one() as (two, one):
        return await (_served(two, one, rounds) if len(CORES) >= ENOUGH_CORES else _cost(two, one, rounds))


async def _served(two: ServiceProcess, one: ServiceProcess, rounds: int) -> Goal:
    """The workers have a core each and the callers another."""
    for pid, core in zip((*children(two.pid), one.pid), (*CORES[:2], CORES[0]), strict=True):
        pin(pid, core)
    served = {two: 0.0, one: 0.0}
    with pinned(CORES[-1]):
        for number in range(rounds):
            for running in served:
                served[running] = max(served[running], await served_per_second(running))
            if number >= LEAST_ROUNDS and served[two] >= WORTH * served[one]:
                break
    return Goal(name="a process beside two workers", value=served[one] / served[two], limit=1 / WORTH, unit="×")


async def _cost(two: ServiceProcess, one: ServiceProcess, rounds: int) -> Goal:
    """The servers have one core and the callers another.

    Two busy workers on one core would measure its caches (they cost 1.17 to 1.22 of one then), so one of them is
    frozen, and its sockets served by the other, while that is measured with its supervisor.
    """
    for pid in (two.pid, *children(two.pid), one.pid):
        pin(pid, CORES[0])
    os.kill(frozen := children(two.pid)[0], signal.SIGSTOP)
    await is_silent(two)
    cost = {two: inf, one: inf}
    with pinned(CORES[-1]):
        for number in range(rounds):
            for running in cost:
                cost[running] = min(cost[running], await cpu_per_request(running))
            if number >= LEAST_ROUNDS and WORTH * cost[two] <= 2 * cost[one]:
                break
    os.kill(frozen, signal.SIGCONT)
    return Goal(name="a worker, over a process alone", value=cost[two] / cost[one], limit=2 / WORTH, unit="×")


async def is_silent(running: ServiceProcess) -> None:
    """Wait until the supervisor has noticed that a worker is frozen."""
    async with asyncio.timeout(20):
        while SILENT not in running.log():  # noqa: ASYNC110 — a log tells nobody
            await asyncio.sleep(0.05)


async def served_per_second(running: ServiceProcess) -> float:
    """Requests a second."""
    total, began = 1000, monotonic()
    await a_round(running, connections=64, total=total)
    return total / (monotonic() - began)


async def cpu_per_request(running: ServiceProcess) -> float:
    """CPU seconds of all its processes."""
    total, everyone = 250, [running.pid, *children(running.pid)]
    before = sum(map(cpu_seconds, everyone))
    await a_round(running, connections=32, total=total)
    return (sum(map(cpu_seconds, everyone)) - before) / total


async def a_round(running: ServiceProcess, *, connections: int, total: int) -> None:
    """So many comparisons; every connection asks again when it has its answer."""
    aim = Aim(host="127.0.0.1", port=int(running.url.rpartition(":")[2]), path=PATH, expects=b"winner")
    await closed_loop(aim, repeat(ASKED), connections=connections, total=total)
