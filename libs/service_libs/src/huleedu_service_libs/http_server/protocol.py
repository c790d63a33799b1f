"""uvicorn's HTTP/1.1 protocol, with the limits that uvicorn lacks.

uvicorn 0.54 has no time limit for reading a request head, for a body that the application does not read, and for a
caller that does not read the answer. It has no size limit for a head. It answers a malformed request in plain text,
even before an earlier request has its answer. It loses the body of a request that offers an `Upgrade`, as Java's client
does on every plain connection. This module extends undocumented parts of uvicorn: the version is bounded, and
`tests/architecture/test_seams.py` lists and checks every part that is used.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from common_core.error_enums import ErrorCode
from huleedu_service_libs.http_server.exchange import EXTENSION, Exchange
from huleedu_service_libs.http_server.joined_writes import JoinedWrites
from huleedu_service_libs.web.correlation import CORRELATION_HEADER, new_correlation_id
from huleedu_service_libs.web.problem import Problem, problem_body, problem_headers

_CODES: Final = {
    HTTPStatus.REQUEST_TIMEOUT: ErrorCode.TIMEOUT,
    HTTPStatus.SERVICE_UNAVAILABLE: ErrorCode.SERVICE_UNAVAILABLE,
}
_UPGRADE_HEADERS: Final = frozenset({b"upgrade", b"http2-settings"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Limits of one connection, in seconds and bytes.

    `keep_alive_seconds` is longer than common clients keep an idle connection (aiohttp 15 s, load balancers 60 s), so
    that the client closes first and no request is lost.
    """

    head_seconds: float = 5.0
    unread_body_seconds: float = 5.0
    write_seconds: float = 30.0
    keep_alive_seconds: int = 65
    head_bytes: int = 64 * 1024
    url_bytes: int = 8 * 1024
    headers: int = 100


class _HeadRefused(Exception):
    """Raised in a parser callback to stop parsing; the protocol object keeps the status."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection. A head must arrive within its time and size limits; upgrades are ignored (RFC 9110 7.8)."""

    def __init__(
        self,
        *,
        config: Config,
        server_state: ServerState,
        limits: HttpLimits,
        type_prefix: str,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state={}, _loop=loop)
        self._limits = limits
        self._type_prefix = type_prefix
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._head_open = False
        self._head_bytes = 0
        self._upgrade_ignored = False
        self._deaf = False
        self._refusal = HTTPStatus.BAD_REQUEST
        self._exchanges: deque[Exchange] = deque()
        self._writes: JoinedWrites

    @property
    def idle(self) -> bool:
        """Returns whether no request is being read, processed or answered."""
        return not self._head_open and (
            self.cycle is None or (self.cycle.response_complete and not self.cycle.more_body)
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self._writes = JoinedWrites(transport, self._exchanges)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_body_timer()
        self._stop_write_timer()
        super().connection_lost(exc)
        for exchange in self._exchanges:
            if exchange.on_hang_up is not None:
                exchange.on_hang_up()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        head_was_open = self._head_open
        self._unset_keepalive_if_required()
        self._feed(data)
        if self.transport.is_closing():
            return
        if self._head_open:
            self._head_goes_on(len(data) if head_was_open else 0)
        elif self._body_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._start_head_timer()  # empty lines, or the end of an unread body: a request must follow

    def _head_goes_on(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > self._limits.head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            self._start_head_timer()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            self._ignore_upgrade(data[exc.args[0] :])
        except httptools.HttpParserError as exc:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE if isinstance(exc.__context__, MemoryError) else self._refusal)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parse the request again without its upgrade headers. Its answer closes the connection.

        A second upgrade on the same connection is not read any more.
        """
        if self._upgrade_ignored:
            self._hear_no_more()
            return
        self._upgrade_ignored = True
        version = self.parser.get_http_version().encode()
        head = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        head += [name + b": " + value for name, value in self.headers if name not in _UPGRADE_HEADERS]
        self.parser = httptools.HttpRequestParser(self)
        self._feed(b"\r\n".join([*head, b"", rest]))

    def _hear_no_more(self) -> None:
        self._deaf = True
        self.cycle.keep_alive = False

    def on_message_begin(self) -> None:
        self._head_open = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._limits.url_bytes:
            self._refusal = HTTPStatus.REQUEST_URI_TOO_LONG
            raise _HeadRefused

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self._limits.head_bytes or len(self.headers) > self._limits.headers:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise _HeadRefused

    def on_headers_complete(self) -> None:
        self._head_open = False
        if self._head_timer is not None:
            self._stop_head_timer()
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise _HeadRefused
            return  # `_ignore_upgrade` follows
        super().on_headers_complete()
        exchange = Exchange(self.loop)
        self._exchanges.append(exchange)
        self.cycle.transport = self._writes  # type: ignore[assignment]  # all of a transport that a cycle uses
        self.cycle.scope["extensions"] = {EXTENSION: exchange}  # type: ignore[dict-item]  # an object beside ASGI's dicts
        if self._upgrade_ignored:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        if self._body_timer is not None:
            self._stop_body_timer()
        super().on_message_complete()
        if not self.cycle.response_complete:
            self._exchanges[-1].body_is_whole = True

    def on_response_complete(self) -> None:
        self._exchanges.popleft()
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_write_timer()
        if self.cycle.more_body and not self.pipeline and self._body_timer is None:
            self._body_timer = self.loop.call_later(self._limits.unread_body_seconds, self.transport.close)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._start_write_timer()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_write_timer()

    def close_after_response(self) -> None:
        """Close the connection after the newest request, unless its answer has already begun."""
        newest = self.pipeline[0][0] if self.pipeline else self.cycle
        if newest is not None and not newest.response_started:
            newest.keep_alive = False

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if self._head_open:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Send a problem and close; if an earlier request still waits for its answer, send only that answer."""
        owed = self.cycle is not None and not self.cycle.response_complete
        if owed and not self.cycle.more_body:
            self._hear_no_more()
            return
        if not self.transport.is_closing() and not (owed and self.cycle.response_started):
            self.transport.write(_refusal_bytes(status, self._type_prefix))
        self.transport.close()

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._limits.head_seconds, self._head_too_slow)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _start_write_timer(self) -> None:
        """Start when the write buffer is full, or at a close: a caller that reads nothing must not hold us for ever."""
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self._limits.write_seconds, self.transport.abort)

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _stop_body_timer(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None


def _refusal_bytes(status: HTTPStatus, type_prefix: str) -> bytes:
    problem = Problem(
        status=status,
        code=_CODES.get(status, ErrorCode.INVALID_REQUEST),
        title=status.phrase,
        detail="The request could not be read as HTTP/1.1 within this server's limits.",
        type_slug="invalid-request",
    )
    correlation_id = new_correlation_id()
    body = problem_body(problem, instance="", correlation_id=correlation_id, type_prefix=type_prefix)
    headers = problem_headers(problem) | {CORRELATION_HEADER: correlation_id, "Connection": "close"}
    head = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*head, "", ""]).encode() + body
