"""The work behind the requests that keeps replicas of one mind; it waits for Redis, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import NoReturn, Protocol

from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.redis_link.values import RedisAway, RedisRefused

# With the time to send, what one replica knows is known to the others within half a second.
ROUND_SECONDS = 0.4
SHORTEST_PAUSE_SECONDS = 0.02
LAST_WORDS_SECONDS = 0.5

Act = Callable[[], Awaitable[None]]


class SharedWork(Protocol):
    """What has to be done again and again while Redis is there."""

    @property
    def stirred(self) -> asyncio.Event:
        """Set when there is something to tell at once."""
        ...

    async def write(self) -> None:
        """Wait for answers to write, and write them."""
        ...

    async def pay(self) -> None:
        """Carry out what removals are owed."""
        ...

    async def exchange(self) -> None:
        """Tell the others, and hear them."""
        ...

    async def last_words(self) -> None:
        """Write, remove and tell what is still waiting."""
        ...


@asynccontextmanager
async def keeping_in_step(work: SharedWork, background: BackgroundWork) -> AsyncIterator[None]:
    """Do *work* until the end, then say the last words, within half a second even if Redis hangs."""
    rounds = {
        "replica_writing": partial(_again, work.write, _at_once),
        "replica_paying": partial(_again, work.pay, partial(asyncio.sleep, ROUND_SECONDS)),
        "replica_exchanging": partial(_again, work.exchange, partial(_until_stirred, work.stirred)),
    }
    try:
        async with background.going_on(rounds):
            yield
    finally:
        with suppress(TimeoutError, RedisAway, RedisRefused):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await work.last_words()


async def _again(act: Act, pause: Act) -> NoReturn:
    while True:
        with suppress(RedisAway, RedisRefused):  # the link has said so once; what is to be done stays to be done
            await act()
        await pause()


async def _at_once() -> None:
    return


async def _until_stirred(stirred: asyncio.Event) -> None:
    await asyncio.sleep(SHORTEST_PAUSE_SECONDS)
    with suppress(TimeoutError):
        async with asyncio.timeout(ROUND_SECONDS):
            await stirred.wait()
    stirred.clear()
