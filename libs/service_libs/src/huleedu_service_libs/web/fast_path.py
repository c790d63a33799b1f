"""Answers plain requests of chosen routes before the web framework sees them.

Quart's request context, routing and response took a third of the time of an answer from the cache. A plain request does
not need them: a POST to a path without parameters, whose body has arrived whole, as plain JSON of a declared length.
All other requests go to the framework, which has the same route.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Generic, NamedTuple, TypeVar

from huleedu_service_libs.http_server.exchange import Exchange, exchange_of
from huleedu_service_libs.web.cancel_on_disconnect import CancelOnDisconnect
from huleedu_service_libs.web.correlation import current_correlation
from huleedu_service_libs.web.problem import Problem, problem_body, problem_headers

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
RawHeaders = Iterable[tuple[bytes, bytes]]

_OK: Final = 200
_JSON: Final = b"application/json"
_LONGEST_LENGTH: Final = 10


Caller = TypeVar("Caller")


class PlainRequest(NamedTuple, Generic[Caller]):
    """A plain request: its caller, its body and its headers."""

    caller: Caller
    body: bytes
    headers: RawHeaders

    def header(self, name: bytes) -> str | None:
        """Returns the first value of the header *name* (in lower case); `None` if it was not sent."""
        for given, value in self.headers:
            if given == name:
                return value.decode("latin-1")
        return None


Answer = Callable[[PlainRequest[Caller]], Awaitable[bytes]]


class FastPath(Generic[Caller]):
    """An ASGI layer around *app*; its routes answer 200 with JSON, or with the problem from *problem_for*.

    *identify* returns the caller from the headers. *body_cap* is in bytes; the framework refuses a longer body. Install
    it under all layers that every request must pass.
    """

    def __init__(
        self,
        app: AsgiApp,
        *,
        identify: Callable[[RawHeaders], Caller],
        type_prefix: str,
        body_cap: int,
        problem_for: Callable[[Exception], Problem],
    ) -> None:
        self._app = app
        self._identify = identify
        self._type_prefix = type_prefix
        self._body_cap = body_cap
        self._problem_for = problem_for
        self._answers: dict[str, Answer[Caller]] = {}

    def post(self, path: str, answer: Answer[Caller]) -> None:
        """Answer plain POSTs to *path* with *answer*."""
        self._answers[path] = answer

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        """Handle one request."""
        exchange = exchange_of(scope)
        if exchange is not None and exchange.body_is_whole and scope["method"] == "POST":
            answer = self._answers.get(scope["path"])
            if answer is not None and _is_plain_json(scope["headers"], self._body_cap):
                return self._answer(answer, exchange, scope, receive, send)
        return self._app(scope, receive, send)

    async def _answer(self, answer: Answer[Caller], exchange: Exchange, scope: Any, receive: Any, send: Any) -> None:
        with CancelOnDisconnect(exchange):
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            try:
                headers = scope["headers"]
                body = await answer(PlainRequest(self._identify(headers), message["body"], headers))
                status, headers = _OK, [(b"content-type", _JSON)]
            except Exception as error:  # the top of the request's stack, as the framework's own is for its routes
                problem = self._problem_for(error)
                status, body, headers = problem.status, self._body(problem, scope), _headers(problem)
            headers.append((b"content-length", b"%d" % len(body)))
            exchange.answer_is_whole = True
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body, "more_body": False})

    def _body(self, problem: Problem, scope: Any) -> bytes:
        correlation_id = current_correlation().id
        return problem_body(
            problem, instance=scope["path"], correlation_id=correlation_id, type_prefix=self._type_prefix
        )


def _is_plain_json(headers: RawHeaders, body_cap: int) -> bool:
    """Returns whether the headers say, once each: JSON without parameters, a length within the cap, no coding."""
    types = lengths = 0
    for name, value in headers:
        if name == b"content-type":
            if value != _JSON:
                return False
            types += 1
        elif name == b"content-length":
            if len(value) > _LONGEST_LENGTH or int(value) > body_cap:
                return False
            lengths += 1
        elif name == b"content-encoding":
            return False
    return types == lengths == 1


def _headers(problem: Problem) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in problem_headers(problem).items()]
