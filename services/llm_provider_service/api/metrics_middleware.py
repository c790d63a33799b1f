"""Counts HTTP answers by route pattern, in one ASGI layer; a path that is no route of ours is `other`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from quart import Quart

from services.llm_provider_service.api.route_patterns import METHODS, RoutePatterns
from services.llm_provider_service.domain.wait_time import begin_waiting
from services.llm_provider_service.metrics import OTHER

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
OnAnswer = Callable[[str, str, int, float], None]
OnOverhead = Callable[[float], None]


class MetricsMiddleware:
    """Tells *on_answer* method, route pattern, status and seconds of each answer.

    *on_overhead* hears, for each answered order, the seconds until the answer's head that nobody was waited for.
    """

    def __init__(self, app: AsgiApp, patterns: RoutePatterns, on_answer: OnAnswer, on_overhead: OnOverhead) -> None:
        self._app = app
        self._patterns = patterns
        self._on_answer = on_answer
        self._on_overhead = on_overhead

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One exchange."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = perf_counter()
        waiting = begin_waiting()
        status = 0

        def send_and_see(message: Any) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if waiting.order:
                    self._on_overhead(perf_counter() - started - waiting.seconds)
            sent: Awaitable[None] = send(message)
            return sent

        try:
            await self._app(scope, receive, send_and_see)
        finally:
            # A caller who hung up before any answer is seen as 499, as proxies write it.
            endpoint = self._patterns.of(scope["path"])
            method = scope["method"] if scope["method"] in METHODS else OTHER
            self._on_answer(method, endpoint, status or 499, perf_counter() - started)


def install_http_metrics(app: Quart, on_answer: OnAnswer, on_overhead: OnOverhead) -> None:
    """Put the layer around everything that *app* has by now; its routes must be registered."""
    layer = MetricsMiddleware(app.asgi_app, RoutePatterns.of_app(app), on_answer, on_overhead)
    app.asgi_app = layer  # type: ignore[method-assign]  # as Quart documents
