"""What the worker tests start, a service of a few routes: `python worker_app.py MODE WORKERS PORT GRACE`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import replace
from typing import Any

from quart import Quart

from huleedu_service_libs.http_server.run import ServerOptions
from huleedu_service_libs.observability.logging import configure_logging
from huleedu_service_libs.web.quart_app import install_edge, install_problem_handlers
from huleedu_service_libs.web.quart_draining import DrainMiddleware
from huleedu_service_libs.workers.supervisor import supervise
from huleedu_service_libs.workers.supervisor_options import SupervisorOptions
from huleedu_service_libs.workers.worker import serve_as_worker
from huleedu_service_libs.workers.worker_context import WorkerContext
from huleedu_service_libs.workers.worker_link import WorkerLink

TYPE_PREFIX = "urn:test:"
RETIRE_SECONDS = 20.0
HANGING_START_SECONDS = 8.0  # a worker that does not hang is there by then, on a busy machine too


def _app(mode: str, slot: int, grace_over: asyncio.Event) -> tuple[Quart, Any]:
    app = Quart("workers")

    @app.get("/pid")
    async def pid() -> Any:
        return {"pid": os.getpid()}

    @app.get("/slow/<float:seconds>")
    async def slow(seconds: float) -> Any:
        print("working", flush=True)
        await asyncio.sleep(seconds)
        return {"slept": seconds}

    @app.get("/freeze")
    async def freeze() -> Any:
        print("working", flush=True)
        time.sleep(60)  # noqa: ASYNC251 — the frozen event loop is what is tested

    @app.before_serving
    async def start() -> None:
        if mode == "start-fails":
            raise RuntimeError("the database address is missing")
        if mode == "first-hangs" and slot == 0:
            await asyncio.sleep(60)
        if mode == "first-late" and slot == 0:
            await asyncio.sleep(1.5)

    @app.after_serving
    async def end() -> None:
        if mode == "end-slow":
            await asyncio.sleep(3.5)
        if mode == "end-waits":
            print("waiting", flush=True)
            await grace_over.wait()

    install_problem_handlers(app, type_prefix=TYPE_PREFIX)
    gate = DrainMiddleware(app.asgi_app, type_prefix=TYPE_PREFIX, open_paths=frozenset())
    app.asgi_app = gate  # type: ignore[method-assign]  # as Quart documents
    install_edge(app, type_prefix=TYPE_PREFIX)
    return app, gate


def _main() -> int:
    mode, workers, port, grace = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    configure_logging(service="workers")
    seat = WorkerContext.taken()
    if seat is None:
        supervision = SupervisorOptions(
            workers=workers, host="127.0.0.1", port=port, grace_seconds=grace, retire_seconds=RETIRE_SECONDS
        )
        if mode == "first-hangs":
            supervision = replace(supervision, start_seconds=HANGING_START_SECONDS)
        return supervise(supervision, on_ready=lambda address: print("ready", *address, flush=True))
    if mode == "settings-refused":
        return 2
    grace_over = asyncio.Event()
    app, gate = _app(mode, seat.slot, grace_over)
    return serve_as_worker(
        app,
        ServerOptions(type_prefix=TYPE_PREFIX, grace_seconds=grace),
        seat,
        WorkerLink(seat),
        retire_seconds=RETIRE_SECONDS,
        on_stopping=gate.close,
        on_grace_over=grace_over.set,
    )


if __name__ == "__main__":
    sys.exit(_main())
