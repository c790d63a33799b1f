"""Counts HTTP answers by route pattern, in one ASGI layer; unknown paths are counted as `other`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from quart import Quart

from services.llm_provider_service.api.route_patterns import METHODS, RoutePatterns
from services.llm_provider_service.domain.time_waited import begin_waiting
from services.llm_provider_service.metrics import OTHER

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
OnAnswer = Callable[[str, str, int, float], None]
OnOverhead = Callable[[float], None]


class MetricsMiddleware:
    """Calls *on_answer* with method, route pattern, status and seconds of each answer.

    *on_overhead* is called for each order, with the seconds until the head of its answer, without all waiting.
    """

    def __init__(self, app: AsgiApp, patterns: RoutePatterns, on_answer: OnAnswer, on_overhead: OnOverhead) -> None:
        self._app = app
        self._patterns = patterns
        self._on_answer = on_answer
        self._on_overhead = on_overhead

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one request."""
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
            # If the caller disconnected before an answer, the status is 499, as proxies log it.
            endpoint = self._patterns.of(scope["path"])
            method = scope["method"] if scope["method"] in METHODS else OTHER
            self._on_answer(method, endpoint, status or 499, perf_counter() - started)


def install_http_metrics(app: Quart, on_answer: OnAnswer, on_overhead: OnOverhead) -> None:
    """Put the layer around all present layers of *app*; its routes must be registered before."""
    layer = MetricsMiddleware(app.asgi_app, RoutePatterns.of_app(app), on_answer, on_overhead)
    app.asgi_app = layer  # type: ignore[method-assign]  # as Quart documents
