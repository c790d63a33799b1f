"""A line to a server on loopback that a test makes slow, and quick again."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

PIECE_BYTES = 65536


class SlowLine:
    """Passes on what is said to `port`; every piece of a reply is held back for `seconds`, in its order.

    What is asked goes on while `asking` is set; what waits for that meanwhile is in `held`.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._running: set[asyncio.Task[None]] = set()
        self.seconds = 0.0
        self.asking = asyncio.Event()
        self.asking.set()
        self.held: list[bytes] = []
        self.port = 0

    async def connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection, until either side ends it; what was held back is lost then."""
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        ways = {
            asyncio.create_task(self._pass_on(reader, there_writer)),
            asyncio.create_task(self._pass_on(there_reader, writer, held_back=True)),
        }
        self._running |= ways
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        self._running -= ways
        for end in (there_writer, writer):
            end.close()

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter, *, held_back: bool = False) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                if held_back:
                    await asyncio.sleep(self.seconds)
                elif not self.asking.is_set():
                    self.held.append(piece)
                    await self.asking.wait()
                writer.write(piece)

    def hang_up(self) -> None:
        """End every connection."""
        for way in self._running:
            way.cancel()


@asynccontextmanager
async def slow_line(server_port: int) -> AsyncIterator[SlowLine]:
    """A line that is quick at first; closed at the end."""
    line = SlowLine(server_port)
    async with await asyncio.start_server(line.connected, "127.0.0.1", 0) as server:
        line.port = server.sockets[0].getsockname()[1]
        try:
            yield line
        finally:
            line.hang_up()
