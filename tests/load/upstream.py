"""`python -m tests.load.upstream`: a vendor that answers everything with the same completion, as cheaply as can be.

`GET /count` says how many completions it gave, `GET /hold/MS` makes it hold each answer back so long. A thread that
sleeps does the holding: uvloop counts time in whole milliseconds, from whole milliseconds, and that would hide up to
one millisecond of what a gateway in front of it adds. Spans can be sent to it as well: `GET /exports` says how many
batches of them came.
"""

from __future__ import annotations

import asyncio
import re
import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import cast

import uvloop

from tests.load.payload import completion

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def answer_with(body: bytes) -> bytes:
    """An HTTP answer."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_bench\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


class Vendor:
    """What all connections share."""

    def __init__(self) -> None:
        self.hold_seconds = 0.0
        self.given = 0
        self.exports = 0
        self._completion = answer_with(completion())
        self._held: SimpleQueue[tuple[float, Callable[[bytes], None]]] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._release, daemon=True).start()

    def answer(self, path: bytes, write: Callable[[bytes], None]) -> None:
        """Answer what was asked on *path*, now or later."""
        if path == b"/count":
            write(answer_with(b"%d" % self.given))
        elif path == b"/v1/traces":
            self.exports += 1
            write(answer_with(b""))
        elif path == b"/exports":
            write(answer_with(b"%d" % self.exports))
        elif path.startswith(b"/hold/"):
            self.hold_seconds = int(path[6:]) / 1000
            write(answer_with(b"ok"))
        elif self.hold_seconds:
            self._held.put((time.monotonic() + self.hold_seconds, write))
        else:
            self._give(write)

    def _give(self, write: Callable[[bytes], None]) -> None:
        self.given += 1
        write(self._completion)

    def _release(self) -> None:
        while True:
            due, write = self._held.get()
            time.sleep(max(0.0, due - time.monotonic()))
            self._loop.call_soon_threadsafe(self._give, write)


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests come one after the other."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, but not by its class

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = CONTENT_LENGTH.search(self._received, 0, head_end + 2)
        if len(self._received) < head_end + 4 + (int(length[1]) if length else 0):
            return
        path = self._received.split(b" ", 2)[1]
        self._received = b""
        self._vendor.answer(path, self._write)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def main() -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    vendor = Vendor()
    server = await loop.create_server(lambda: Connection(vendor), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stopped.wait()


if __name__ == "__main__":
    uvloop.run(main())
