"""Measures the lag of the event loop: a task in the loop beats, and a thread outside notices a frozen loop."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, NoReturn

from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.observability.logging import get_logger

_BEAT_SECONDS: Final = 0.1
_WINDOW_SECONDS: Final = 5.0
_FRAMES: Final = 12
_log = get_logger(__name__)


class EventLoopLag:
    """A beat is due every 100 ms; the lag is how many seconds later it comes.

    *clock* is monotonic. *on_lag* gets the lag of every beat. Above *limit_seconds* the loop counts as late.
    """

    def __init__(self, limit_seconds: float, *, clock: Callable[[], float], on_lag: Callable[[float], None]) -> None:
        self._limit = limit_seconds
        self._clock = clock
        self._on_lag = on_lag
        self._due = clock() + _BEAT_SECONDS
        self._recent: deque[tuple[float, float]] = deque()

    @property
    def late(self) -> bool:
        """Returns whether the worst lag of the last five seconds is above the limit."""
        return self.worst() > self._limit

    def beat(self) -> None:
        """Record a beat: the loop runs at this moment."""
        now = self._clock()
        lag = max(0.0, now - self._due)
        self._due = now + _BEAT_SECONDS
        self._on_lag(lag)
        while self._recent and self._recent[-1][1] <= lag:
            self._recent.pop()
        self._recent.append((now, lag))
        while self._recent[0][0] < now - _WINDOW_SECONDS:
            self._recent.popleft()

    def overdue(self) -> float:
        """Seconds by which the next beat is overdue now; safe from any thread."""
        return max(0.0, self._clock() - self._due)

    def worst(self) -> float:
        """Longest lag of the last five seconds; a beat that is overdue now counts."""
        since = self._clock() - _WINDOW_SECONDS
        return max(self.overdue(), *(lag for moment, lag in self._recent if moment >= since), 0.0)

    @property
    def limit_seconds(self) -> float:
        """Lag in seconds above which the loop counts as late."""
        return self._limit


@asynccontextmanager
async def measuring_loop_lag(watch: EventLoopLag, background: BackgroundWork) -> AsyncIterator[EventLoopLag]:
    """Let *watch* beat in the running loop; a thread logs once where the loop is stuck while it is frozen."""
    ended = threading.Event()
    loop_thread = threading.get_ident()
    outside = threading.Thread(target=_look, args=(watch, ended, loop_thread), name="loop-watch", daemon=True)
    outside.start()
    try:
        async with background.going_on({"loop_watch": partial(_keep_beating, watch)}):
            yield watch
    finally:
        ended.set()


async def _keep_beating(watch: EventLoopLag) -> NoReturn:
    while True:
        await asyncio.sleep(_BEAT_SECONDS)
        watch.beat()


def _look(watch: EventLoopLag, ended: threading.Event, loop_thread: int) -> None:
    told = False
    while not ended.wait(min(watch.limit_seconds, 1.0) / 2):
        overdue = watch.overdue()
        if overdue <= watch.limit_seconds:
            told = False
        elif not told:
            told = True
            _log.error(
                "event_loop_frozen", seconds=round(overdue, 2), frames=_frames(sys._current_frames().get(loop_thread))
            )


def _frames(frame: Any) -> list[str]:
    stack = traceback.walk_stack(frame)
    places = [f"{one.f_globals.get('__name__', '?')}:{line} {one.f_code.co_qualname}" for one, line in stack]
    return places[:_FRAMES]
