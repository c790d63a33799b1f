"""An HTTP server that can drain: it stops without cutting off requests.

HTTP/1.1 cannot tell an idle connection "no more requests", and closing it may hit a request that is on its way. So a
draining server does not close idle connections at first. It sends `Connection: close` with every answer, and closes a
connection only after it was silent for the linger time.
"""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from huleedu_service_libs.http_server.protocol import HttpLimits, LimitedHttpProtocol
from huleedu_service_libs.http_server.server import AsgiApp, HttpServer

_TICK_SECONDS: Final = 0.02
# How long an idle connection stays open at a stop, because a request may be on its way.
_LAST_WORD_SECONDS: Final = 0.5


class DrainingServer(HttpServer):
    """An `HttpServer` that accepts from several sockets (one worker of several) or from a single one."""

    def __init__(
        self,
        app: AsgiApp,
        listeners: Sequence[socket.socket],
        *,
        type_prefix: str,
        limits: HttpLimits,
    ) -> None:
        super().__init__(app, type_prefix=type_prefix, limits=limits)
        self._listeners = listeners
        self._accepting: dict[int, asyncio.AbstractServer] = {}
        self._changing = asyncio.Lock()
        self._for_good = False
        self.on_closed: Callable[[], None] = lambda: None

    async def listen(self, slots: Iterable[int]) -> None:
        """Accept connections from the sockets with these indexes only; the other sockets stay open but unused."""
        async with self._changing:
            wanted = frozenset[int]() if self._for_good else frozenset(slots)
            if self._clock is None:
                self._open()
            for slot in self._accepting.keys() - wanted:
                self._accepting.pop(slot).close()
            for slot in wanted - self._accepting.keys():
                self._accepting[slot] = await self._accept_from(self._listeners[slot].dup())

    def close_after_response(self) -> None:
        """Send `Connection: close` with every answer from now on, answers to running requests included."""
        self._more_headers = [(b"connection", b"close")]
        self._set_headers()
        for connection in self._connections():
            connection.close_after_response()

    async def finish(self, grace_seconds: float, hurry: asyncio.Event) -> int:
        """Wait for the running requests, still answering new ones, then close everything, the sockets included.

        Waits at most *grace_seconds*, and no longer once *hurry* is set. Returns how many requests were cut off.
        Returns at once if there is no request and no connection.
        """
        # uvicorn gives no signal when its sets become empty, so we poll below.
        under_way = set(self._state.tasks)
        hurried = asyncio.ensure_future(hurry.wait())
        end = time.monotonic() + grace_seconds
        while under_way and not hurry.is_set() and (left := end - time.monotonic()) > 0:
            await asyncio.wait({*under_way, hurried}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            under_way = {task for task in under_way if not task.done()}
        hurried.cancel()
        await self.give_up_sockets()
        closing = min(end, time.monotonic() + _LAST_WORD_SECONDS)
        while self._state.connections and time.monotonic() < closing and not hurry.is_set():  # noqa: ASYNC110 — as above
            await asyncio.sleep(_TICK_SECONDS)
        return await self.stop(max(0.0, end - time.monotonic()), hurry)

    async def drain_connections(self, linger_seconds: float, limit_seconds: float, interrupted: asyncio.Event) -> None:
        """Accept no new connections, and answer requests on the open connections until all of them are closed.

        A connection without a request is closed after *linger_seconds*. Returns after *limit_seconds* in any case.
        """
        await self._stop_listening()
        self.close_after_response()
        started = time.monotonic()
        # uvicorn gives no signal when its sets become empty, so we poll.
        while self._state.connections or self._state.tasks:
            elapsed = time.monotonic() - started
            if interrupted.is_set() or elapsed > limit_seconds:
                return
            if elapsed > linger_seconds:
                self._close_idle()
            await asyncio.sleep(_TICK_SECONDS)

    async def give_up_sockets(self) -> None:
        """Stop listening and close the sockets. The address is free once every process that holds them has done so.

        `on_closed` is called then: somebody else must accept what is queued and what still comes.
        """
        await self._stop_listening()
        for one in self._listeners:
            one.close()
        self.on_closed()

    async def _stop_listening(self) -> None:
        self._for_good = True
        await self.listen(())

    def _close_idle(self) -> None:
        for connection in self._connections():
            if connection.idle and not _has_unread(connection):
                connection.transport.close()

    def _connections(self) -> list[LimitedHttpProtocol]:
        return [one for one in self._state.connections if isinstance(one, LimitedHttpProtocol)]


def _has_unread(connection: LimitedHttpProtocol) -> bool:
    """Returns whether unread bytes wait in the socket: closing it now would reset the connection."""
    poll = select.poll()
    poll.register(connection.transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))
