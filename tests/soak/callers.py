"""The callers: each question on a connection of its own for as long as it takes, exact about what became of it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urlsplit

from tests.soak.books import PATH
from tests.soak.questions import Manner, Question
from tests.soak.verdicts import complaints
from tests.support.crowd import Reply, read_reply

SLACK_SECONDS = 1.0
"""Later than this after its deadline, an answer is late: the caller shares its event loop and two cores with all."""
_LOST_AFTER_SECONDS = 20.0
_FRESH_SECONDS = 2.0
_KEPT_COMPLAINTS = 20
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Tally:
    """What became of all questions."""

    sent: int = 0
    hung_up: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    cached: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    latest: float = -99.0

    def complain(self, text: str) -> None:
        """One more thing that must not be; how many there are is exact, how many different ones are kept is not."""
        self.wrong[text if text in self.wrong or len(self.wrong) < _KEPT_COMPLAINTS else "more"] += 1


class Callers:
    """Asks questions of the service at *url*; `tally` has what came of them."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 0)
        self._idle: deque[tuple[float, _Streams]] = deque()
        self._running: set[asyncio.Task[Reply | None]] = set()
        self.tally = Tally()

    def ask(self, burst: Sequence[Question]) -> list[asyncio.Task[Reply | None]]:
        """Begin all of *burst* now; each task ends with the answer, or with `None` where the caller did not wait."""
        begun = [asyncio.create_task(self._one(question)) for question in burst]
        for task in begun:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return begun

    @property
    def waiting(self) -> int:
        """Questions under way."""
        return len(self._running)

    async def finish(self) -> None:
        """Wait for all answers, and close every connection."""
        while self._running:
            await asyncio.gather(*self._running)
        while self._idle:
            self._idle.popleft()[1][1].close()

    async def _one(self, question: Question) -> Reply | None:
        self.tally.sent += 1
        try:
            return await self._exchange(question)
        except (OSError, EOFError, ValueError) as error:  # a TimeoutError is an OSError
            self.tally.lost.append(f"{question.number} ({question.manner}): {error!r}")
            return None

    async def _exchange(self, question: Question) -> Reply | None:
        streams = await self._connection()
        reader, writer = streams
        try:
            began = await _send(question, writer)
            if began is None:
                self.tally.hung_up += 1
                return None
            reply = await self._wait(question, reader)
        except BaseException:
            writer.close()
            raise
        if reply is None:
            writer.close()
            self.tally.hung_up += 1
            return None
        self._look_at(question, reply, monotonic() - began)
        if reply.ends_connection:
            writer.close()
        else:
            self._idle.append((monotonic(), streams))
        return reply

    async def _wait(self, question: Question, reader: asyncio.StreamReader) -> Reply | None:
        """The answer, or `None` when this caller's patience ends first."""
        if question.manner is not Manner.HANGS_UP:
            async with asyncio.timeout(_LOST_AFTER_SECONDS):
                return await read_reply(reader)
        try:
            async with asyncio.timeout(question.pause):
                return await read_reply(reader)
        except TimeoutError:
            return None

    def _look_at(self, question: Question, reply: Reply, seconds: float) -> None:
        self.tally.statuses[reply.status] += 1
        self.tally.cached += reply.status == 200 and b'"cached":true' in reply.body
        self.tally.latest = max(self.tally.latest, seconds - question.deadline)
        for complaint in complaints(question, reply):
            self.tally.complain(complaint)
        if seconds > question.deadline + SLACK_SECONDS:
            self.tally.complain(f"{seconds - question.deadline:.0f} s later than the deadline: {reply.status}")

    async def _connection(self) -> _Streams:
        """One that was used a moment ago, so that the service cannot be about to close it, or a new one."""
        while self._idle:
            since, streams = self._idle.popleft()
            if monotonic() - since < _FRESH_SECONDS and not streams[0].at_eof():
                return streams
            streams[1].close()
        return await asyncio.open_connection(*self._address)


async def _send(question: Question, writer: asyncio.StreamWriter) -> float | None:
    """Send it in the caller's own manner; the moment when it was complete, or `None` if it never was."""
    body = question.body()
    fields = {"Host": "gateway", **question.headers(), "Content-Length": str(len(body))}
    head = f"POST {PATH} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    if question.manner not in {Manner.SLOW_BODY, Manner.BREAKS_OFF}:
        writer.write(head.encode() + body)
        return monotonic()
    half = len(body) // 2
    writer.write(head.encode() + body[:half])
    await asyncio.sleep(question.pause)
    if question.manner is Manner.BREAKS_OFF:
        writer.close()
        return None
    writer.write(body[half:])
    return monotonic()
