"""Cancels the task that handles a request when its caller disconnects."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, cast

from huleedu_service_libs.http_server.exchange import Exchange


class CancelOnDisconnect:
    """A `with` block in the handler's task: `hang_up` cancels the task, and the cancellation ends at the block.

    With an *exchange*, our server calls `hang_up`; otherwise a task that listens to the caller does. Other
    cancellations, as when the server stops, pass through.
    """

    __slots__ = ("_exchange", "_hung_up", "_task")

    def __init__(self, exchange: Exchange | None) -> None:
        self._exchange = exchange
        self._hung_up = False
        self._task = cast("asyncio.Task[Any]", asyncio.current_task(None if exchange is None else exchange.loop))

    def __enter__(self) -> CancelOnDisconnect:
        if self._exchange is not None:
            self._exchange.on_hang_up = self.hang_up
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> bool:
        if self._exchange is not None:
            self._exchange.on_hang_up = None
        return kind is asyncio.CancelledError and self._hung_up and not self._task.uncancel()

    def hang_up(self) -> None:
        """Cancel the task, because the caller has disconnected."""
        self._hung_up = True
        self._task.cancel()
