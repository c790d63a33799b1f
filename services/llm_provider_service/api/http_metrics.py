"""Counts HTTP answers by route pattern, in one ASGI layer; a path that is no route of ours is `other`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from quart import Quart

from services.llm_provider_service.metrics import OTHER

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
OnAnswer = Callable[[str, str, int, float], None]
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
VARIABLE_PART = re.compile(r"<[^>]+>")


class HttpMetricsMiddleware:
    """Tells *on_answer* method, route pattern, status and seconds of each answer."""

    def __init__(self, app: AsgiApp, patterns: list[str], on_answer: OnAnswer) -> None:
        self._app = app
        self._on_answer = on_answer
        self._fixed = {pattern: pattern for pattern in patterns if "<" not in pattern}
        self._variable = [
            (re.compile(VARIABLE_PART.sub("[^/]+", pattern)), pattern) for pattern in patterns if "<" in pattern
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One exchange."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = perf_counter()
        status = 0

        async def send_and_see(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_see)
        finally:
            method = scope["method"] if scope["method"] in METHODS else OTHER
            # A caller who hung up before any answer is seen as 499, as proxies write it.
            self._on_answer(method, self._endpoint(scope["path"]), status or 499, perf_counter() - started)

    def _endpoint(self, path: str) -> str:
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed
        return next((pattern for shape, pattern in self._variable if shape.fullmatch(path)), OTHER)


def install_http_metrics(app: Quart, on_answer: OnAnswer) -> None:
    """Put the layer around everything that *app* has by now; its routes must be registered."""
    patterns = [rule.rule for rule in app.url_map.iter_rules()]
    app.asgi_app = HttpMetricsMiddleware(app.asgi_app, patterns, on_answer)  # type: ignore[method-assign]  # as Quart documents
