"""A gateway that answers from a script and counts its hits, and a sleep that only remembers."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

RESULT: dict[str, Any] = {
    "winner": "Essay A",
    "justification": "clearer",
    "confidence": 4.2,
    "provider": "mock",
    "model": "mock-judge",
    "response_time_ms": 3,
    "cached": False,
    "token_usage": {
        "prompt_tokens": 9,
        "completion_tokens": 1,
        "total_tokens": 10,
        "cached_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": None,
    },
    "cost_estimate": 0.0,
    "cost_usd": "0",
    "pricing_status": "free",
    "correlation_id": "c",
    "metadata": {"kept": None},
    "request_id": "r",
    "requested_provider": None,
    "requested_model": None,
    "attempts": 1,
    "prompt_sha256": "0" * 64,
    "flags": [],
    "a_field_of_tomorrow": 1,
}


class Gateway:
    """Answers from a script, the last entry for ever, and keeps every request."""

    def __init__(self) -> None:
        self.script: list[web.Response | float | None] = []
        self.requests: list[tuple[web.BaseRequest, bytes]] = []
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append((request, await request.read()))
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if step is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(step, float):
            await asyncio.sleep(step)
            return web.json_response(RESULT)
        # A response object can be sent once; the script's last entry may be needed again.
        return web.Response(status=step.status, headers=step.headers, body=step.body)

    @property
    def hits(self) -> int:
        return len(self.requests)

    def header(self, name: str, hit: int = 0) -> str:
        return self.requests[hit][0].headers[name]


class Pauses:
    """A sleep that only remembers."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def gateway_app(scripted: Gateway) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", scripted.handle)
    return app
