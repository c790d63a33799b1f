"""Refuses a request before the application sees it: one log line, one problem, and the end of its connection."""

from __future__ import annotations

from typing import Any

from huleedu_service_libs.observability.logging import get_logger
from huleedu_service_libs.web.correlation import current_correlation
from huleedu_service_libs.web.problem import Problem, problem_body, problem_headers

_log = get_logger(__name__)


async def refuse(problem: Problem, scope: Any, send: Any, *, type_prefix: str) -> None:
    """Answer an ASGI request with *problem* and close its connection, even if a part of the body has not arrived."""
    log_refused(problem)
    correlation_id = current_correlation().id
    body = problem_body(problem, instance=scope["path"], correlation_id=correlation_id, type_prefix=type_prefix)
    headers = problem_headers(problem) | {"Connection": "close", "Content-Length": str(len(body))}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def log_refused(problem: Problem) -> None:
    """Log that the current request is answered with *problem*, for whoever asks about its correlation id."""
    _log.warning(
        "request_refused", code=problem.code, status=problem.status, slug=problem.type_slug, title=problem.title
    )
