"""The fast path takes what is nothing out of the ordinary, and answers as the framework behind it would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from common_core.error_enums import ErrorCode
from huleedu_service_libs.http_server.server import HttpServer, bind
from huleedu_service_libs.web.fast_path import FastPath, PlainRequest, RawHeaders
from huleedu_service_libs.web.problem import Problem, ProblemError
from huleedu_service_libs.web.quart_app import EdgeMiddleware, problem_for

pytestmark = pytest.mark.sockets

TYPE_PREFIX = "urn:test:"
BODY_CAP = 100
PLAIN = {"Content-Type": "application/json"}


class Behind:
    """Whoever stands behind the fast path; it says so, and remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.heard.append(scope["path"])
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-length", b"6")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"behind"})


def caller_of(headers: RawHeaders) -> str:
    """Whoever says who it is."""
    return next((value.decode() for name, value in headers if name == b"x-caller"), "somebody")


class Desk:
    """Answers POST /fast with what it read, or fails as the body asks."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def answer(self, request: PlainRequest[str]) -> bytes:
        match request.body:
            case b'"bug"':
                raise ValueError("the secret inside")
            case b'"busy"':
                raise ProblemError(
                    Problem(
                        status=503,
                        code=ErrorCode.SERVICE_UNAVAILABLE,
                        title="Busy",
                        detail="Later.",
                        type_slug="service-unavailable",
                        retry_after=2.5,
                    )
                )
            case b'"wait"':
                await self._wait()
        return json.dumps(
            [request.caller, request.body.decode(), request.header(b"x-test"), request.header(b"x-none")]
        ).encode()

    async def _wait(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


class Line:
    """A connection to the application."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def post(self, body: bytes, headers: dict[str, str], path: str = "/fast", method: str = "POST") -> bytes:
        """Head and body of the answer."""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return await self.say("\r\n".join([*lines, "", ""]).encode() + body)

    async def say(self, *pieces: bytes) -> bytes:
        """The answer to a request in *pieces*, each in a packet of its own."""
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(0.02)  # the kernel would send them together
            self.writer.write(piece)
            await self.writer.drain()
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        return head + await self.reader.readexactly(length)


@asynccontextmanager
async def connected(desk: Desk, behind: Behind) -> AsyncIterator[Line]:
    def problem_of(error: Exception) -> Problem:
        return problem_for(error, None)

    fast_path = FastPath(behind, identify=caller_of, type_prefix=TYPE_PREFIX, body_cap=BODY_CAP, problem_for=problem_of)
    fast_path.post("/fast", desk.answer)
    edge = EdgeMiddleware(fast_path, type_prefix=TYPE_PREFIX)
    server, listener = HttpServer(edge, type_prefix=TYPE_PREFIX), bind("127.0.0.1", 0)
    await server.start(listener)
    line = Line(*await asyncio.open_connection(*listener.getsockname()))
    try:
        async with asyncio.timeout(5):
            yield line
    finally:
        line.writer.close()
        await server.stop(0.0)
        listener.close()


async def test_an_ordinary_request_is_answered_before_the_framework() -> None:
    behind = Behind()
    async with connected(Desk(), behind) as line:
        answer = await line.post(b"{}", {**PLAIN, "X-Test": "one", "X-Correlation-ID": "c-1"})
    head, _, body = answer.partition(b"\r\n\r\n")
    assert json.loads(body) == ["somebody", "{}", "one", None]
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-type: application/json" in head.lower()
    assert b"x-correlation-id: c-1" in head.lower()
    assert behind.heard == []


@pytest.mark.parametrize(
    ("headers", "body", "path", "method"),
    [
        ({}, b"{}", "/fast", "POST"),
        ({"Content-Type": "application/json; charset=utf-8"}, b"{}", "/fast", "POST"),
        ({"Content-Type": "text/plain"}, b"{}", "/fast", "POST"),
        ({**PLAIN, "content-type": "application/json"}, b"{}", "/fast", "POST"),
        ({**PLAIN, "Content-Encoding": "gzip"}, b"{}", "/fast", "POST"),
        (PLAIN, b" " * (BODY_CAP + 1), "/fast", "POST"),
        (PLAIN, b"{}", "/fast/", "POST"),
        (PLAIN, b"{}", "/slow", "POST"),
        (PLAIN, b"{}", "/fast", "PUT"),
        (PLAIN, b"", "/fast", "GET"),
    ],
)
async def test_whatever_is_out_of_the_ordinary_goes_on(
    headers: dict[str, str], body: bytes, path: str, method: str
) -> None:
    behind = Behind()
    async with connected(Desk(), behind) as line:
        assert (await line.post(body, headers, path, method)).endswith(b"behind")
    assert behind.heard == [path]


async def test_a_body_that_comes_in_pieces_or_without_a_length_goes_on() -> None:
    behind = Behind()
    head = b"POST /fast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    async with connected(Desk(), behind) as line:
        assert (await line.say(head + b"Content-Length: 2\r\n\r\n{", b"}")).endswith(b"behind")
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        assert (await line.say(chunked)).endswith(b"behind")
    assert behind.heard == ["/fast", "/fast"]


async def test_what_fails_is_a_problem_and_the_connection_goes_on() -> None:
    async with connected(Desk(), Behind()) as line:
        bug = await line.post(b'"bug"', PLAIN)
        busy = await line.post(b'"busy"', {**PLAIN, "X-Correlation-ID": "c-2"})
        assert b"200" in (await line.post(b"{}", PLAIN)).split(b"\r\n")[0]
    assert bug.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in bug
    head, _, body = busy.partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 3" in head.lower()
    assert b"content-type: application/problem+json" in head.lower()
    assert (problem["instance"], problem["correlation_id"]) == ("/fast", "c-2")
    assert problem["type"] == f"{TYPE_PREFIX}service-unavailable"


async def test_a_caller_who_hangs_up_cancels_the_answer() -> None:
    desk = Desk()
    async with connected(desk, Behind()) as line:
        line.writer.write(b"POST /fast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        line.writer.write(b'Content-Length: 6\r\n\r\n"wait"')
        await desk.began.wait()
        line.writer.transport.abort()
        await desk.cancelled.wait()


async def test_an_answer_that_the_stop_of_the_server_cuts_off_is_a_503() -> None:
    desk = Desk()
    async with connected(desk, Behind()) as line:
        answer = asyncio.create_task(line.post(b'"wait"', PLAIN))
        await desk.began.wait()
        task = next(one for one in asyncio.all_tasks() if "run_asgi" in repr(one))
        task.cancel()
        assert (await answer).startswith(b"HTTP/1.1 503 ")
