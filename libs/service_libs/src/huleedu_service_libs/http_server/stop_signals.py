"""Handles SIGTERM and SIGINT as requests to stop; a guard thread ends the process if the stop takes too long."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, Self

_GUARD_SECONDS: Final = 5.0


class StopSignals:
    """The first signal asks for a stop and starts the guard thread; the second one ends the grace period.

    It uses plain signal handlers, not those of the event loop: they also run while the event loop is blocked. Once the
    block is left after a stop, both signals are ignored.
    """

    def __init__(
        self,
        grace_seconds: float,
        on_stopping: Callable[[], None] | None,
        on_grace_over: Callable[[], None] | None = None,
    ) -> None:
        self.stopping = asyncio.Event()
        self.hurry = asyncio.Event()
        self._grace_seconds = grace_seconds
        self._on_stopping = on_stopping
        self._on_grace_over = on_grace_over
        self._guard = threading.Timer(grace_seconds + _GUARD_SECONDS, os._exit, (1,))
        self._guard.daemon = True
        self._guarded = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, *_error: object) -> None:
        self._guard.cancel()
        # After a stop the process is about to end: one more signal must not make a failure of its exit code.
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._guarded else handler)

    def deliver_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Handle signals in *loop* from now on, also while it waits for events."""
        self._loop = loop

    async def give_grace(self, work: asyncio.Future[Any], end: float) -> None:
        """Wait for *work* until *end* (monotonic clock) at most; if it is not done then, call `on_grace_over`.

        A first signal during the wait shortens it to the grace period; a second signal ends it.
        """
        if not self.stopping.is_set():
            await _either(work, self.stopping, end)
            if self.stopping.is_set():
                end = min(end, time.monotonic() + self._grace_seconds)
        await _either(work, self.hurry, end)
        if not work.done() and self._on_grace_over is not None:
            self._on_grace_over()

    def _caught(self, _number: int, _frame: FrameType | None) -> None:
        if not self._guarded:
            self._guarded = True  # first, because a second signal may come while the thread starts
            self._guard.start()
        if self._loop is None:
            self._received()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._received)

    def _received(self) -> None:
        if self.stopping.is_set():
            self.hurry.set()
            return
        self.stopping.set()
        if self._on_stopping is not None:
            self._on_stopping()


async def _either(work: asyncio.Future[Any], event: asyncio.Event, end: float) -> None:
    happened = asyncio.ensure_future(event.wait())
    left = max(0.0, end - time.monotonic())
    await asyncio.wait({work, happened}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    happened.cancel()
