"""Counts how long a request waited for others, so that the gateway's own time can be computed."""

from __future__ import annotations

from contextvars import ContextVar


class Waiting:
    """Seconds that one request has waited so far; `order`: it asks for a completion, not for a status.

    It is mutable, so that the layer that answers the request sees what tasks below it added.
    """

    seconds = 0.0
    order = False


_current: ContextVar[Waiting | None] = ContextVar("waiting", default=None)


def begin_waiting() -> Waiting:
    """Start counting for the current request; the count applies to this context and the tasks that it starts."""
    waiting = Waiting()
    _current.set(waiting)
    return waiting


def is_order() -> None:
    """Mark the current request as one that asks for a completion."""
    waiting = _current.get()
    if waiting is not None:
        waiting.order = True


def waited(seconds: float) -> None:
    """Add *seconds* of waiting: for a vendor, a pause before the next attempt, a queue, or another request."""
    waiting = _current.get()
    if waiting is not None:
        waiting.seconds += seconds
