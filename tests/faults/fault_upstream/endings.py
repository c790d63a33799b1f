"""Connections that end too early, end late, or never say anything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.faults.fault_upstream.exchange import JSON_HEAD, Exchange, whole

Fault = Callable[[Exchange], Awaitable[bool]]
LET_BYTES_ARRIVE = 0.02
DRIP_SECONDS = 0.1


async def reset_at_once(exchange: Exchange) -> bool:
    """RST before any byte."""
    exchange.reset()
    return False


async def reset_in_the_body(exchange: Exchange) -> bool:
    """Half of the body, then RST."""
    await _half(exchange, whole(exchange.document()))
    exchange.reset()
    return False


async def closed_in_the_body(exchange: Exchange) -> bool:
    """Half of the body that Content-Length promised, then FIN."""
    await _half(exchange, whole(exchange.document()))
    return False


async def no_last_chunk(exchange: Exchange) -> bool:
    """The whole document in one chunk, and FIN instead of the last chunk: complete to look at, but not said to be."""
    body = exchange.document()
    await exchange.send(JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n" % (len(body), body))
    return False


async def cut_without_length(exchange: Exchange) -> bool:
    """A body whose end is the connection's, cut in the middle."""
    await exchange.send(JSON_HEAD + b"\r\n" + exchange.document()[:-40])
    return False


async def hang_before_the_headers(exchange: Exchange) -> bool:
    """Nothing."""
    await exchange.hang()
    return False


async def hang_after_the_headers(exchange: Exchange) -> bool:
    """Headers and the first bytes, then nothing."""
    await exchange.send(whole(exchange.document())[:200])
    await exchange.hang()
    return False


async def drip(exchange: Exchange) -> bool:
    """One byte every 100 ms: no pause between two bytes is ever too long."""
    return await _drip(exchange, whole(exchange.document()), at_once=len(JSON_HEAD) + 30)


async def drip_headers(exchange: Exchange) -> bool:
    """The same, from the status line on."""
    return await _drip(exchange, whole(exchange.document()), at_once=0)


async def close_idle(exchange: Exchange) -> bool:
    """An honest answer, and FIN as soon as the connection is idle, without having announced it."""
    await exchange.answer()
    await asyncio.sleep(LET_BYTES_ARRIVE)
    return False


async def close_when_used_again(exchange: Exchange) -> bool:
    """An honest answer; the second request on a connection is met with RST: the race that no client can win."""
    if exchange.previous == exchange.model:
        exchange.reset()
        return False
    await exchange.answer()
    return True


async def _half(exchange: Exchange, answer: bytes) -> None:
    await exchange.send(answer[:-60])
    await asyncio.sleep(LET_BYTES_ARRIVE)


async def _drip(exchange: Exchange, answer: bytes, *, at_once: int) -> bool:
    if at_once:
        await exchange.send(answer[:at_once])
    for byte in answer[at_once:]:
        await exchange.send(bytes((byte,)))
        await asyncio.sleep(DRIP_SECONDS)
    return True


ENDINGS: dict[str, Fault] = {
    "fault-rst": reset_at_once,
    "fault-rst-body": reset_in_the_body,
    "fault-fin-body": closed_in_the_body,
    "fault-no-last-chunk": no_last_chunk,
    "fault-no-length": cut_without_length,
    "fault-hang": hang_before_the_headers,
    "fault-hang-body": hang_after_the_headers,
    "fault-drip": drip,
    "fault-drip-headers": drip_headers,
    "fault-close-idle": close_idle,
    "fault-close-used": close_when_used_again,
}
