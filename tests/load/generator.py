"""The load: keep-alive connections that send prepared bodies and do as little else as possible."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import cast

from tests.load.upstream import CONTENT_LENGTH

LATE_SECONDS = 30.0
Hear = Callable[[bytes, float], None]


class LoadFailed(Exception):
    """An answer was not what it had to be; the figures would be worth nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Where the requests go, and what an answer must contain."""

    host: str
    port: int
    path: str
    expects: bytes = b""

    def head(self, length: int) -> bytes:
        """The head of a request with so many bytes of body."""
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAccept: application/json\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode()


class Connection(asyncio.Protocol):
    """One keep-alive connection, with one request under way at most."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = b""
        self._needed = 0
        self.sent_at = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one, but not by its class

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.failed(LoadFailed("the server closed a connection"))

    def send(self, request: bytes) -> None:
        """Send *request*."""
        self.sent_at = perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed:
            head_end = self._received.find(b"\r\n\r\n")
            if head_end < 0:
                return
            length = CONTENT_LENGTH.search(self._received, 0, head_end + 2)
            self._needed = head_end + 4 + (int(length[1]) if length else 0)
        if len(self._received) >= self._needed:
            answer, self._received, self._needed = self._received, b"", 0
            self._load.answered(self, answer)


class Load:
    """Sends *total* requests and keeps the seconds that each answer took, from the moment its request was sent.

    *hear* gets each answer and its seconds, where others than the expected one will do.
    """

    def __init__(self, aim: Aim, bodies: Iterator[bytes], total: int, hear: Hear | None = None) -> None:
        self._aim = aim
        self._hear = hear or self._expect
        self._bodies = bodies
        self._unsent = total
        self._unanswered = total
        self._head = b""
        self.seconds: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_idle: Callable[[Connection], None] = self.send_next

    def send_next(self, connection: Connection) -> None:
        """Send the next request, if there is one."""
        if not self._unsent:
            return
        self._unsent -= 1
        body = next(self._bodies)
        if not self._head:
            self._head = self._aim.head(len(body))
        connection.send(self._head + body)

    def answered(self, connection: Connection, answer: bytes) -> None:
        """An answer is there."""
        seconds = perf_counter() - connection.sent_at
        self.seconds.append(seconds)
        self._hear(answer, seconds)
        self._unanswered -= 1
        if self._unanswered:
            self.on_idle(connection)
        elif not self.done.done():
            self.done.set_result(None)

    def failed(self, failure: LoadFailed) -> None:
        """End the load."""
        if not self.done.done():
            self.done.set_exception(failure)

    def _expect(self, answer: bytes, _seconds: float) -> None:
        if not answer.startswith(b"HTTP/1.1 200") or self._aim.expects not in answer:
            self.failed(LoadFailed(f"unexpected answer from {self._aim.path}: {answer[:600]!r}"))


async def closed_loop(aim: Aim, bodies: Iterator[bytes], *, connections: int, total: int) -> list[float]:
    """Every connection sends its next request when it has its answer; raises `LoadFailed`."""
    load = Load(aim, bodies, total)
    crowd = await _connect(aim, load, min(connections, total))
    with _no_collection():
        for connection in crowd:
            load.send_next(connection)
        await _finish(load, crowd)
    return load.seconds


async def open_loop(
    aim: Aim, bodies: Iterator[bytes], *, connections: int, total: int, rate: float, hear: Hear | None = None
) -> list[float]:
    """*rate* requests a second, whether answers come or not; raises `LoadFailed`, also when no connection is free."""
    load = Load(aim, bodies, total, hear)
    crowd = await _connect(aim, load, connections)
    idle = list(crowd)
    load.on_idle = idle.append
    loop = asyncio.get_running_loop()

    def send_one() -> None:
        if idle:
            load.send_next(idle.pop(0))
        else:
            load.failed(LoadFailed(f"{aim.path} is too slow for {rate:g} requests/s over {connections} connections"))

    with _no_collection():
        begin = loop.time() + 0.05
        timers = [loop.call_at(begin + number / rate, send_one) for number in range(total)]
        await _finish(load, crowd)
    for timer in timers:
        timer.cancel()
    return load.seconds


async def _connect(aim: Aim, load: Load, connections: int) -> list[Connection]:
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Connection(load), aim.host, aim.port) for _ in range(connections)]
    return [protocol for _, protocol in made]


async def _finish(load: Load, crowd: list[Connection]) -> None:
    try:
        while not load.done.done():
            before = len(load.seconds)
            await asyncio.wait({load.done}, timeout=LATE_SECONDS)
            if not load.done.done() and len(load.seconds) == before:
                load.failed(LoadFailed(f"no answer within {LATE_SECONDS:g} s"))
        load.done.result()
    finally:
        for connection in crowd:
            connection.transport.abort()


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
