"""What the server does with connections that are slow, oversized, malformed or want another protocol."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from libs.service_libs.tests.conftest import RawReply, Served, one_answer

pytestmark = pytest.mark.sockets

GET = b"GET /resource HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_half_sent_head_is_a_408_after_the_head_time(impatient: Served) -> None:
    started = asyncio.get_running_loop().time()
    reply = await impatient.exchange(b"GET /resource HT")
    assert (reply.status, reply.problem()["code"]) == (408, "TIMEOUT")
    assert asyncio.get_running_loop().time() - started < 4


async def test_a_head_that_drips_is_cut_off_all_the_same(impatient: Served) -> None:
    reader, writer = await impatient.connect()

    async def drip() -> None:
        with contextlib.suppress(ConnectionError):
            for byte in b"GET /resource HTTP/1.1\r\n" + b"x-filler: y\r\n" * 100:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    status_line = await reader.readline()  # no further: a byte that drips after the close resets the connection
    dripping.cancel()
    writer.close()
    assert RawReply(status_line).status == 408


async def test_a_second_request_on_the_connection_has_the_same_head_time(impatient: Served) -> None:
    reader, writer = await impatient.connect()
    writer.write(GET)
    assert RawReply(await one_answer(reader)).status == 200
    writer.write(b"GET /reso")
    assert RawReply(await reader.read()).status == 408
    writer.close()


async def test_a_connection_that_says_nothing_is_closed_without_a_word(impatient: Served) -> None:
    assert (await impatient.exchange(b"")).raw == b""


async def test_an_idle_connection_between_requests_is_kept(impatient: Served) -> None:
    reader, writer = await impatient.connect()
    for _ in range(2):
        writer.write(GET)
        assert RawReply(await one_answer(reader)).status == 200
        await asyncio.sleep(0.8)  # longer than the head time
    writer.close()


@pytest.mark.parametrize("path", ["/resource", "/nowhere"])
async def test_empty_lines_and_late_bodies_do_not_keep_a_connection_for_ever(impatient: Served, path: str) -> None:
    reader, writer = await impatient.connect()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n".encode())
    await one_answer(reader)
    writer.write(b"ab\r\n\r\n")
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nBig: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", 400),
        (b"POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
)
async def test_a_head_that_cannot_be_served_is_a_problem_and_ends_the_connection(
    served: Served, raw: bytes, status: int
) -> None:
    reply = await served.exchange(raw)
    assert (reply.status, reply.problem()["status"]) == (status, status)
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-correlation-id"] == reply.problem()["correlation_id"]
    assert served.journal.handled == []


async def test_a_head_without_end_is_cut_off(served: Served) -> None:
    with contextlib.suppress(ConnectionError):  # the reset may overtake the answer, because bytes were left unread
        assert (await served.exchange(b"GET / HTTP/1.1\r\nHost: x\r\nBig: " + b"x" * 2_000_000)).status == 431
    assert (await served.exchange(GET, close=False)).status == 200


async def test_an_upgrade_to_http2_is_ignored_and_the_connection_ends(served: Served) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    request = b"GET /resource HTTP/1.1\r\nHost: x\r\n" + offer
    for tail in (b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", GET, request):
        reply = await served.exchange(request + tail)
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert reply.raw.count(b"HTTP/1.1 ") == 1
    assert served.journal.handled == ["resource"] * 4


async def test_junk_after_a_request_does_not_overtake_its_answer(served: Served) -> None:
    reply = await served.exchange(GET + b"\x00\x01 junk\r\n\r\n")
    assert reply.status == 200
    assert reply.raw.count(b"HTTP/1.1 ") == 1


async def test_a_broken_chunk_is_a_400(served: Served) -> None:
    head = b"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await served.exchange(head + b"2\r\n{}\r\nzz\r\n")).status == 400
    assert served.journal.handled == []


async def test_an_upgrade_with_a_body_is_read_like_any_request(served: Served) -> None:
    head = "Content-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    reply = await served.post(b'{"a":1}', head)
    assert (reply.status, reply.problem()) == (200, {"echo": {"a": 1}})


async def test_a_websocket_is_not_offered(served: Served) -> None:
    wish = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4\r\n"
    reply = await served.exchange(b"GET /resource HTTP/1.1\r\nHost: x\r\n" + wish + b"\r\n")
    assert (reply.status, reply.headers["connection"]) == (200, "close")


async def test_the_direct_http2_preface_is_refused(served: Served) -> None:
    assert (await served.exchange(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).status in {400, 404, 405}


async def test_a_body_that_nobody_reads_cannot_hold_the_connection(impatient: Served) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    reader, writer = await impatient.connect()
    writer.write(head)
    first = RawReply(await one_answer(reader))
    assert first.status == 404

    async def drip() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    dripping.cancel()
    writer.close()


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    reader, writer = await served.connect()
    writer.write(GET + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert [RawReply(await one_answer(reader)).status for _ in range(3)] == [200, 404, 200]
    writer.close()


async def test_forwarded_headers_and_absolute_targets_change_nothing(served: Served) -> None:
    raw = b"GET http://evil.example/resource HTTP/1.1\r\nHost: evil\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n"
    assert (await served.exchange(raw, close=False)).status == 200
    bare = await served.exchange(b"GET http://evil.example HTTP/1.1\r\nHost: evil\r\n\r\n", close=False)
    assert bare.problem()["status"] == bare.status
