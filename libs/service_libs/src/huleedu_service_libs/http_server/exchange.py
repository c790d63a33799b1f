"""What our server tells an application beyond ASGI, so that it need not wait for messages in a task of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

EXTENSION: Final = "huleedu.exchange"


class Exchange:
    """One request and its answer, in `scope["extensions"]`.

    `body_is_whole` says that one `receive()` returns the whole body at once; `on_hang_up` is called when the caller
    is gone before the answer is complete. Whoever sets it takes it back, or the scope keeps itself alive.
    """

    __slots__ = ("body_is_whole", "on_hang_up")

    def __init__(self) -> None:
        self.body_is_whole = False
        self.on_hang_up: Callable[[], None] | None = None


def exchange_of(scope: Mapping[str, Any]) -> Exchange | None:
    """The exchange that *scope* belongs to; `None` under another server."""
    exchange = (scope.get("extensions") or {}).get(EXTENSION)
    return exchange if isinstance(exchange, Exchange) else None
