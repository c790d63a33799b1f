"""The lean connection: a caller who hangs up ends the handler, however the body came, and nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from quart import Quart, Response, request

from huleedu_service_libs.http_server.server import HttpServer, bind
from huleedu_service_libs.web.quart_connection import LeanHttpConnection

POST = b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


class Diary:
    """What happened to the handler."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.may_end = asyncio.Event()
        self.tasks_while_waiting = 0


def waiting_app(diary: Diary) -> Quart:
    app = Quart("waiting")
    app.asgi_http_class = LeanHttpConnection

    @app.post("/wait")
    async def wait() -> Response:
        diary.began.set()
        try:
            body = b"".join([chunk async for chunk in request.body])
            diary.tasks_while_waiting = len(asyncio.all_tasks())
            await diary.may_end.wait()
        except asyncio.CancelledError:
            diary.cancelled.set()
            raise
        return Response(body)

    return app


@asynccontextmanager
async def connected(app: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, HttpServer]]:
    server, listener = HttpServer(app, type_prefix="urn:test:"), bind("127.0.0.1", 0)
    await server.start(listener)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    try:
        yield reader, writer, server
    finally:
        writer.close()
        await server.stop(0.0)
        listener.close()


@pytest.mark.sockets
@pytest.mark.parametrize(
    "arrived",
    [POST + b"body", POST + b"bo", POST, (POST + b"body") * 2],
    ids=["all of it", "half of the body", "no body", "a request that runs and one behind it"],
)
async def test_a_caller_who_hangs_up_cancels_the_handler(arrived: bytes) -> None:
    diary = Diary()
    async with asyncio.timeout(5), connected(waiting_app(diary)) as (_, writer, _server):
        writer.write(arrived)
        await diary.began.wait()
        writer.transport.abort()
        await diary.cancelled.wait()


@pytest.mark.sockets
@pytest.mark.parametrize("pieces", [[POST + b"body"], [POST, b"body"], [POST + b"bo", b"dy"]])
async def test_a_body_arrives_whole_in_however_many_pieces(pieces: list[bytes]) -> None:
    diary = Diary()
    diary.may_end.set()
    async with asyncio.timeout(5), connected(waiting_app(diary)) as (reader, writer, _server):
        for _ in range(2):
            for number, piece in enumerate(pieces):
                if number:
                    await diary.began.wait()
                writer.write(piece)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(4) == b"body"
    assert not diary.cancelled.is_set()


@pytest.mark.sockets
async def test_a_request_whose_body_is_there_needs_one_task_only() -> None:
    diary = Diary()
    async with asyncio.timeout(5), connected(waiting_app(diary)) as (reader, writer, _server):
        before = len(asyncio.all_tasks())
        writer.write(POST + b"body")
        await diary.began.wait()
        diary.may_end.set()
        await reader.readuntil(b"body")
    assert diary.tasks_while_waiting == before + 1


@pytest.mark.sockets
async def test_the_cancellation_of_a_stopping_server_goes_on_to_the_layers_outside() -> None:
    diary, outside = Diary(), asyncio.Event()
    app = waiting_app(diary)

    async def layer(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            outside.set()
            raise

    async with asyncio.timeout(5), connected(layer) as (_, writer, server):
        writer.write(POST + b"body")
        await diary.began.wait()
        assert await server.stop(0.0) == 1
        assert diary.cancelled.is_set()
        assert outside.is_set()


async def test_another_server_is_listened_to_as_asgi_says() -> None:
    diary, gone = Diary(), asyncio.Event()
    messages = [{"type": "http.request", "body": b"body", "more_body": False}]
    scope = {
        "type": "http", "method": "POST", "scheme": "http", "path": "/wait", "query_string": b"",
        "headers": [(b"host", b"x")],
        "http_version": "1.1", "asgi": {},
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        raise AssertionError(message)

    app: Any = waiting_app(diary)
    async with asyncio.timeout(5):
        running = asyncio.create_task(app(scope, receive, send))
        await diary.began.wait()
        gone.set()
        await running
    assert diary.cancelled.is_set()
