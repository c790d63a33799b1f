"""Correlation, problems, bodies and the container, through a real server."""

from __future__ import annotations

import io
import json
import uuid

import aiohttp
import pytest
from quart import Quart

from huleedu_service_libs.web.quart_app import install_edge, install_problem_handlers
from libs.service_libs.tests.conftest import BODY_CAP, Served


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/json", 405, "INVALID_REQUEST"),
        ("TRACE", "/json", 405, "INVALID_REQUEST"),
        ("GET", "/bug", 500, "PROCESSING_ERROR"),
        ("GET", "/teapot", 422, "CONTENT_REFUSED"),
        ("GET", "/busy", 503, "SERVICE_UNAVAILABLE"),
        ("POST", "/json", 415, "INVALID_REQUEST"),
    ],
)
async def test_every_error_is_a_problem_with_its_correlation_id(
    served: Served, method: str, path: str, status: int, code: str
) -> None:
    raw = f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: corr-9\r\nContent-Length: 0\r\n\r\n"
    reply = await served.exchange(raw.encode(), close=False)
    problem = reply.problem()
    assert (reply.status, problem["status"], problem["code"]) == (status, status, code)
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-correlation-id"] == problem["correlation_id"] == "corr-9"
    assert problem["instance"] == path
    assert problem["type"].startswith("urn:test:")
    assert b"secret" not in reply.raw
    assert "server" not in reply.headers


async def test_a_wrong_method_is_told_the_right_ones(served: Served) -> None:
    reply = await served.exchange(b"DELETE /json HTTP/1.1\r\nHost: x\r\n\r\n", close=False)
    assert (reply.status, reply.headers["allow"]) == (405, "OPTIONS, POST")


async def test_retry_after_is_a_whole_number(served: Served) -> None:
    reply = await served.exchange(b"GET /busy HTTP/1.1\r\nHost: x\r\n\r\n", close=False)
    assert (reply.headers["retry-after"], reply.problem()["retry_after"]) == ("3", 3)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":1,"a":2}',
        rb'{"a":"\ud800"}',
        rb'{"a":"\u0000"}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\xff"}',
        b"[" * 20_000,
    ],
)
async def test_a_doubtful_body_is_a_400_that_points(served: Served, body: bytes) -> None:
    reply = await served.post(body)
    assert (reply.status, reply.problem()["code"]) == (400, "VALIDATION_ERROR")
    assert reply.problem()["errors"][0]["message"]
    assert served.journal.handled == []


@pytest.mark.parametrize(
    "headers",
    [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/json; charset=latin-1\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
    ],
)
async def test_another_media_type_is_a_415_and_never_reaches_the_handler(served: Served, headers: str) -> None:
    reply = await served.post(b"{}", headers)
    assert (reply.status, reply.problem()["code"]) == (415, "INVALID_REQUEST")
    assert served.journal.handled == []


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", 'Application/JSON; charset="UTF-8"']
)
async def test_utf8_json_is_accepted_however_it_is_spelled(served: Served, content_type: str) -> None:
    reply = await served.post(b'{"a":1}', f"Content-Type: {content_type}\r\n")
    assert (reply.status, reply.problem()) == (200, {"echo": {"a": 1}})


async def test_a_declared_size_above_the_cap_is_refused_before_the_body_is_sent(served: Served) -> None:
    head = b"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20000000\r\n\r\n"
    reply = await served.exchange(head, close=False)
    assert (reply.status, reply.problem()["code"]) == (413, "INVALID_REQUEST")


async def test_a_real_size_above_the_cap_is_refused(served: Served) -> None:
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    head = b"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = await served.exchange(head + chunk * (BODY_CAP // 0x4000 + 1) + b"0\r\n\r\n", close=False)
    assert reply.status == 413
    assert served.journal.handled == []


async def test_a_client_that_sends_17_megabytes_still_reads_the_413(served: Served) -> None:
    body = io.BytesIO(b" " * 17_000_000)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{served.url}/json", data=body, headers=_JSON) as reply,
    ):
        assert reply.status == 413
        assert (await reply.json(content_type=None))["code"] == "INVALID_REQUEST"


async def test_a_body_of_exactly_the_cap_is_read(served: Served) -> None:
    body = json.dumps({"a": "x" * (BODY_CAP - 9)}).encode()
    assert len(body) == BODY_CAP
    assert (await served.post(body)).status == 200


async def test_a_slow_body_is_a_408_and_the_connection_ends(served: Served) -> None:
    head = b"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n"
    reply = await served.exchange(head + b"{")
    assert (reply.status, reply.problem()["code"], reply.headers["connection"]) == (408, "TIMEOUT", "close")


@pytest.mark.parametrize(
    "hostile", ["x" * 129, "x" * 10_000, "a b", "a\tb", "caf\u00e9", "a;b", "", "a\r\nX-Correlation-ID: b"]
)
async def test_a_hostile_correlation_id_or_two_of_them_are_replaced_by_one_uuid(served: Served, hostile: str) -> None:
    raw = f"GET /resource HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: {hostile}\r\n\r\n"
    reply = await served.exchange(raw.encode("latin-1"), close=False)
    assert uuid.UUID(reply.headers["x-correlation-id"])


async def test_the_body_names_the_correlation_id_unless_the_header_does(served: Served) -> None:
    body = b'{"correlation_id":"from-body"}'
    assert (await served.post(body)).headers["x-correlation-id"] == "from-body"
    named = await served.post(body, "Content-Type: application/json\r\nX-Correlation-ID: from-header\r\n")
    assert named.headers["x-correlation-id"] == "from-header"


async def test_a_handler_is_given_what_the_container_has(served: Served) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{served.url}/resource") as response:
        assert await response.json() == {"name": "the resource"}


async def test_a_failure_outside_of_the_routes_is_a_problem_too() -> None:
    app = Quart("broken")
    install_problem_handlers(app, type_prefix="urn:test:")

    async def broken(_scope: object, _receive: object, _send: object) -> None:
        raise RuntimeError("the secret inside")

    app.asgi_app = broken  # type: ignore[method-assign, assignment]  # what a broken middleware looks like
    install_edge(app, type_prefix="urn:test:")
    response = await app.test_client().get("/any")
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert b"secret" not in await response.get_data(as_text=False)


_JSON = {"Content-Type": "application/json"}
