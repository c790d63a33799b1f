"""A small Quart application behind the real server, and raw sockets to misuse it with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from dishka import AsyncContainer, FromDishka, Provider, Scope, make_async_container
from quart import Quart, request

from common_core.error_enums import ErrorCode
from huleedu_service_libs.http_server.protocol import HttpLimits
from huleedu_service_libs.http_server.server import HttpServer, bind
from huleedu_service_libs.web.correlation import adopt_body_correlation
from huleedu_service_libs.web.json_body import read_json
from huleedu_service_libs.web.problem import Problem, ProblemError
from huleedu_service_libs.web.quart_app import (
    inject,
    install_container,
    install_edge,
    install_problem_handlers,
    read_body,
)

TYPE_PREFIX = "urn:test:"
BODY_CAP = 64 * 1024


class Resource:
    """Something that handlers get from the container."""

    name = "the resource"


class Journal:
    """What the application saw, for tests to assert on."""

    def __init__(self) -> None:
        self.handled: list[str] = []


class TeapotError(Exception):
    """A failure of the small application's own."""


@dataclass(frozen=True, slots=True)
class RawReply:
    """What came back on a raw socket until it was closed or an answer was complete."""

    raw: bytes

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        head = self.raw.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in head)}

    def problem(self) -> dict[str, Any]:
        value: dict[str, Any] = orjson.loads(self.raw.split(b"\r\n\r\n", 1)[1])
        return value


@dataclass(frozen=True, slots=True)
class Served:
    """The running application."""

    host: str
    port: int
    journal: Journal

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.host, self.port)

    async def exchange(self, raw: bytes, *, close: bool = True) -> RawReply:
        """Send *raw* and read until the server closes (or, with close=False, until one answer is complete)."""
        reader, writer = await self.connect()
        try:
            writer.write(raw)
            await writer.drain()
            return RawReply(await (reader.read() if close else one_answer(reader)))
        finally:
            writer.close()

    async def post(self, body: bytes, headers: str = "Content-Type: application/json\r\n") -> RawReply:
        head = f"POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        return await self.exchange(head.encode() + body, close=False)


async def one_answer(reader: asyncio.StreamReader) -> bytes:
    """One complete answer with a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(RawReply(head).headers["content-length"])
    return head + await reader.readexactly(length)


def _container() -> AsyncContainer:
    provider = Provider(scope=Scope.APP)
    provider.provide(Resource)
    return make_async_container(provider)


def _teapot(error: Exception) -> Problem | None:
    if not isinstance(error, TeapotError):
        return None
    return Problem(
        status=422, code=ErrorCode.CONTENT_REFUSED, title="Teapot", detail="Only tea.", type_slug="content-refused"
    )


def make_app(journal: Journal) -> Quart:
    """Routes that read a body, are given a resource, and fail in several ways."""
    app = Quart("small")

    @app.post("/json")
    async def echo() -> Any:
        body = read_json(await read_body(request, BODY_CAP, seconds=0.5))
        if isinstance(body, dict) and isinstance(body.get("correlation_id"), str):
            adopt_body_correlation(body["correlation_id"])
        journal.handled.append("json")
        return {"echo": body}

    @app.get("/resource")
    @inject
    async def resource(held: FromDishka[Resource]) -> Any:
        journal.handled.append("resource")
        return {"name": held.name}

    @app.get("/bug")
    async def bug() -> Any:
        raise ValueError("the secret inside")

    @app.get("/teapot")
    async def teapot() -> Any:
        raise TeapotError

    @app.get("/busy")
    async def busy() -> Any:
        raise ProblemError(
            Problem(
                status=503,
                code=ErrorCode.SERVICE_UNAVAILABLE,
                title="Busy",
                detail="Later.",
                type_slug="service-unavailable",
                retry_after=2.5,
                retryable=True,
            )
        )

    install_problem_handlers(app, type_prefix=TYPE_PREFIX, translate=_teapot)
    install_container(app, _container())
    install_edge(app, type_prefix=TYPE_PREFIX)
    return app


@asynccontextmanager
async def serve_app(app: Callable[..., Awaitable[None]], journal: Journal, limits: HttpLimits) -> AsyncIterator[Served]:
    listener = bind("127.0.0.1", 0)
    server = HttpServer(app, type_prefix=TYPE_PREFIX, limits=limits)
    await server.start(listener)
    host, port = listener.getsockname()[:2]
    try:
        yield Served(host, port, journal)
    finally:
        await server.stop(grace_seconds=1)
        listener.close()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    journal = Journal()
    async with serve_app(make_app(journal), journal, HttpLimits()) as running:
        yield running


@pytest.fixture
async def impatient() -> AsyncIterator[Served]:
    """The same with time limits that a test can wait for."""
    journal = Journal()
    async with serve_app(make_app(journal), journal, HttpLimits(head_seconds=0.5, unread_body_seconds=0.5)) as running:
        yield running
