"""Exchanges JSON lines over a stream socket between two processes of one service."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any, Final, Self

import orjson

# A worker's metrics are 60 KB at 400 series; the limit keeps a broken peer from filling the memory.
_LONGEST_LINE: Final = 64 * 1024 * 1024


class JsonLine:
    """One end of the connection; `send` never waits, and messages to a peer that has gone are lost."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """Returns a line over *end*, and takes ownership of *end*."""
        return cls(*await asyncio.open_connection(sock=end, limit=_LONGEST_LINE))

    def send(self, **message: Any) -> None:
        """Send one message."""
        if not self._writer.is_closing():
            self._writer.write(orjson.dumps(message) + b"\n")

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yields messages until the peer has closed the connection."""
        try:
            async for line in self._reader:
                yield orjson.loads(line)
        except (ConnectionError, ValueError):  # ValueError: an incomplete line
            return

    async def close(self) -> None:
        """Send the rest and close."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return
