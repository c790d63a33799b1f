"""A crowd of callers over raw sockets: closed loop, keep-alive, and exact about what was lost and what was refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

ANSWER_SECONDS = 20.0
GET = "GET"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, read to its end; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body."""
        return orjson.loads(self.body)

    @property
    def ends_connection(self) -> bool:
        """Whether the server said that this connection takes no further request."""
        return self.headers.get("connection") == "close"


class Caller:
    """One keep-alive connection, opened anew when the server said that the old one is over."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def connected(self) -> bool:
        """Whether the next request goes out on a connection that exists."""
        return self._streams is not None

    async def connect(self) -> None:
        """Open the connection now."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)

    async def ask(self, method: str, path: str, body: Any = None) -> Reply:
        """One request; raises OSError or EOFError when its answer is lost."""
        await self.connect()
        assert self._streams is not None
        reader, writer = self._streams
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                writer.write(request_bytes(method, path, body))
                reply = await read_reply(reader)
        except (OSError, EOFError):
            self.hang_up()
            raise
        if reply.ends_connection:
            self.hang_up()
        return reply

    def hang_up(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def request_bytes(method: str, path: str, body: Any = None) -> bytes:
    """A whole request."""
    content = b"" if body is None else orjson.dumps(body)
    head = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    """One answer with a Content-Length; raises EOFError when it is cut."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return Reply(int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"])))


@dataclass
class Tally:
    """What became of all requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    reconnected: int = 0

    @property
    def sent(self) -> int:
        """All of them."""
        return self.statuses.total() + len(self.lost)


class Crowd:
    """*callers* connections that ask for the same thing one request after the other until they are told to stop."""

    def __init__(self, url: str, *, callers: int, path: str, body: Any = None, pause_seconds: float = 0.0) -> None:
        self.tally = Tally()
        self._callers = [Caller(url) for _ in range(callers)]
        self._request = ("POST" if body is not None else GET, path, body)
        self._pause = pause_seconds
        self._running: list[asyncio.Task[None]] = []
        self._enough = False

    async def __aenter__(self) -> Crowd:
        self._running = [asyncio.create_task(self._go_on(caller)) for caller in self._callers]
        return self

    async def __aexit__(self, *_raised: object) -> None:
        self._enough = True
        await asyncio.gather(*self._running)
        for caller in self._callers:
            caller.hang_up()

    async def has_sent(self, count: int) -> None:
        """Wait for so many answers."""
        while self.tally.sent < count:  # noqa: ASYNC110 — callers are counted, not told
            await asyncio.sleep(0.01)

    async def _go_on(self, caller: Caller) -> None:
        while not self._enough:
            await self._once(caller)
            if self._pause:
                await asyncio.sleep(self._pause)

    async def _once(self, caller: Caller) -> None:
        try:
            reply = await caller.ask(*self._request)
        except (OSError, EOFError) as exc:
            self.tally.lost.append(repr(exc))
            await asyncio.sleep(0.02)
            return
        self.tally.statuses[reply.status] += 1
        self.tally.reconnected += reply.ends_connection
