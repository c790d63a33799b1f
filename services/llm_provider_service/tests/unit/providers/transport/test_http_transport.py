"""The transport against real sockets that misbehave below HTTP: certificates, handshakes, full backlogs, odd bodies."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from aiohttp import AsyncResolver
from aiohttp.abc import AbstractResolver

from services.llm_provider_service.domain.connect_failures import AddressRefused, TlsHandshakeFailed
from services.llm_provider_service.domain.failures import (
    BadResponse,
    CertificateInvalid,
    ConnectFailed,
    ConnectionLost,
    ProviderTimeout,
)
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.providers.common.wire_request import WireRequest
from services.llm_provider_service.providers.transport.address_guard import GuardedResolver
from services.llm_provider_service.providers.transport.http_transport import HttpTransport, open_session
from services.llm_provider_service.providers.transport.time_limits import TimeLimits
from services.llm_provider_service.tests.unit.providers.transport.certificates import self_signed

pytestmark = pytest.mark.sockets

LIMITS = TimeLimits(connect=2.0, first_byte=5.0, idle=5.0, total=5.0)
REQUEST = WireRequest(path="/v1/ask", headers={"Content-Type": "application/json"}, body=b"{}")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a free port; yields the port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def answer_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Plain HTTP, whatever was asked."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    await writer.drain()


async def sent(
    base_url: str,
    *,
    request: WireRequest = REQUEST,
    limits: TimeLimits = LIMITS,
    resolver: AbstractResolver | None = None,
) -> bytes:
    """The body that *base_url* answers with; raises what the transport raises."""
    inner = resolver or AsyncResolver()
    try:
        async with open_session(resolver=inner, connections=4) as session:
            transport = HttpTransport(session, base_url=base_url, credentials={}, max_bytes=100_000)
            async with transport.send(request, limits) as reply:
                return b"".join([chunk async for chunk in reply.chunks()])
    finally:
        await inner.close()


@pytest.mark.parametrize(("host", "days"), [("localhost", 1), ("localhost", -1), ("another.example", 1)])
async def test_a_certificate_that_proves_nothing_is_never_accepted(tmp_path: Path, host: str, days: int) -> None:
    async with listening(answer_plainly, self_signed(tmp_path, host, days=days)) as port:
        with pytest.raises(CertificateInvalid) as raised:
            await sent(f"https://localhost:{port}")
    assert not raised.value.may_retry
    assert raised.value.alerts


async def test_a_header_in_any_language_arrives_in_utf_8() -> None:
    """The settings let the name of an application through as long as this holds."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()

    async with listening(listen) as port:
        await sent(f"http://127.0.0.1:{port}", request=REQUEST._replace(headers={"X-Title": "Prüfstand 試験"}))
    assert "\r\nX-Title: Prüfstand 試験\r\n".encode() in heard[0]


async def test_what_speaks_no_tls_is_no_matter_of_certificates() -> None:
    async with listening(answer_plainly) as port:
        with pytest.raises(TlsHandshakeFailed) as raised:
            await sent(f"https://127.0.0.1:{port}")
    assert not raised.value.alerts


async def test_a_handshake_that_is_cut_off_may_be_tried_again() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with listening(hang_up) as port:
        with pytest.raises(ProviderFailure) as raised:
            await sent(f"https://127.0.0.1:{port}")
    assert raised.value.may_retry


@contextmanager
def full_backlog() -> Iterator[str]:
    """The address of a server that lets nobody in, because others wait already."""
    with socket.socket() as listener, ExitStack() as crowd:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            one = crowd.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_full_backlog_costs_no_more_than_the_connect_limit() -> None:
    with full_backlog() as address:
        started = time.monotonic()
        with pytest.raises(ConnectFailed):
            await sent(address, limits=LIMITS._replace(connect=0.5))
        assert 0.4 < time.monotonic() - started < 2.0


async def test_a_short_deadline_that_ends_a_connect_is_a_timeout_and_no_connect_failure() -> None:
    with full_backlog() as address, pytest.raises(ProviderTimeout):
        await sent(address, limits=LIMITS._replace(total=0.3))


async def test_refused_and_unresolved_are_connect_failures() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectFailed):
            await sent(f"http://127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(ConnectFailed):
        await sent("http://nobody-here.invalid")


async def test_a_name_that_turns_out_private_is_refused_and_says_so() -> None:
    seen = asyncio.Event()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set()

    async with listening(watch) as port:
        with pytest.raises(AddressRefused, match="private address") as raised:
            await sent(f"http://localhost:{port}", resolver=GuardedResolver(AsyncResolver()))
    assert raised.value.alerts
    assert not seen.is_set()


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", ConnectionLost),
        (b"nonsense\r\n\r\n", BadResponse),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nPOISON", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\nPOISON", ProviderFailure),
    ],
    ids=["nothing", "garbage", "cut", "not gzip"],
)
async def test_a_peers_bytes_are_never_in_the_message(answer: bytes, failure: type[ProviderFailure]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(answer)
        await writer.drain()

    async with listening(serve) as port:
        with pytest.raises(failure) as raised:
            await sent(f"http://127.0.0.1:{port}")
    assert "POISON" not in raised.value.message
    assert "127.0.0.1" not in raised.value.message
