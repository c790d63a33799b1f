"""Run an ASGI application on uvicorn's protocol and uvloop, from our own code.

uvicorn's own `Server` re-raises the signal that stopped it (exit -15), skips the application's shutdown on a second
signal and prints lifespan errors as tracebacks. Order here: bind → application start → listen → (signal) stop
listening → requests finish within the grace → application shutdown → exit.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final

import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from huleedu_service_libs.http_protocol import GuardedHttpProtocol, HttpLimits
from huleedu_service_libs.lifespan import Lifespan, LifespanFailed
from huleedu_service_libs.logging import get_logger
from huleedu_service_libs.stop_signals import StopSignals

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
Address = tuple[str, int]

_BACKLOG: Final = 2048
_GC_THRESHOLDS: Final = (10_000, 20, 20)
_DRAIN_TICK_SECONDS: Final = 0.02
_CUT_OFF_SECONDS: Final = 1.0
_SHUTDOWN_SECONDS: Final = 3.0
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How to serve; `grace_seconds` is what requests in flight get after the first signal."""

    type_prefix: str
    host: str = "127.0.0.1"
    port: int = 8090
    grace_seconds: float = 30.0
    limits: HttpLimits = field(default_factory=HttpLimits)


def serve(
    app: AsgiApp,
    options: ServerOptions,
    *,
    on_ready: Callable[[Address], None] | None = None,
    on_stopping: Callable[[], None] | None = None,
) -> int:
    """Serve *app* until SIGTERM or SIGINT; return the exit code: 0 after a graceful stop, else 1.

    *on_ready* gets the bound address (port 0 picks a free one) once connections are answered, *on_stopping* is called
    at the first signal. A second signal ends the grace at once. The process ends at the latest 5 s after the grace,
    even with a frozen event loop: a thread sees to it. Main thread only.
    """
    try:
        listener = bind(options.host, options.port)
    except OSError as exc:
        _log.error("server_cannot_bind", host=options.host, port=options.port, reason=exc.strerror or str(exc))
        return 1
    try:
        with (
            StopSignals(options.grace_seconds, on_stopping) as stop,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            return runner.run(_serve(app, options, listener, stop, on_ready))
    finally:
        listener.close()


class HttpServer:
    """The listening part: usable in a running loop, as tests and tools do."""

    def __init__(self, app: AsgiApp, *, type_prefix: str, limits: HttpLimits | None = None) -> None:
        self._limits = limits or HttpLimits()
        self._type_prefix = type_prefix
        self._config = Config(
            app,
            http=GuardedHttpProtocol,
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
        """Answer connections of *listener*, which must be bound."""
        self._open()
        self._server = await self._accept_from(listener)

    async def stop(self, grace_seconds: float, hurry: asyncio.Event | None = None) -> int:
        """Close the listener, let requests finish, cut off what is left; return how many were cut off."""
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
        # Malformed requests are answered; a caller must not be able to fill the log with them.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._config.load()
        self._clock = asyncio.get_running_loop().create_task(self._keep_date())

    async def _accept_from(self, listener: socket.socket) -> asyncio.AbstractServer:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: self._protocol(loop), sock=listener, backlog=_BACKLOG)

    def _protocol(self, loop: asyncio.AbstractEventLoop) -> GuardedHttpProtocol:
        return GuardedHttpProtocol(
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
        # uvicorn's sets tell nobody when they empty, hence the polling.
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
    """A bound TCP socket that does not listen yet; raises OSError.

    Made with IPPROTO_TCP, because asyncio turns Nagle off only then (40 ms per answer otherwise).
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


async def _serve(
    app: AsgiApp,
    options: ServerOptions,
    listener: socket.socket,
    stop: StopSignals,
    on_ready: Callable[[Address], None] | None,
) -> int:
    stop.deliver_in(asyncio.get_running_loop())
    lifespan = Lifespan(app)
    try:
        if not await started(lifespan, stop):
            _log.info("server_stopped", cut_off=0)
            return 0
    except LifespanFailed as exc:
        _log.error("server_start_failed", reason=str(exc))
        return 1
    server = HttpServer(app, type_prefix=options.type_prefix, limits=options.limits)
    await server.start(listener)
    settle_garbage_collector()
    address: Address = listener.getsockname()[:2]
    _log.info("server_listening", host=address[0], port=address[1])
    if on_ready is not None:
        on_ready(address)
    await stop.stopping.wait()
    _log.info("server_stopping", grace_seconds=options.grace_seconds)
    grace_end = time.monotonic() + options.grace_seconds
    cut_off = await server.stop(options.grace_seconds, stop.hurry)
    return await shut_down(lifespan, stop, grace_end, cut_off)


async def started(lifespan: Lifespan, stop: StopSignals) -> bool:
    """Start the application; False if a signal came first (then nothing of it is left running)."""
    startup = asyncio.ensure_future(lifespan.startup())
    signalled = asyncio.ensure_future(stop.stopping.wait())
    await asyncio.wait({startup, signalled}, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    if startup.done():
        startup.result()
        return True
    startup.cancel()
    return False


async def shut_down(lifespan: Lifespan, stop: StopSignals, grace_end: float, cut_off: int) -> int:
    """Shut the application down; it has what is left of the grace (calls whose callers hung up end in it) and 3 s."""
    shutdown = asyncio.ensure_future(lifespan.shutdown())
    hurried = asyncio.ensure_future(stop.hurry.wait())
    left = max(0.0, grace_end - time.monotonic())
    await asyncio.wait({shutdown, hurried}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    try:
        async with asyncio.timeout(_SHUTDOWN_SECONDS):
            await shutdown
    except (LifespanFailed, TimeoutError) as exc:
        _log.error("server_shutdown_failed", reason=str(exc) or "the application took too long", cut_off=cut_off)
        return 1
    _log.info("server_stopped", cut_off=cut_off)
    return 0


def settle_garbage_collector() -> None:
    """Freeze what start-up made, so that no collection walks over it, and collect less often.

    Not too seldom: failed requests leave cycles, and freeing many of them at once stops the event loop.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
