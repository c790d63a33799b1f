"""Runs background tasks of a process, restarts them when they fail, and reports which ones are failing."""

from __future__ import annotations

import asyncio
import time
from asyncio import Task
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NoReturn

from huleedu_service_libs.observability.logging import failure_fields, get_logger

FIRST_DELAY: Final = 0.1
LONGEST_DELAY: Final = 10.0
# After this time without a failure a task counts as healthy: the next failure starts at the first delay again.
SETTLED_SECONDS: Final = 60.0

Endless = Callable[[], Awaitable[NoReturn]]

log = get_logger(__name__)


class BackgroundWork:
    """All background tasks of one process, by name.

    An exception that leaves an endless task is logged in one line. The task then starts again after 0.1 s; the delay
    doubles with each early failure, up to 10 s.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._failed_at: dict[str, float] = {}

    @property
    def failing(self) -> list[str]:
        """Returns the names of tasks that failed within the last minute, in the order of their first failures."""
        since = self._clock() - SETTLED_SECONDS
        return [name for name, moment in self._failed_at.items() if moment > since]

    @asynccontextmanager
    async def going_on(self, works: Mapping[str, Endless]) -> AsyncIterator[None]:
        """Run *works* in the background until the end of the block."""
        tasks = [self.start(name, work) for name, work in works.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def start(self, name: str, work: Endless) -> Task[NoReturn]:
        """Start *work* as a background task; the caller owns the task and cancels it."""
        return asyncio.get_running_loop().create_task(self._again_and_again(name, work))

    async def _again_and_again(self, name: str, work: Endless) -> NoReturn:
        delay = 0.0
        while True:
            began = self._clock()
            try:
                await work()
            except Exception as error:  # top of a task that nobody awaits: an error would be lost here
                now = self._failed_at[name] = self._clock()
                settled = now - began >= SETTLED_SECONDS
                delay = FIRST_DELAY if settled else min(LONGEST_DELAY, max(FIRST_DELAY, 2 * delay))
                log.error("background_work_failed", work=name, again_in_seconds=delay, **failure_fields(error))
            await self._sleep(delay)
