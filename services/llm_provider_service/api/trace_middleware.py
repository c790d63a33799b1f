"""Creates the outermost span of a request, in one ASGI layer; it is installed only if traces are exported."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from quart import Quart

from huleedu_service_libs.observability.tracing import TRACE_HEADER, TRACEPARENT, TracedBlock, Tracing
from huleedu_service_libs.web.correlation import CORRELATION_HEADER
from services.llm_provider_service.api.route_patterns import RoutePatterns, method_of

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
# Machines ask these every few seconds; their traces would hide the important ones.
PROBED = frozenset({"/healthz", "/readyz", "/metrics"})
PARENT = TRACEPARENT.encode()
TRACE = TRACE_HEADER.lower().encode()
CORRELATION = CORRELATION_HEADER.lower().encode()
HUNG_UP = "hung_up"


class TraceMiddleware:
    """A server span for each traced request, and `X-Trace-ID` on its answer."""

    def __init__(self, app: AsgiApp, tracing: Tracing, patterns: RoutePatterns) -> None:
        self._app = app
        self._tracing = tracing
        self._patterns = patterns

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"] in PROBED:
            await self._app(scope, receive, send)
            return
        span = self._tracing.request(lambda: self._name(scope), _traceparent(scope))
        if not isinstance(span, TracedBlock):
            await self._app(scope, receive, send)
            return
        span.set("http.request.method", method_of(scope))
        span.set("http.route", self._patterns.of(scope["path"]))
        with span:
            await self._answer(span, scope, receive, send)

    def _name(self, scope: Any) -> str:
        return f"{method_of(scope)} {self._patterns.of(scope['path'])}"

    async def _answer(self, span: TracedBlock, scope: Any, receive: Any, send: Any) -> None:
        status = 0

        async def send_with_id(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _describe(span, status, message["headers"])
                message = {**message, "headers": [*message["headers"], (TRACE, span.trace_id.encode())]}
            await send(message)

        await self._app(scope, receive, send_with_id)
        if not status:
            span.fail(HUNG_UP)


def install_tracing(app: Quart, tracing: Tracing) -> None:
    """Put the layer around all present layers of *app*, if traces are exported."""
    if tracing.on:
        layer = TraceMiddleware(app.asgi_app, tracing, RoutePatterns.of_app(app))
        app.asgi_app = layer  # type: ignore[method-assign]  # as Quart documents


def _traceparent(scope: Any) -> str | None:
    """Returns the header's value; None if it is missing or sent more than once."""
    values = [value for name, value in scope["headers"] if name == PARENT]
    return values[0].decode("latin-1") if len(values) == 1 else None


def _describe(span: TracedBlock, status: int, headers: Any) -> None:
    span.set("http.response.status_code", status)
    for name, value in headers:
        if name == CORRELATION:
            span.set("huleedu.correlation_id", value.decode("latin-1"))
    if status >= 500:
        span.fail(str(status))
