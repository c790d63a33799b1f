"""Server side of the ASGI lifespan protocol; errors are reported as one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]


class LifespanFailed(Exception):
    """The application failed to start or to shut down: it reported so, or it raised an exception."""


class Lifespan:
    """Starts and shuts down an application. The application's resources live in one task."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Start the application; raises LifespanFailed."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.ensure_future(self._app(scope, self._to_app.get, self._from_app.put))
        await self._exchange("startup", self._task)

    async def shutdown(self) -> None:
        """Shut the application down; raises LifespanFailed. Does nothing if the application was never started."""
        if self._task is None:
            return
        try:
            await self._exchange("shutdown", self._task)
        finally:
            self._task.cancel()

    async def _exchange(self, phase: str, app_task: asyncio.Task[None]) -> None:
        await self._to_app.put({"type": f"lifespan.{phase}"})
        answer = asyncio.ensure_future(self._from_app.get())
        await asyncio.wait({answer, app_task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            raise LifespanFailed(_ending(app_task, phase))
        message = answer.result()
        if message["type"] != f"lifespan.{phase}.complete":
            raise LifespanFailed(str(message.get("message") or f"the application failed in its {phase}"))


def _ending(app_task: asyncio.Task[None], phase: str) -> str:
    error = None if app_task.cancelled() else app_task.exception()
    return f"the application ended during its {phase}" if error is None else f"{type(error).__name__}: {error}"
