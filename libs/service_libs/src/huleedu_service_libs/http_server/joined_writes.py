"""Writes the head and the body of an answer with one system call.

uvicorn writes them one after the other, and uvloop 0.22 gives each write to the kernel at once. The second write took
8 % of an answer from the cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from huleedu_service_libs.http_server.exchange import Exchange


class JoinedWrites:
    """Replaces the transport in uvicorn's request cycles, which call these three methods and no others.

    *exchanges* are those of the connection; the first is the one that is being answered. While its `answer_is_whole` is
    set, the first write is the head: it is kept until the second write, the body.
    """

    def __init__(self, transport: asyncio.Transport, exchanges: Sequence[Exchange]) -> None:
        self._transport = transport
        self._exchanges = exchanges
        self._head = b""

    def write(self, data: bytes) -> None:
        """Write *data*; keeps it instead if it is the head of a whole answer."""
        if self._head:
            data, self._head = self._head + data, b""
        elif self._exchanges[0].answer_is_whole:
            self._head = data
            return
        self._transport.write(data)

    def is_closing(self) -> bool:
        """Returns whether the transport is closed or will close after its last write."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the transport after a head that is still kept, as when the application failed before the body."""
        if self._head:
            self.write(b"")
        self._transport.close()
