"""Work that goes on behind the requests, on a clock of its own."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from huleedu_service_libs.background_work import LONGEST_DELAY, SETTLED_SECONDS, BackgroundWork


class Time:
    """A clock that only sleepers move; whoever sleeps lets the others run."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Be there at once."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Failing:
    """Fails so often, after so many seconds each time; then it goes on for ever."""

    def __init__(self, time: Time, *, failures: int, after_seconds: float = 0.0) -> None:
        self._time = time
        self._left = failures
        self._after = after_seconds
        self.goes_on = asyncio.Event()

    async def work(self) -> NoReturn:
        """Endless in the end."""
        self._time.now += self._after
        self._left -= 1
        if self._left >= 0:
            raise ZeroDivisionError
        self.goes_on.set()
        while True:
            await asyncio.Event().wait()


async def test_what_fails_begins_anew_ever_more_slowly_and_is_seen_for_a_minute() -> None:
    time = Time()
    background, failing, fine = BackgroundWork(clock=time, sleep=time.sleep), Failing(time, failures=9), Time()
    good = Failing(fine, failures=0)
    assert background.failing == []
    async with background.going_on({"bad": failing.work, "good": good.work}):
        await failing.goes_on.wait()
        await good.goes_on.wait()
        assert time.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, LONGEST_DELAY, LONGEST_DELAY]
        assert background.failing == ["bad"]
        time.now += SETTLED_SECONDS - LONGEST_DELAY - 0.1
        assert background.failing == ["bad"]
        time.now += 0.1
        assert background.failing == []


async def test_what_had_gone_on_for_long_begins_anew_at_once() -> None:
    time = Time()
    background = BackgroundWork(clock=time, sleep=time.sleep)
    failing = Failing(time, failures=3, after_seconds=SETTLED_SECONDS)
    async with background.going_on({"bad": failing.work}):
        await failing.goes_on.wait()
    assert time.slept == [0.1, 0.1, 0.1]


async def test_it_ends_with_its_block_or_with_whoever_owns_it() -> None:
    time = Time()
    background = BackgroundWork(clock=time, sleep=time.sleep)
    working = Failing(time, failures=0)
    others = asyncio.all_tasks()
    async with background.going_on({"good": working.work}):
        await working.goes_on.wait()
    task = background.start("good", working.work)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert asyncio.all_tasks() == others
    assert background.failing == []
