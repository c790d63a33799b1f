"""Limits the memory for request bodies: above the limit a request is refused before its body is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from common_core.error_enums import ErrorCode
from huleedu_service_libs.web.problem import Problem
from huleedu_service_libs.web.refusal import refuse

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]


class BodyBudget:
    """An ASGI layer: all request bodies in progress take at most *budget_bytes*, each until its request is answered.

    A body counts with its declared length, or with *longest_body* if it declares none or a longer one (the route
    refuses a longer one itself). A body larger than the whole budget is accepted if there is no other. Install it under
    `install_edge`, so that a refusal carries its correlation id.
    """

    def __init__(self, app: AsgiApp, *, type_prefix: str, budget_bytes: int, longest_body: int) -> None:
        self._app = app
        self._type_prefix = type_prefix
        self._budget = budget_bytes
        self._longest = longest_body
        self._held = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one request."""
        size = 0
        for name, value in scope.get("headers", ()):
            if name == b"content-length":
                size = min(int(value), self._longest)
            elif name == b"transfer-encoding":
                size = self._longest
        if size and self._held and self._held + size > self._budget:
            await refuse(BODIES_FILL_THE_MEMORY, scope, send, type_prefix=self._type_prefix)
            return
        self._held += size
        try:
            await self._app(scope, receive, send)
        finally:
            self._held -= size


BODIES_FILL_THE_MEMORY = Problem(
    status=503,
    code=ErrorCode.SERVICE_UNAVAILABLE,
    title="Too many large requests at once",
    detail="The bodies under way fill the memory they may take. Nothing was done; send the request again later.",
    type_slug="service-unavailable",
    retryable=True,
    retry_after=1,
)
