"""Complete answers that no client should believe: broken heads, redirects, cookies, bombs."""

from __future__ import annotations

import asyncio
import struct
import zlib
from functools import cache

from tests.faults.fault_upstream.endings import Fault
from tests.faults.fault_upstream.exchange import JSON_HEAD, POISON, Exchange, whole

BOMB_BYTES = 200_000_000
HUGE_BYTES = 300_000_000
SLOW_SECONDS = 0.5
_PIECE = b" " * 65_536
_GZIP_HEAD = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
_POISON = POISON.encode()


async def garbage(exchange: Exchange) -> bool:
    """Bytes that are no HTTP."""
    await exchange.send(b"\x00\x16\x03 not http at all " + _POISON + b"\r\n\r\n")
    return False


async def two_lengths(exchange: Exchange) -> bool:
    """Two Content-Length headers that differ."""
    body = exchange.document()
    await exchange.send(JSON_HEAD + b"Content-Length: 3\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return False


async def length_and_chunked(exchange: Exchange) -> bool:
    """Content-Length beside Transfer-Encoding: chunked."""
    body = exchange.document()
    head = JSON_HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    await exchange.send(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    return False


async def big_header(exchange: Exchange) -> bool:
    """One header of 100 KB."""
    await exchange.send(whole(exchange.document(), f"X-Big: {POISON * 17_000}"))
    return False


async def many_headers(exchange: Exchange) -> bool:
    """A hundred thousand headers."""
    await exchange.send(whole(exchange.document(), *(f"X-{number}: {POISON}" for number in range(100_000))))
    return False


async def extra_bytes(exchange: Exchange) -> bool:
    """An honest answer with a second one behind it that nobody asked for."""
    second = whole(exchange.document().replace(b"It argues.", _POISON))
    await exchange.send(whole(exchange.document()) + second)
    return True


async def redirect(exchange: Exchange) -> bool:
    """302 to another origin."""
    return await _redirect(exchange, 302, exchange.elsewhere)


async def redirect_307(exchange: Exchange) -> bool:
    """307, which asks for the same body and method, to another origin."""
    return await _redirect(exchange, 307, exchange.elsewhere)


async def redirect_loop(exchange: Exchange) -> bool:
    """307 to the same address."""
    return await _redirect(exchange, 307, exchange.path)


async def cookie(exchange: Exchange) -> bool:
    """An honest answer that sets a cookie."""
    await exchange.answer("Set-Cookie: tracking=1; Path=/")
    return True


async def gzip_bomb(exchange: Exchange) -> bool:
    """200 KB that unpack to 200 MB."""
    await exchange.send(whole(bomb(), "Content-Encoding: gzip"))
    return True


async def huge(exchange: Exchange) -> bool:
    """A body of 300 MB, honestly announced."""
    await exchange.send(JSON_HEAD + b"Content-Length: %d\r\n\r\n" % HUGE_BYTES)
    for _ in range(HUGE_BYTES // len(_PIECE)):
        await exchange.send(_PIECE)
    return False


async def slow(exchange: Exchange) -> bool:
    """An honest answer after half a second."""
    await asyncio.sleep(SLOW_SECONDS)
    await exchange.answer()
    return True


async def honest(exchange: Exchange) -> bool:
    """No fault."""
    await exchange.answer()
    return True


async def _redirect(exchange: Exchange, status: int, to: str) -> bool:
    await exchange.send(f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode())
    return True


@cache
def bomb() -> bytes:
    """The packed bomb: one packed megabyte, again and again, so that making it takes no time that a row would show."""
    megabyte = b" " * 1_000_000
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    block = packer.compress(megabyte) + packer.flush(zlib.Z_FULL_FLUSH)
    blocks = BOMB_BYTES // len(megabyte)
    crc = 0
    for _ in range(blocks):
        crc = zlib.crc32(megabyte, crc)
    return _GZIP_HEAD + block * blocks + packer.flush() + struct.pack("<II", crc, BOMB_BYTES)


NONSENSE: dict[str, Fault] = {
    "fault-garbage": garbage,
    "fault-two-lengths": two_lengths,
    "fault-length-and-chunked": length_and_chunked,
    "fault-big-header": big_header,
    "fault-many-headers": many_headers,
    "fault-extra-bytes": extra_bytes,
    "fault-redirect": redirect,
    "fault-redirect-307": redirect_307,
    "fault-redirect-loop": redirect_loop,
    "fault-cookie": cookie,
    "fault-bomb": gzip_bomb,
    "fault-huge": huge,
    "slow": slow,
}
