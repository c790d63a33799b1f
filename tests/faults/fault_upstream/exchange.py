"""One request that a fault is played on, and the words of an honest answer."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass

VERDICT = json.dumps({"justification": "It argues.", "winner": "Essay A", "confidence": 4})
POISON = "POISON"
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A request and its connection; `previous` is the model of the request before it on the same connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    model: str
    path: str
    previous: str
    elsewhere: str

    async def send(self, data: bytes) -> None:
        """Write, and wait until the peer takes it."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *more_headers: str) -> None:
        """A complete honest answer that leaves the connection open."""
        await self.send(whole(self.document(), *more_headers))

    def document(self) -> bytes:
        """The body of an honest answer."""
        return document(self.model)

    async def hang(self) -> None:
        """Say nothing more until the client leaves."""
        while await self.reader.read(65_536):
            continue

    def reset(self) -> None:
        """RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.writer.transport.abort()


def document(model: str) -> bytes:
    """An honest Chat Completions answer of *model*."""
    choice = {"index": 0, "message": {"role": "assistant", "content": VERDICT}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
    return json.dumps({**answer, "choices": [choice], "usage": usage}).encode()


def whole(body: bytes, *more_headers: str) -> bytes:
    """A complete HTTP answer with its length."""
    lines = (f"Content-Length: {len(body)}", *more_headers)
    return JSON_HEAD + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body
