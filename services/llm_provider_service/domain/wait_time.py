"""How long a request was kept waiting by others: what remains of its time is the gateway's own."""

from __future__ import annotations

from contextvars import ContextVar


class Waiting:
    """Seconds that one request has waited so far; `order` says that it asked for a completion at all.

    Mutable, so that the layer that answers the request sees what the tasks below it have added.
    """

    seconds = 0.0
    order = False


_current: ContextVar[Waiting | None] = ContextVar("waiting", default=None)


def begin_waiting() -> Waiting:
    """The current request's, from now on, in this context and the tasks that it starts."""
    waiting = Waiting()
    _current.set(waiting)
    return waiting


def is_order() -> None:
    """The current request asks for a completion."""
    waiting = _current.get()
    if waiting is not None:
        waiting.order = True


def waited(seconds: float) -> None:
    """The current request was kept waiting: by a vendor, a pause before the next attempt, a queue, another request."""
    waiting = _current.get()
    if waiting is not None:
        waiting.seconds += seconds
