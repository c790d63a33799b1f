"""Run an ASGI application on uvicorn's protocol and uvloop, from our own code: one process, from start to exit.

Order: bind → application start → listen → (signal) requests under way finish within the grace, while new ones are
still answered, by the application → stop listening → application shutdown → exit.
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
    on_grace_over: Callable[[], None] | None = None,
    on_unbound: Callable[[OSError], None] | None = None,
) -> int:
    """Serve *app* until SIGTERM or SIGINT; return the exit code: 0 after a graceful stop, else 1.

    *on_ready* gets the bound address (port 0 picks a free one) once connections are answered, *on_stopping* is called
    at the first signal: from then on *app* is to refuse what is new (see `DrainMiddleware`), because new requests are
    let in as long as one from before is under way. A second signal ends the grace at once. *on_grace_over* is called if
    *app* still works on its shutdown then: it has 3 s more, for closing and not for waiting. The process ends at the
    latest 5 s after the grace, even with a frozen event loop: a thread sees to it. *on_unbound* is told why the address
    could not be had, for whoever reads no logs. Main thread only.
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


async def leave(server: DrainingServer, lifespan: Lifespan, stop: StopSignals, seconds: float) -> int:
    """Finish what is under way within *seconds*, then shut the application down; returns the exit code."""
    end = time.monotonic() + seconds
    server.say_last()
    cut_off = await server.finish(seconds, stop.hurry)
    return await _shut_down(lifespan, stop, end, cut_off)


async def _shut_down(lifespan: Lifespan, stop: StopSignals, end: float, cut_off: int) -> int:
    """Shut the application down; it has what is left until *end* (calls whose callers hung up end in it) and 3 s."""
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
    """Freeze what start-up made, so that no collection walks over it, and collect less often.

    Not too seldom: failed requests leave cycles, and freeing many of them at once stops the event loop.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
