"""Sets up a Quart application: correlation ids, a dependency container, problem documents, limited bodies.

Order, outermost first: `install_edge` (correlation id, and a 500 for errors that Quart could not answer), then Quart
with `install_container` and `install_problem_handlers`. `install_edge` adds an ASGI layer, because Quart's own hooks
end before a streamed body starts and do not see failures outside of a route.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, ParamSpec, TypeVar

from dishka import AsyncContainer
from dishka.integrations.base import wrap_injection
from quart import Quart, Request, Response, current_app, request
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    RequestEntityTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

from common_core.error_enums import ErrorCode
from huleedu_service_libs.http_server.exchange import exchange_of
from huleedu_service_libs.observability.logging import failure_fields, get_logger
from huleedu_service_libs.web.correlation import (
    CORRELATION_HEADER,
    Correlation,
    bind_correlation,
    correlation_from_header,
    current_correlation,
)
from huleedu_service_libs.web.json_body import InvalidBody
from huleedu_service_libs.web.problem import FieldError, Problem, ProblemError, problem_body, problem_headers
from huleedu_service_libs.web.quart_connection import LeanHttpConnection
from huleedu_service_libs.web.refusal import log_refused

DEFAULT_BODY_CAP: Final = 2 * 1024 * 1024
DEFAULT_BODY_SECONDS: Final = 15.0
RESPONSE_SECONDS: Final = 30.0
JSON_TYPE: Final = "application/json"

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
Translate = Callable[[Exception], Problem | None]
_P = ParamSpec("_P")
_T = TypeVar("_T")

_HEADER_NAME: Final = CORRELATION_HEADER.lower().encode()
_SERVED_TYPES: Final = frozenset({"http", "websocket"})
_CONTAINER: Final = "dishka"
_log = get_logger(__name__)


class EdgeMiddleware:
    """Gives every request a correlation id and every response its header; answers 500 if the application raised."""

    def __init__(self, app: AsgiApp, *, type_prefix: str) -> None:
        self._app = app
        self._type_prefix = type_prefix

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in _SERVED_TYPES:
            return await self._app(scope, receive, send)
        correlation = correlation_from_header(_single_header(scope, _HEADER_NAME))
        bind_correlation(correlation)
        started = False

        def send_with_id(message: Any) -> Awaitable[None]:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": [*message["headers"], (_HEADER_NAME, correlation.id.encode())]}
            sent: Awaitable[None] = send(message)
            return sent

        try:
            await self._app(scope, receive, send_with_id)
        except asyncio.CancelledError:
            # The server's grace period is over. The upstream call may be paid for, so the caller is not told to retry.
            if not started and scope["type"] == "http":
                log_refused(_STOPPING)
                await self._send_problem(_STOPPING, scope, send_with_id, correlation)
            raise
        except Exception as exc:
            # The top of the request's stack: no code above can answer in our format.
            _log.error("request_failed_outside_routes", **failure_fields(exc))
            if started or scope["type"] != "http":
                raise
            await self._send_problem(_BUG, scope, send_with_id, correlation)

    async def _send_problem(self, problem: Problem, scope: Any, send: Any, correlation: Correlation) -> None:
        body = problem_body(
            problem, instance=scope["path"], correlation_id=correlation.id, type_prefix=self._type_prefix
        )
        headers = [(name.lower().encode(), value.encode()) for name, value in problem_headers(problem).items()]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def install_edge(app: Quart, *, type_prefix: str) -> None:
    """Wrap *app* in `EdgeMiddleware` and set its connection class; call it last, so that it is outermost."""
    app.asgi_http_class = LeanHttpConnection
    app.asgi_app = EdgeMiddleware(app.asgi_app, type_prefix=type_prefix)  # type: ignore[method-assign]  # Quart documents this assignment


def install_container(app: Quart, container: AsyncContainer) -> None:
    """Make `inject` work in *app*'s handlers. The caller closes *container*, after the last request."""
    app.extensions[_CONTAINER] = container


def inject(handler: Callable[_P, Awaitable[_T]]) -> Callable[..., Awaitable[_T]]:
    """Fill a handler's `FromDishka[...]` parameters from the application's container."""
    return wrap_injection(func=handler, container_getter=_container, is_async=True)


def _container(_args: object, _kwargs: object) -> AsyncContainer:
    container: AsyncContainer = current_app.extensions[_CONTAINER]
    return container


def install_problem_handlers(app: Quart, *, type_prefix: str, translate: Translate | None = None) -> None:
    """Turn every error of *app* into a problem document, and set our limits in Quart.

    *translate* turns a service's own exceptions into problems, and returns None for others. An exception that is still
    unknown is a bug of ours: it is logged by type and place, and answered without internals.
    """
    app.config["MAX_CONTENT_LENGTH"] = DEFAULT_BODY_CAP
    app.config["BODY_TIMEOUT"] = DEFAULT_BODY_SECONDS
    app.config["RESPONSE_TIMEOUT"] = RESPONSE_SECONDS

    async def answer(error: Exception) -> Response:
        problem = problem_for(error, translate)
        response = problem_response(problem, type_prefix=type_prefix)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        if isinstance(error, RequestTimeout):
            response.headers["Connection"] = "close"
        return response

    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(Exception, answer)


