"""A listening server: uvicorn's protocol with our limits, inside a running event loop.

uvicorn's own `Server` is not used: it re-raises the signal that stopped it (exit code -15), skips the application's
shutdown on a second signal, and prints lifespan errors as tracebacks.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from huleedu_service_libs.http_server.protocol import HttpLimits, LimitedHttpProtocol

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]

_BACKLOG: Final = 2048
_DRAIN_TICK_SECONDS: Final = 0.02
_CUT_OFF_SECONDS: Final = 1.0


class HttpServer:
    """A server for tests and tools; a process that handles signals uses `DrainingServer`."""

    def __init__(self, app: AsgiApp, *, type_prefix: str, limits: HttpLimits | None = None) -> None:
        self._limits = limits or HttpLimits()
        self._type_prefix = type_prefix
        self._config = Config(
            app,
            http=LimitedHttpProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=self._limits.keep_alive_seconds,
        )
        self._state = ServerState()
        self._server: asyncio.AbstractServer | None = None
        self._clock: asyncio.Task[None] | None = None
        self._more_headers: list[tuple[bytes, bytes]] = []

    async def start(self, listener: socket.socket) -> None:
        """Accept connections from *listener*, which must be bound."""
        self._open()
        self._server = await self._accept_from(listener)

    async def stop(self, grace_seconds: float, hurry: asyncio.Event | None = None) -> int:
        """Close the listener, let requests finish, cut off the rest; returns how many were cut off."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        await self._drain(grace_seconds, hurry or asyncio.Event())
        cut_off = len(self._state.tasks)
        await self._cut_off()
        if self._clock is not None:
            self._clock.cancel()
        return cut_off

    def _open(self) -> None:
        # Malformed requests get an answer; a caller must not be able to fill the log with them.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._config.load()
        self._clock = asyncio.get_running_loop().create_task(self._keep_date())

    async def _accept_from(self, listener: socket.socket) -> asyncio.AbstractServer:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: self._protocol(loop), sock=listener, backlog=_BACKLOG)

    def _protocol(self, loop: asyncio.AbstractEventLoop) -> LimitedHttpProtocol:
        return LimitedHttpProtocol(
            config=self._config,
            server_state=self._state,
            limits=self._limits,
            type_prefix=self._type_prefix,
            loop=loop,
        )

    async def _keep_date(self) -> None:
        while True:
            self._set_headers()
            await asyncio.sleep(1)

    def _set_headers(self) -> None:
        self._state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode()), *self._more_headers]

    async def _drain(self, grace_seconds: float, hurry: asyncio.Event) -> None:
        end = time.monotonic() + grace_seconds
        # uvicorn gives no signal when its sets become empty, so we poll.
        while (  # noqa: ASYNC110
            (self._state.tasks or self._state.connections) and time.monotonic() < end and not hurry.is_set()
        ):
            await asyncio.sleep(_DRAIN_TICK_SECONDS)

    async def _cut_off(self) -> None:
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CUT_OFF_SECONDS)
        for connection in list(self._state.connections):
            connection.transport.close()
        await asyncio.sleep(_DRAIN_TICK_SECONDS)
        for connection in list(self._state.connections):
            connection.transport.abort()


def bind(host: str, port: int) -> socket.socket:
    """Returns a bound TCP socket that does not listen yet; raises OSError.

    It is made with IPPROTO_TCP, because asyncio turns Nagle's algorithm off only then (otherwise 40 ms per answer).
    """
    flags = socket.AI_PASSIVE
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)[0]
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.settimeout(0)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
