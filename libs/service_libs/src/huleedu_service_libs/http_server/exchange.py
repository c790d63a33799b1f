"""An ASGI extension of our server: is the body complete, and a callback for a caller who hangs up.

With it the application needs no extra task that waits for messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

EXTENSION: Final = "huleedu.exchange"


class Exchange:
    """One request and its answer, in `scope["extensions"]`.

    `body_is_whole` means that one `receive()` returns the whole body. `on_hang_up` is called when the caller
    disconnects before the answer is complete. Code that sets `on_hang_up` must reset it, or a reference cycle keeps the
    scope alive. The application sets `answer_is_whole` before it sends the head and directly after it the whole body
    (never for HEAD, where no body is written): the server then writes both at once. `loop` is the running event loop.
    """

    __slots__ = ("answer_is_whole", "body_is_whole", "loop", "on_hang_up")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.body_is_whole = False
        self.answer_is_whole = False
        self.on_hang_up: Callable[[], None] | None = None


def exchange_of(scope: Mapping[str, Any]) -> Exchange | None:
    """Returns the exchange of *scope*; `None` under another server."""
    exchange = (scope.get("extensions") or {}).get(EXTENSION)
    return exchange if isinstance(exchange, Exchange) else None
