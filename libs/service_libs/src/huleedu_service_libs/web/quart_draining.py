"""Refuses new requests once a service is stopping, while running requests finish."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from common_core.error_enums import ErrorCode
from huleedu_service_libs.web.problem import Problem
from huleedu_service_libs.web.refusal import refuse

AsgiApp = Callable[[Any, Any, Any], Coroutine[Any, Any, None]]


class DrainMiddleware:
    """An ASGI layer. After `close`, requests get a 503 and their connection ends, except on *open_paths*.

    Install it under `install_edge`, so that a refusal carries its correlation id.
    """

    def __init__(self, app: AsgiApp, *, type_prefix: str, open_paths: frozenset[str]) -> None:
        self._app = app
        self._type_prefix = type_prefix
        self._open_paths = open_paths
        self._closed = False

    def close(self) -> None:
        """Refuse new requests from now on."""
        self._closed = True

    def __call__(self, scope: Any, receive: Any, send: Any) -> Coroutine[Any, Any, None]:
        """Handle one request."""
        if not self._closed or scope["type"] != "http" or scope["path"] in self._open_paths:
            return self._app(scope, receive, send)
        return refuse(_STOPPING, scope, send, type_prefix=self._type_prefix)


_STOPPING = Problem(
    status=503,
    code=ErrorCode.SERVICE_UNAVAILABLE,
    title="The service is stopping",
    detail="Nothing was done. Send the request again: another instance will take it.",
    type_slug="service-unavailable",
    retryable=True,
    retry_after=1,
)
