"""Runs one worker process under a supervisor, on inherited sockets; it can be stopped or retired.

A stop comes from SIGTERM, SIGINT or the supervisor's death: the application refuses new requests, and running ones
finish. A retirement comes from the supervisor when it replaces the worker: nothing is refused, and running requests and
open connections get as long as a request may take.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import uvloop

from huleedu_service_libs.http_server.draining_server import DrainingServer
from huleedu_service_libs.http_server.lifespan import Lifespan, LifespanFailed
from huleedu_service_libs.http_server.run import ServerOptions, leave, settle_garbage_collector, started
from huleedu_service_libs.http_server.server import AsgiApp
from huleedu_service_libs.http_server.stop_signals import StopSignals
from huleedu_service_libs.observability.logging import get_logger
from huleedu_service_libs.workers.worker_context import WorkerContext
from huleedu_service_libs.workers.worker_link import WorkerLink

_LINGER_SECONDS: Final = 5.0
_ORPHAN_CHECK_SECONDS: Final = 0.5
_ORPHAN_GUARD_SECONDS: Final = 5.0
_log = get_logger(__name__)


def serve_as_worker(
    app: AsgiApp,
    options: ServerOptions,
    context: WorkerContext,
    link: WorkerLink,
    *,
    retire_seconds: float,
    on_stopping: Callable[[], None] | None = None,
    on_grace_over: Callable[[], None] | None = None,
) -> int:
    """Serve *app* from the sockets of *context* until stopped or retired; returns the exit code as `serve` does.

    *on_stopping* is called for a stop, not for a retirement; *on_grace_over* as in `serve`. Main thread only.
    """
    _watch_supervisor(context.supervisor, options.grace_seconds)
    listeners = [socket.socket(fileno=descriptor) for descriptor in context.listeners]
    try:
        with (
            StopSignals(options.grace_seconds, on_stopping, on_grace_over) as stop,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            return runner.run(_Worker(app, options, listeners, link, stop).run(context.slot, retire_seconds))
    finally:
        for one in listeners:
            one.close()


class _Worker:
    def __init__(
        self, app: AsgiApp, options: ServerOptions, listeners: list[socket.socket], link: WorkerLink, stop: StopSignals
    ) -> None:
        self._lifespan = Lifespan(app)
        self._server = DrainingServer(app, listeners, type_prefix=options.type_prefix, limits=options.limits)
        self._grace_seconds = options.grace_seconds
        self._link = link
        self._stop = stop
        self._changing: set[asyncio.Task[None]] = set()

    async def run(self, slot: int, retire_seconds: float) -> int:
        self._stop.deliver_in(asyncio.get_running_loop())
        await self._link.open()
        try:
            if not await started(self._lifespan, self._stop):
                return 0
            return await self._serve(slot, retire_seconds)
        except LifespanFailed as exc:
            _log.error("server_start_failed", reason=str(exc))
            return 1
        finally:
            await self._link.leave()

    async def _serve(self, slot: int, retire_seconds: float) -> int:
        settle_garbage_collector()
        await self._server.listen({slot})
        self._link.on_listen = self._listen
        self._link.on_orphaned = self._orphaned
        self._server.on_closed = self._link.closed
        self._link.ready()
        await self._until_asked_to_end()
        end = time.monotonic() + retire_seconds
        if not self._stop.stopping.is_set():
            _log.info("worker_retiring")
            await self._server.drain_connections(_LINGER_SECONDS, retire_seconds, self._stop.stopping)
        seconds = self._grace_seconds if self._stop.stopping.is_set() else end - time.monotonic()
        return await leave(self._server, self._lifespan, self._stop, seconds)

    def _listen(self, slots: frozenset[int]) -> None:
        self._do(self._server.listen(slots))

    def _orphaned(self) -> None:
        """Close the sockets, as the supervisor is gone: a new one may need the address before our last request ends."""
        self._do(self._server.give_up_sockets())

    def _do(self, change: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(change)
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)

    async def _until_asked_to_end(self) -> None:
        waits = {asyncio.ensure_future(event.wait()) for event in (self._stop.stopping, self._link.retired)}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()


def _watch_supervisor(supervisor: int, grace_seconds: float) -> None:
    """Stop this process when its supervisor is gone; a thread checks, so a frozen event loop does not matter."""

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(_ORPHAN_CHECK_SECONDS)
        guard = threading.Timer(grace_seconds + _ORPHAN_GUARD_SECONDS, os._exit, (1,))
        guard.daemon = True
        guard.start()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()
