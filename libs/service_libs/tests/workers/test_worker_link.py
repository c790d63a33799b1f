"""A worker's line to its supervisor, whom the test plays."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from huleedu_service_libs.workers.json_line import JsonLine
from huleedu_service_libs.workers.peers import PeerAnswers
from huleedu_service_libs.workers.worker_context import WorkerContext
from huleedu_service_libs.workers.worker_link import WorkerLink

ANSWER = {"answers": [2], "left": 3, "asked": 2, "silent": 1, "restarts": 4, "others": 2}


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[WorkerLink, JsonLine]]:
    """The line of one of three workers, and the supervisor's end of it."""
    ours, theirs = socket.socketpair()
    link = WorkerLink(WorkerContext(slot=0, workers=3, link=theirs.detach(), listeners=(), supervisor=0))

    async def count(_argument: Any) -> int:
        return 1

    link.on_question("count", count, lasting=True)
    await link.open()
    supervisor = await JsonLine.over(ours)
    try:
        yield link, supervisor
    finally:
        await link.leave()
        await supervisor.close()


async def test_a_supervisor_that_answers_when_the_others_time_is_over_is_heard() -> None:
    async with linked() as (link, supervisor):
        poll = asyncio.create_task(link.ask("count", seconds=0.0, way_seconds=30.0))
        asked = await anext(supervisor.messages())
        assert (asked["question"], asked["mine"], asked["seconds"]) == ("count", 1, 0.0)
        supervisor.send(kind="poll", number=asked["number"], poll=ANSWER)
        assert await poll == PeerAnswers(mine=1, answers=[2], left=3, asked=2, silent=1, restarts=4, others=2)


async def test_of_a_supervisor_that_does_not_answer_it_is_said_that_nothing_was_heard() -> None:
    async with linked() as (link, _supervisor):
        poll = await link.ask("count", seconds=0.0, way_seconds=0.0)
        assert poll == PeerAnswers(mine=1, asked=2, silent=2, others=2, unheard=True)
