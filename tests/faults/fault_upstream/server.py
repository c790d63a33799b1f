"""The server: reads requests by hand, counts them, and plays the fault that the model's name asks for."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests.faults.fault_upstream.endings import ENDINGS, Fault
from tests.faults.fault_upstream.exchange import Exchange
from tests.faults.fault_upstream.nonsense import NONSENSE, honest

FAULTS: dict[str, Fault] = {**ENDINGS, **NONSENSE}
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_METHOD = b"POST "
_NOT_A_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 6\r\n\r\nPOISON"


class FaultUpstream:
    """`async with FaultUpstream() as upstream`: a vendor with OpenAI's dialect on a loopback port, over TLS if given.

    `calls` counts requests by model, `connections` those accepted. `cookies` counts requests that brought one.
    `elsewhere` is a second origin where no request may ever arrive; `strays` counts those that do.
    `in_flight` and `peak` count requests by model that are being played now, and at most at one moment.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.calls: Counter[str] = Counter()
        self.in_flight: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        self.connections = 0
        self.cookies = 0
        self.strays = 0
        self._tls = tls
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        self.elsewhere = ""

    async def __aenter__(self) -> FaultUpstream:
        self.elsewhere = f"http://127.0.0.1:{await self._listen(self._stray, None)}/elsewhere"
        port = await self._listen(self._connection, self._tls)
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_raised: object) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, serve: Serve, tls: ssl.SSLContext | None) -> int:
        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(_to_the_end(serve, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls, backlog=1024)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _stray(self, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        self.strays += 1

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        previous, open_ = "", True
        while open_:
            exchange = await self._request(reader, writer, previous)
            if exchange is None:
                break
            open_ = await self._play(exchange)
            previous = exchange.model

    async def _request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, previous: str
    ) -> Exchange | None:
        """The next request; `None` at the connection's end, or when what came is none (it is told so)."""
        method = await reader.readexactly(len(_METHOD))
        if method != _METHOD:
            writer.write(_NOT_A_REQUEST)
            return None
        target, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        model = json.loads(body)["model"]
        self.calls[model] += 1
        self.cookies += "cookie" in headers
        path = target.partition(" ")[0]
        return Exchange(
            reader=reader, writer=writer, model=model, path=path, previous=previous, elsewhere=self.elsewhere
        )

    async def _play(self, exchange: Exchange) -> bool:
        model = exchange.model
        self.in_flight[model] += 1
        self.peak[model] = max(self.peak[model], self.in_flight[model])
        try:
            return await FAULTS.get(model, honest)(exchange)
        finally:
            self.in_flight[model] -= 1


async def _to_the_end(serve: Serve, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection; that the peer leaves in the middle is what this upstream is for."""
    try:
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await serve(reader, writer)
    finally:
        writer.close()
