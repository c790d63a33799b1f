"""A request that is refused before its route has one log line too, under the correlation id of its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
import pytest

from huleedu_service_libs.http_server.exchange import EXTENSION, Exchange
from huleedu_service_libs.web.body_budget import BodyBudget
from huleedu_service_libs.web.fast_path import FastPath, PlainRequest
from huleedu_service_libs.web.quart_app import EdgeMiddleware, problem_for
from huleedu_service_libs.web.quart_draining import DrainMiddleware
from tests.support.log_lines import log_lines

TYPE_PREFIX = "urn:test:"
AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]


async def for_ever(scope: Any, receive: Any, send: Any) -> None:
    """Answers nobody."""
    await asyncio.Event().wait()


def stopping() -> AsgiApp:
    """A service that stops."""
    gate = DrainMiddleware(for_ever, type_prefix=TYPE_PREFIX, open_paths=frozenset())
    gate.close()
    return gate


def out_of_memory() -> AsgiApp:
    """A service whose process gets no memory for an answer."""

    async def answer(request: PlainRequest[None]) -> bytes:
        raise MemoryError

    path = FastPath(
        for_ever,
        identify=lambda headers: None,
        type_prefix=TYPE_PREFIX,
        body_cap=10,
        problem_for=partial(problem_for, translate=None),
    )
    path.post("/", answer)
    return path


async def asked(app: AsgiApp) -> dict[str, Any]:
    """The problem that a POST of ten bytes gets."""
    exchange = Exchange(asyncio.get_running_loop())
    exchange.body_is_whole = True
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"10")],
        "extensions": {EXTENSION: exchange},
    }
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"0123456789", "more_body": False}

    await EdgeMiddleware(app, type_prefix=TYPE_PREFIX)(scope, receive, send)
    assert sent[0]["status"] == 503
    problem: dict[str, Any] = orjson.loads(sent[1]["body"])
    return problem


async def assert_logged(app: AsgiApp) -> None:
    with log_lines() as lines:
        problem = await asked(app)
    (line,) = (line for line in lines.events if line["event"] == "request_refused")
    shown = ("correlation_id", "title", "status", "code")
    assert [line[name] for name in shown] == [problem[name] for name in shown]
    assert problem["type"] == TYPE_PREFIX + line["slug"]


@pytest.mark.parametrize("made", [stopping, out_of_memory])
async def test_while_the_service_cannot_take_it(made: Callable[[], AsgiApp]) -> None:
    await assert_logged(made())


async def test_while_the_bodies_under_way_fill_the_memory() -> None:
    budget = BodyBudget(for_ever, type_prefix=TYPE_PREFIX, budget_bytes=10, longest_body=10)
    first = asyncio.create_task(asked(budget))
    await asyncio.sleep(0)
    await assert_logged(budget)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