def problem_response(problem: Problem, *, type_prefix: str) -> Response:
    """Returns the response for *problem*, for the current request."""
    correlation_id = current_correlation().id
    body = problem_body(problem, instance=request.path, correlation_id=correlation_id, type_prefix=type_prefix)
    return Response(body, problem.status, problem_headers(problem))


async def read_body(incoming: Request, cap: int | None = None, *, seconds: float = DEFAULT_BODY_SECONDS) -> bytes:
    """Returns the raw JSON body of *incoming*, at most *cap* bytes, read within *seconds*.

    *cap* can only lower the application's MAX_CONTENT_LENGTH, which is the limit without it. Raises the framework's 415
    (no or wrong content type, a charset other than UTF-8, a content coding), 413 (declared or real size) and 408.
    """
    _require_json(incoming)
    limit = _smaller(cap, incoming.max_content_length)
    exchange = exchange_of(incoming.scope)
    if exchange is not None and exchange.body_is_whole:
        raw: bytes = await incoming.body
        if len(raw) > limit:
            raise RequestEntityTooLarge
        return raw
    if (incoming.content_length or 0) > limit:
        raise RequestEntityTooLarge
    chunks = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in incoming.body:
                size += len(chunk)
                if size > limit:
                    raise RequestEntityTooLarge
                chunks.append(chunk)
    except TimeoutError as exc:
        raise RequestTimeout from exc
    return b"".join(chunks)


def _smaller(cap: int | None, allowed: int | None) -> int:
    return min((limit for limit in (cap, allowed) if limit is not None), default=DEFAULT_BODY_CAP)


def _require_json(incoming: Request) -> None:
    if incoming.headers.get("Content-Type") == JSON_TYPE and "Content-Encoding" not in incoming.headers:
        return
    charset = incoming.mimetype_params.get("charset", "utf-8").lower()
    coding = incoming.headers.get("Content-Encoding", "identity").lower()
    if incoming.mimetype != JSON_TYPE or charset not in {"utf-8", "utf8"} or coding != "identity":
        raise UnsupportedMediaType


def _single_header(scope: Any, wanted: bytes) -> str | None:
    """Returns the header's value; None if it is missing or sent more than once, because two values contradict."""
    found: bytes | None = None
    for name, value in scope["headers"]:
        if name == wanted:
            if found is not None:
                return None
            found = value
    return None if found is None else found.decode("latin-1")


def problem_for(error: Exception, translate: Translate | None) -> Problem:
    """Returns the problem for *error*; an unknown exception is a bug of ours, and is logged."""
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, InvalidBody):
        return _invalid_body(error)
    if isinstance(error, HTTPException):
        return _framework_problem(error.code or 500)
    if isinstance(error, MemoryError):
        problem = _framework_problem(503)
        log_refused(problem)
        return problem
    translated = translate(error) if translate is not None else None
    if translated is None:
        _log.error("unhandled_exception", **failure_fields(error))
        return _BUG
    return translated


def _invalid_body(error: InvalidBody) -> Problem:
    return Problem(
        status=400,
        code=ErrorCode.VALIDATION_ERROR,
        title="The request body is not valid",
        detail=str(error),
        type_slug="validation-error",
        errors=(FieldError(pointer=error.pointer, message=error.message),),
    )


def _framework_problem(status: int) -> Problem:
    if status in _FRAMEWORK_PROBLEMS:
        return _FRAMEWORK_PROBLEMS[status]
    if status >= 500:
        return _BUG
    return _refusal(status, ErrorCode.INVALID_REQUEST, "The request is not valid", "Change the request and try again.")


def _refusal(status: int, code: ErrorCode, title: str, detail: str, *, retryable: bool = False) -> Problem:
    slug = code.value.lower().replace("_", "-")
    return Problem(status=status, code=code, title=title, detail=detail, type_slug=slug, retryable=retryable)


_BUG: Final = _refusal(
    500,
    ErrorCode.PROCESSING_ERROR,
    "Internal error",
    "The service failed in a way it did not expect; the correlation id finds it in the logs.",
)
_STOPPING: Final = _refusal(
    503, ErrorCode.SERVICE_UNAVAILABLE, "The service is stopping", "The answer did not come before the service stopped."
)
_FRAMEWORK_PROBLEMS: Final = {
    problem.status: problem
    for problem in (
        _refusal(400, ErrorCode.VALIDATION_ERROR, "The request is not valid", "Change the request and try again."),
        _refusal(404, ErrorCode.RESOURCE_NOT_FOUND, "Not found", "There is nothing at this path; see /openapi.json."),
        _refusal(405, ErrorCode.INVALID_REQUEST, "Method not allowed", "The Allow header lists what this path takes."),
        _refusal(
            408, ErrorCode.TIMEOUT, "The body came too slowly", "Send the whole body at once and retry.", retryable=True
        ),
        _refusal(413, ErrorCode.INVALID_REQUEST, "The body is too large", "Send a smaller body."),
        _refusal(
            415,
            ErrorCode.INVALID_REQUEST,
            "Unsupported media type",
            "Send UTF-8 JSON with Content-Type: application/json, without content coding.",
        ),
        _refusal(
            503, ErrorCode.SERVICE_UNAVAILABLE, "Not available now", "Try again after Retry-After.", retryable=True
        ),
    )
}
