"""One worker as its supervisor sees it: the process, the line to it, and what it said last."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from typing import Any

from huleedu_service_libs.observability.logging import get_logger
from huleedu_service_libs.workers.json_line import JsonLine
from huleedu_service_libs.workers.worker_context import WorkerContext

OnReady = Callable[["SupervisedWorker"], None]
OnAsk = Callable[["SupervisedWorker", dict[str, Any]], object]
_log = get_logger(__name__)


class SupervisedWorker:
    """Made by `start`; `ended` is done, with the exit code, when the process is gone and all it said was read."""

    def __init__(self, slot: int, process: Process, line: JsonLine, on_ready: OnReady) -> None:
        self.slot = slot
        self.ready = asyncio.Event()
        self.unanswered = 0
        self.listens: frozenset[int] | None = None
        self.last: dict[str, Any] = {}
        self.started = time.monotonic()
        self._process = process
        self._line = line
        self._on_ready = on_ready
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.ended: asyncio.Task[int]

    @classmethod
    async def start(
        cls,
        slot: int,
        listeners: Sequence[socket.socket],
        *,
        on_ready: OnReady,
        on_ask: OnAsk,
    ) -> SupervisedWorker:
        """Start this same program again, as a worker in a process group of its own; raises OSError.

        A clean interpreter instead of a fork: no thread, lock, loop or open connection is shared by accident, and a
        rolling restart runs the code and the `.env` that are there now. Its own group, because Ctrl-C goes to all
        processes of a terminal's, and a worker must hear of it once.
        """
        ours, theirs = socket.socketpair()
        context = WorkerContext(
            slot=slot,
            workers=len(listeners),
            link=theirs.fileno(),
            listeners=tuple(one.fileno() for one in listeners),
            supervisor=os.getpid(),
        )
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *sys.orig_argv[1:],
                env={**os.environ, **context.environment()},
                pass_fds=context.descriptors,
                process_group=0,
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        worker = cls(slot, process, await JsonLine.over(ours), on_ready)
        worker.ended = asyncio.create_task(worker._live(on_ask))
        return worker

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def serving(self) -> bool:
        """Whether it answers requests, as far as is known."""
        return self.ready.is_set() and not self.ended.done()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the process has ended."""
        if self._process.returncode is None:
            self._process.send_signal(number)

    def listen(self, slots: frozenset[int]) -> None:
        """Accept connections of these slots from now on, and of no others."""
        if slots != self.listens:
            self.listens = slots
            self._line.send(kind="listen", slots=sorted(slots))

    async def gets_ready(self, seconds: float) -> bool:
        """Wait until it answers; False if it ends first, or has not after *seconds* and is killed."""
        became_ready = asyncio.ensure_future(self.ready.wait())
        await asyncio.wait({became_ready, self.ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        became_ready.cancel()
        if not self.ready.is_set() and not self.ended.done():
            _log.error("worker_start_hangs", slot=self.slot, pid=self.pid, seconds=seconds)
            self.signal(signal.SIGKILL)
        return self.serving

    async def retire(self, seconds: float) -> None:
        """Accept nothing more, answer what is under way and what still comes on open connections, then end.

        It is killed after *seconds*, and at once when it is not ready: then it has nothing under way.
        """
        if self.ready.is_set():
            self._line.send(kind="retire")
            await asyncio.wait({self.ended}, timeout=seconds)
        self.signal(signal.SIGKILL)

    def tell_poll(self, number: int, poll: dict[str, Any]) -> None:
        """Answer a question that it asked."""
        self._line.send(kind="poll", number=number, poll=poll)

    async def ask(self, question: str | None, argument: Any, seconds: float) -> dict[str, Any] | None:
        """Its answers by question (None asks all lasting ones), or None if it keeps silent for *seconds*."""
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._line.send(kind="question", number=number, question=question, argument=argument)
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._waiting[number]

    async def _live(self, on_ask: OnAsk) -> int:
        async for message in self._line.messages():
            self._heard(message, on_ask)
        await self._line.close()
        return await self._process.wait()

    def _heard(self, message: dict[str, Any], on_ask: OnAsk) -> None:
        match message["kind"]:
            case "ready":
                self.ready.set()
                self._on_ready(self)
            case "ask":
                if message["mine"] is not None:
                    self.last[message["question"]] = message["mine"]
                on_ask(self, message)
            case "answer":
                self.unanswered = 0
                self.last |= {question: answer for question, answer in message["answers"].items() if answer is not None}
                waiting = self._waiting.get(message["number"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(message["answers"])
