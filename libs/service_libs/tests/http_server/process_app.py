"""The program that the server process tests start: `python process_app.py MODE`, prints its address when ready."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from quart import Quart

from huleedu_service_libs.http_server.run import Address, ServerOptions, serve
from huleedu_service_libs.observability.logging import configure_logging
from huleedu_service_libs.web.quart_app import install_edge, install_problem_handlers
from huleedu_service_libs.web.quart_draining import DrainMiddleware


def _say(*words: object) -> None:
    print(*words, flush=True)


def _app(mode: str, grace_over: asyncio.Event) -> tuple[Quart, DrainMiddleware]:
    app = Quart("process")

    @app.get("/slow/<float:seconds>")
    async def slow(seconds: float) -> Any:
        _say("working")
        await asyncio.sleep(seconds)
        return {"slept": seconds}

    @app.get("/alive")
    async def alive() -> Any:
        return {"alive": True}

    @app.get("/freeze")
    async def freeze() -> Any:
        _say("working")
        time.sleep(60)  # noqa: ASYNC251 — the frozen event loop is what is tested

    @app.before_serving
    async def start() -> None:
        if mode == "start-fails":
            raise RuntimeError("the database address is missing")
        if mode == "start-hangs":
            _say("starting")
            await asyncio.sleep(60)

    @app.after_serving
    async def end() -> None:
        if mode == "end-slow":
            await asyncio.sleep(3.5)
        if mode == "end-waits":
            _say("waiting")
            await grace_over.wait()
        _say("closed")
        if mode == "end-hangs":
            await asyncio.sleep(60)

    install_problem_handlers(app, type_prefix="urn:test:")
    gate = DrainMiddleware(app.asgi_app, type_prefix="urn:test:", open_paths=frozenset({"/alive"}))
    app.asgi_app = gate  # type: ignore[method-assign]  # as Quart documents
    install_edge(app, type_prefix="urn:test:")
    return app, gate


def _ready(address: Address) -> None:
    _say("ready", *address)


def _main(mode: str, port: int, grace: float) -> int:
    configure_logging(service="process")
    grace_over = asyncio.Event()
    app, gate = _app(mode, grace_over)

    def stopping() -> None:
        gate.close()
        _say("stopping")

    options = ServerOptions(type_prefix="urn:test:", port=port, grace_seconds=grace)
    return serve(app, options, on_ready=_ready, on_stopping=stopping, on_grace_over=grace_over.set)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
