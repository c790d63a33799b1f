"""Background tasks that keep replicas consistent. They wait for Redis; no request waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import NoReturn

from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.redis_link.values import RedisAway, RedisRefused

# A message that is sent in one round is read in the next, so within a second.
ROUND_SECONDS = 0.4
LAST_WORDS_SECONDS = 0.5

Act = Callable[[], Awaitable[None]]


@asynccontextmanager
async def keeping_in_step(
    background: BackgroundWork, *, ever: Mapping[str, Act], each_round: Mapping[str, Act], last: Act
) -> AsyncIterator[None]:
    """Run *ever* (acts that wait for themselves) and *each_round* until the end of the block, in the background.

    Then run *last*, for at most half a second even if Redis hangs.
    """
    works = {name: partial(_again, act, 0.0) for name, act in ever.items()}
    works |= {name: partial(_again, act, ROUND_SECONDS) for name, act in each_round.items()}
    try:
        async with background.going_on(works):
            yield
    finally:
        with suppress(TimeoutError, RedisAway, RedisRefused):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await last()


async def _again(act: Act, pause: float) -> NoReturn:
    while True:
        with suppress(RedisAway, RedisRefused):  # the link has logged it already; the work is tried again
            await act()
        await asyncio.sleep(pause)
