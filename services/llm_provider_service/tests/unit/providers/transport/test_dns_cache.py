"""Row U02 of the fault catalogue: a name that could not be found is looked for again within five seconds."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiohttp import AsyncResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from services.llm_provider_service.domain.failures import ConnectFailed
from services.llm_provider_service.providers.common.wire_request import WireRequest
from services.llm_provider_service.providers.transport.dns_cache import FORGET_SECONDS, CachingResolver
from services.llm_provider_service.providers.transport.http_transport import HttpTransport, open_session
from services.llm_provider_service.providers.transport.time_limits import TimeLimits
from services.llm_provider_service.tests.unit.providers.transport.name_server import NameServer, name_server

LIMITS = TimeLimits(connect=5.0, first_byte=5.0, idle=5.0, total=10.0)
REQUEST = WireRequest(path="/v1/ask", headers={"Content-Type": "application/json"}, body=b"{}")


class Line:
    """The real transport to a vendor whose name only *server* knows, on a clock that stands still until it is moved."""

    def __init__(self, server: NameServer, port: int) -> None:
        self.now = 0.0
        self.hits = 0
        self.resolver = CachingResolver(
            clock=lambda: self.now, make=partial(AsyncResolver, nameservers=[server.address])
        )
        self._port = port

    async def ask(self) -> bytes:
        """One request on a connection of its own; raises what the transport raises."""
        async with open_session(resolver=self.resolver, connections=1) as session:
            url = f"http://vendor.example:{self._port}"
            transport = HttpTransport(session, base_url=url, credentials={}, max_bytes=1000)
            async with transport.send(REQUEST, LIMITS) as reply:
                return b"".join([chunk async for chunk in reply.chunks()])

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The vendor."""
        await reader.readuntil(b"\r\n\r\n")
        self.hits += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()


@asynccontextmanager
async def line_to(server: NameServer) -> AsyncIterator[Line]:
    """The line, and the vendor at its end."""
    calls: list[Line] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await calls[0].answer(reader, writer)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as vendor:
        calls.append(Line(server, vendor.sockets[0].getsockname()[1]))
        try:
            yield calls[0]
        finally:
            await calls[0].resolver.close()


@pytest.mark.sockets
async def test_a_name_that_failed_is_reached_within_five_seconds_of_its_coming_back() -> None:
    async with name_server() as server, line_to(server) as line:
        with pytest.raises(ConnectFailed):
            await line.ask()
        server.knows = True
        line.now += FORGET_SECONDS
        assert await line.ask() == b"{}"
        assert line.hits == 1


@pytest.mark.sockets
async def test_a_name_that_does_not_exist_is_asked_for_once_in_five_seconds() -> None:
    async with name_server() as server, line_to(server) as line:
        for number in range(10):
            line.now = number * FORGET_SECONDS / 5
            with pytest.raises(ConnectFailed):
                await line.ask()
        asked_for = server.asked
        with pytest.raises(ConnectFailed):
            await line.ask()
        assert server.asked == asked_for, "within the five seconds what is known is enough"
        assert asked_for <= 2 * 2, "twice, for two kinds of address"


class Scripted(AbstractResolver):
    """Finds the slow host once it is let go, and no other."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != "slow.example":
            raise OSError("no such name")
        await self.let_go.wait()
        return []

    async def close(self) -> None:
        self.closed = True


async def test_a_resolver_is_not_given_up_while_somebody_waits_for_it() -> None:
    now, made = 0.0, list[Scripted]()

    def make() -> Scripted:
        made.append(Scripted())
        return made[-1]

    async def fail() -> None:
        with pytest.raises(OSError, match="no such name"):
            await resolver.resolve("gone.example")

    resolver = CachingResolver(clock=lambda: now, make=make)
    slow = asyncio.create_task(resolver.resolve("slow.example"))
    await asyncio.sleep(0)
    await fail()
    now = FORGET_SECONDS
    await fail()
    assert [one.closed for one in made] == [False]
    made[0].let_go.set()
    assert await slow == []
    await fail()
    assert [one.closed for one in made] == [True, False]
    await resolver.close()
    assert [one.closed for one in made] == [True, True]
