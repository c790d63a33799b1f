"""A worker process as its supervisor sees it: the process, the connection to it, and its last answers."""

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

OnChange = Callable[["SupervisedWorker"], None]
OnAsk = Callable[["SupervisedWorker", dict[str, Any]], object]
_log = get_logger(__name__)


class SupervisedWorker:
    """Create it with `start`. `ended` gives the exit code, when the process has ended and all its messages are read."""

    def __init__(self, slot: int, process: Process, line: JsonLine, on_ready: OnChange, on_closed: OnChange) -> None:
        self.slot = slot
        self.closed = False
        self.ready = asyncio.Event()
        self.unanswered = 0
        self.listens: frozenset[int] | None = None
        self.last: dict[str, Any] = {}
        self.started = time.monotonic()
        self._process = process
        self._line = line
        self._on_ready = on_ready
        self._on_closed = on_closed
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.ended: asyncio.Task[int]

    @classmethod
    async def start(
        cls,
        slot: int,
        listeners: Sequence[socket.socket],
        *,
        on_ready: OnChange,
        on_closed: OnChange,
        on_ask: OnAsk,
    ) -> SupervisedWorker:
        """Start this same program again, as a worker in its own process group; raises OSError.

        It starts a new interpreter instead of a fork, so no thread, lock, loop or open connection is shared by
        accident, and a rolling restart uses the code and the `.env` of that moment. It has its own process group
        because Ctrl-C goes to every process of the terminal's group, and a worker must get the signal only once.
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
        worker = cls(slot, process, await JsonLine.over(ours), on_ready, on_closed)
        worker.ended = asyncio.create_task(worker._live(on_ask))
        return worker

    @property
    def pid(self) -> int:
        """Returns its process id."""
        return self._process.pid

    @property
    def serving(self) -> bool:
        """Returns whether it answers new requests, as far as is known."""
        return self.ready.is_set() and not self.closed and not self.ended.done()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; does nothing if the process has ended."""
        if self._process.returncode is None:
            self._process.send_signal(number)

    def listen(self, slots: frozenset[int]) -> None:
        """Accept connections for these slots from now on, and for no others."""
        if slots != self.listens:
            self.listens = slots
            self._line.send(kind="listen", slots=sorted(slots))

    async def gets_ready(self, seconds: float) -> bool:
        """Wait until it is ready. Returns False if it ends first; after *seconds* it is killed."""
        became_ready = asyncio.ensure_future(self.ready.wait())
        await asyncio.wait({became_ready, self.ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        became_ready.cancel()
        if not self.ready.is_set() and not self.ended.done():
            _log.error("worker_start_hangs", slot=self.slot, pid=self.pid, seconds=seconds)
            self.signal(signal.SIGKILL)
        return self.serving

    async def retire(self, seconds: float) -> None:
        """Let it finish: it accepts no new connections, answers requests on open ones, then ends.

        It is killed after *seconds*, or at once if it is not ready, because it has no requests then.
        """
        if self.ready.is_set():
            self._line.send(kind="retire")
            await asyncio.wait({self.ended}, timeout=seconds)
        self.signal(signal.SIGKILL)

    def tell_poll(self, number: int, poll: dict[str, Any]) -> None:
        """Send the collected answers to the worker that asked."""
        self._line.send(kind="poll", number=number, poll=poll)

    async def ask(self, question: str | None, argument: Any, seconds: float) -> dict[str, Any] | None:
        """Returns its answers by question (None asks all lasting ones), or None if it does not answer in *seconds*."""
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
            case "closed":
                self.closed = True
                self._on_closed(self)
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
