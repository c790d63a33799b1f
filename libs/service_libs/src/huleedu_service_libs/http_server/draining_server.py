"""The listening part of a process that gets signals: it leaves without cutting anybody off.

HTTP/1.1 has no way to say "no more requests" to an idle connection, and closing one races with a request that is on
its way. So a draining server closes none of them at first: it says `Connection: close` in every answer, and only a
connection that stays silent for the linger time is closed.
"""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Final

from huleedu_service_libs.http_server.protocol import HttpLimits, LimitedHttpProtocol
from huleedu_service_libs.http_server.server import AsgiApp, HttpServer

_TICK_SECONDS: Final = 0.02
# What an idle connection gets at a stop, for the request that may be on its way.
_LAST_WORD_SECONDS: Final = 0.5


class DrainingServer(HttpServer):
    """An `HttpServer` that accepts from several sockets, as one worker of several has to, or from the only one."""

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

    async def listen(self, slots: Iterable[int]) -> None:
        """Accept from these of the sockets and from no others; the sockets themselves stay open."""
        async with self._changing:
            wanted = frozenset[int]() if self._for_good else frozenset(slots)
            if self._clock is None:
                self._open()
            for slot in self._accepting.keys() - wanted:
                self._accepting.pop(slot).close()
            for slot in wanted - self._accepting.keys():
                self._accepting[slot] = await self._accept_from(self._listeners[slot].dup())

    def say_last(self) -> None:
        """From now on every answer ends its connection, those to requests under way included."""
        self._more_headers = [(b"connection", b"close")]
        self._set_headers()
        for connection in self._connections():
            connection.say_last()

    async def finish(self, grace_seconds: float, hurry: asyncio.Event) -> int:
        """Let the requests under way end, still answering new ones, then close everything, the sockets included.

        Returns how many were cut off. Without a request or a connection it takes no time.
        """
        # uvicorn's sets tell nobody when they empty, hence the polling below.
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

    async def fade(self, linger_seconds: float, limit_seconds: float, interrupted: asyncio.Event) -> None:
        """Accept nothing new and answer everything that still comes on open connections, until there are none.

        A connection without a request is closed after *linger_seconds*; ends after *limit_seconds* in any case.
        """
        await self._stop_listening()
        self.say_last()
        started = time.monotonic()
        # uvicorn's sets tell nobody when they empty, hence the polling.
        while self._state.connections or self._state.tasks:
            elapsed = time.monotonic() - started
            if interrupted.is_set() or elapsed > limit_seconds:
                return
            if elapsed > linger_seconds:
                self._close_idle()
            await asyncio.sleep(_TICK_SECONDS)

    async def give_up_sockets(self) -> None:
        """Stop listening and close the sockets, so that their address is free once everybody who has them does so."""
        await self._stop_listening()
        for one in self._listeners:
            one.close()

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
    """Whether bytes wait in the socket: closing it now would reset the connection instead of answering."""
    poll = select.poll()
    poll.register(connection.transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))
