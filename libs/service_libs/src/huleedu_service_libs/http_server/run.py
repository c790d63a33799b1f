"""Runs an ASGI application as one process, from start to exit, on uvicorn's protocol and uvloop.

Order: bind → start the application → listen → (signal) running requests finish within the grace period, while the
application still answers new ones → stop listening → shut the application down → exit.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import uvloop

from huleedu_service_libs.http_server.draining_server import DrainingServer
from huleedu_service_libs.http_server.lifespan import Lifespan, LifespanFailed
from huleedu_service_libs.http_server.protocol import HttpLimits
from huleedu_service_libs.http_server.server import AsgiApp, bind
from huleedu_service_libs.http_server.stop_signals import StopSignals
from huleedu_service_libs.observability.logging import get_logger

Address = tuple[str, int]

_GC_THRESHOLDS: Final = (10_000, 20, 20)
_SHUTDOWN_SECONDS: Final = 3.0
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Options of the server; `grace_seconds` is how long running requests may go on after the first signal."""

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
    on_grace_over: Callable[[], None] | None = None,
    on_unbound: Callable[[OSError], None] | None = None,
) -> int:
    """Serve *app* until SIGTERM or SIGINT; return the exit code: 0 after a graceful stop, else 1.

    *on_ready* gets the bound address once connections are answered (port 0 picks a free port). *on_stopping* is called
    at the first signal. From then on *app* must refuse new requests (see `DrainMiddleware`): they still reach it while
    older ones run. A second signal ends the grace period at once. *on_grace_over* is called if *app* is still shutting
    down when the grace period ends; it then has 3 s more to close things. The process ends 5 s after the grace period
    at the latest, even with a frozen event loop, because a thread ends it. *on_unbound* gets the error if the address
    cannot be bound. Main thread only.
    """
    try:
        listener = bind(options.host, options.port)
    except OSError as exc:
        _log.error("server_cannot_bind", host=options.host, port=options.port, reason=exc.strerror or str(exc))
        if on_unbound is not None:
            on_unbound(exc)
        return 1
    try:
        with (
            StopSignals(options.grace_seconds, on_stopping, on_grace_over) as stop,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            return runner.run(_serve(app, options, listener, stop, on_ready))
    finally:
        listener.close()


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
    server = DrainingServer(app, [listener], type_prefix=options.type_prefix, limits=options.limits)
    await server.listen({0})
    settle_garbage_collector()
    address: Address = listener.getsockname()[:2]
    _log.info("server_listening", host=address[0], port=address[1])
    if on_ready is not None:
        on_ready(address)
    await stop.stopping.wait()
    _log.info("server_stopping", grace_seconds=options.grace_seconds)
    return await leave(server, lifespan, stop, options.grace_seconds)


async def started(lifespan: Lifespan, stop: StopSignals) -> bool:
    """Start the application. Returns False if a signal came first; then the start is cancelled."""
    startup = asyncio.ensure_future(lifespan.startup())
    signalled = asyncio.ensure_future(stop.stopping.wait())
    await asyncio.wait({startup, signalled}, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    if startup.done():
        startup.result()
        return True
    startup.cancel()
    return False


async def leave(server: DrainingServer, lifespan: Lifespan, stop: StopSignals, seconds: float) -> int:
    """Finish running requests within *seconds*, then shut the application down; returns the exit code."""
    end = time.monotonic() + seconds
    server.close_after_response()
    cut_off = await server.finish(seconds, stop.hurry)
    return await _shut_down(lifespan, stop, end, cut_off)


async def _shut_down(lifespan: Lifespan, stop: StopSignals, end: float, cut_off: int) -> int:
    """Shut the application down, with the time left until *end* and 3 s more.

    Calls whose callers hung up finish in this time.
    """
    shutdown = asyncio.ensure_future(lifespan.shutdown())
    await stop.give_grace(shutdown, end)
    try:
        async with asyncio.timeout(_SHUTDOWN_SECONDS):
            await shutdown
    except (LifespanFailed, TimeoutError) as exc:
        _log.error("server_shutdown_failed", reason=str(exc) or "the application took too long", cut_off=cut_off)
        return 1
    _log.info("server_stopped", cut_off=cut_off)
    return 0


def settle_garbage_collector() -> None:
    """Freeze the objects made at start-up, so that no collection scans them, and collect less often.

    Not too rarely: failed requests leave reference cycles, and freeing many of them at once blocks the event loop.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
