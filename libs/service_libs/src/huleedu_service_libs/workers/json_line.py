"""JSON lines over a stream socket between two processes of one service."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any, Final, Self

import orjson

# A worker's metrics are 60 KB at 400 series; the limit is there so that a broken peer cannot fill the memory.
_LONGEST_LINE: Final = 64 * 1024 * 1024


class JsonLine:
    """One end; sending never waits, and what is sent to a peer that has gone is lost."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """Takes ownership of *end*."""
        return cls(*await asyncio.open_connection(sock=end, limit=_LONGEST_LINE))

    def send(self, **message: Any) -> None:
        """Send one message."""
        if not self._writer.is_closing():
            self._writer.write(orjson.dumps(message) + b"\n")

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """All messages until the peer has gone."""
        try:
            async for line in self._reader:
                yield orjson.loads(line)
        except (ConnectionError, ValueError):  # ValueError: a torn line
            return

    async def close(self) -> None:
        """Send what is left and close."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return
