"""A worker's connection to its supervisor: questions to the other workers, and orders from the supervisor.

Only read endpoints, `/metrics`, and clearing or refreshing cache entries use it; no other request does.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from huleedu_service_libs.observability.logging import failure_fields, get_logger
from huleedu_service_libs.workers.json_line import JsonLine
from huleedu_service_libs.workers.peers import ANSWER_SECONDS, WAY_SECONDS, Handler, PeerAnswers
from huleedu_service_libs.workers.worker_context import WorkerContext

_log = get_logger(__name__)


class WorkerLink:
    """The implementation of `Peers` in a worker; created before the event loop runs, opened inside it."""

    alone = False

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._handlers: dict[str, Handler] = {}
        self._lasting: list[str] = []
        self._asked: dict[int, asyncio.Future[PeerAnswers]] = {}
        self._numbers = itertools.count()
        self._line: JsonLine | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self.retired = asyncio.Event()
        self.on_orphaned: Callable[[], None] = lambda: None
        self.on_listen: Callable[[frozenset[int]], None] = lambda _slots: None

    async def open(self) -> None:
        """Connect to the supervisor and start to read its messages."""
        self._line = await JsonLine.over(socket.socket(fileno=self._context.link))
        self._reading = asyncio.create_task(self._read(self._line))

    def ready(self) -> None:
        """Tell the supervisor that this worker answers requests."""
        self._send(kind="ready")

    def closed(self) -> None:
        """Tell the supervisor that this worker accepts no connections any more, though it may live on for a while."""
        self._send(kind="closed")

    async def leave(self) -> None:
        """Send the last answers to the lasting questions, then close."""
        if self._line is None:
            return
        self._send(kind="answer", number=None, answers=await self._answers(self._lasting, None))
        if self._reading is not None:
            self._reading.cancel()
        await self._line.close()

    def on_question(self, question: str, handler: Handler, *, lasting: bool = False) -> None:
        """Answer *question* with the value that *handler* returns for its argument; see `Peers` for *lasting*."""
        self._handlers[question] = handler
        if lasting:
            self._lasting.append(question)

    async def ask(
        self,
        question: str,
        argument: Any = None,
        *,
        seconds: float = ANSWER_SECONDS,
        way_seconds: float = WAY_SECONDS,
    ) -> PeerAnswers:
        """Ask all other workers, as `Peers` says; if the supervisor does not answer, all others count as silent."""
        number = next(self._numbers)
        poll: asyncio.Future[PeerAnswers] = asyncio.get_running_loop().create_future()
        self._asked[number] = poll
        mine = await self._answer(question, None) if question in self._lasting else None
        self._send(kind="ask", number=number, question=question, argument=argument, mine=mine, seconds=seconds)
        try:
            async with asyncio.timeout(seconds + way_seconds):
                return replace(await poll, mine=mine)
        except TimeoutError:
            others = self._context.workers - 1
            return PeerAnswers(mine=mine, asked=others, silent=others, others=others, unheard=True)
        finally:
            del self._asked[number]

    def _send(self, **message: Any) -> None:
        if self._line is not None:
            self._line.send(**message)

    async def _read(self, line: JsonLine) -> None:
        async for message in line.messages():
            self._heard(message)
        self.on_orphaned()

    def _heard(self, message: dict[str, Any]) -> None:
        match message["kind"]:
            case "question":
                task = asyncio.create_task(self._reply(message))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case "poll":
                poll = self._asked.get(message["number"])
                if poll is not None and not poll.done():
                    poll.set_result(PeerAnswers(**message["poll"]))
            case "listen":
                self.on_listen(frozenset(message["slots"]))
            case "retire":
                self.retired.set()

    async def _reply(self, message: dict[str, Any]) -> None:
        questions = self._lasting if message["question"] is None else [message["question"]]
        self._send(kind="answer", number=message["number"], answers=await self._answers(questions, message["argument"]))

    async def _answers(self, questions: list[str], argument: Any) -> dict[str, Any]:
        return {question: await self._answer(question, argument) for question in questions}

    async def _answer(self, question: str, argument: Any) -> Any:
        handler = self._handlers.get(question)
        if handler is None:
            return None
        try:
            return await handler(argument)
        except Exception as exc:
            # The top of a conversation: the asker gets no answer and counts this worker as silent.
            _log.error("worker_question_failed", question=question, **failure_fields(exc))
            return None
