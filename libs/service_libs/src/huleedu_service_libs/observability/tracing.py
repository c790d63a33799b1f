"""Request tracing that costs almost nothing when off: the decision to trace is made before any span is built.

`Tracing.request` decides. Code further in says `with traced("cache get"):` and gets a real span if the current request
is traced, else one shared object that does nothing (0.2 µs). Nothing is patched, and no trace header is added to
outgoing requests: the caller's trace is not shown to other systems.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar, Token
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol

TRACE_HEADER: Final = "X-Trace-ID"
TRACEPARENT: Final = "traceparent"
ERROR_TYPE: Final = "error.type"
_SAMPLED: Final = 1
# W3C Trace Context, level 1: lower-case hex only. Unknown versions may have more fields after a dash, ours may not.
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")
_LONGEST: Final = 512

Attribute = str | int | float | bool | tuple[str, ...]


class SpanKind(StrEnum):
    """The role of a span in a call: internal, server or client."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteParent:
    """The caller's span, read from its `traceparent` header."""

    trace_id: int
    span_id: int
    sampled: bool


class Span(Protocol):
    """A span that is being recorded."""

    @property
    def trace_id(self) -> str:
        """Returns 32 hex digits."""
        ...

    def child(self, name: str, kind: SpanKind) -> Span:
        """Start a span below this one."""
        ...

    def set(self, name: str, value: Attribute) -> None:
        """Set an attribute; never text that a caller or a model wrote."""
        ...

    def fail(self, reason: str) -> None:
        """Mark the span as failed; *reason* is from a closed set."""
        ...

    def end(self) -> None:
        """End the span."""
        ...


StartSpan = Callable[[str, SpanKind, RemoteParent | None], Span]
_current: ContextVar[Span | None] = ContextVar("span", default=None)


class TracedBlock:
    """A span around a `with` block; an exception that leaves the block marks the span as failed, with its type name."""

    __slots__ = ("_failed", "_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._failed = False
        self._token: Token[Span | None] | None = None

    def __enter__(self) -> TracedBlock:
        self._token = _current.set(self._span)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if kind is not None and not self._failed:
            self.fail(kind.__name__)
        self._span.end()

    @property
    def recording(self) -> bool:
        """Returns whether attributes are recorded, so that they are worth computing."""
        return True

    @property
    def trace_id(self) -> str:
        """Returns 32 hex digits."""
        return self._span.trace_id

    def set(self, name: str, value: Attribute) -> None:
        """Set an attribute; never text that a caller or a model wrote."""
        self._span.set(name, value)

    def fail(self, reason: str) -> None:
        """Mark the span as failed; *reason* is from a closed set and becomes its `error.type`."""
        self._failed = True
        self._span.set(ERROR_TYPE, reason)
        self._span.fail(reason)


class UntracedBlock:
    """The block of a request that is not traced; it does nothing."""

    __slots__ = ()
    recording = False

    def __enter__(self) -> UntracedBlock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        return None

    def set(self, name: str, value: Attribute) -> None:
        """Do nothing."""

    def fail(self, reason: str) -> None:
        """Do nothing."""


Block = TracedBlock | UntracedBlock
UNTRACED: Final = UntracedBlock()


def traced(name: str, kind: SpanKind = SpanKind.INTERNAL) -> Block:
    """Returns a span below the current one, for a `with` block; does nothing if the current request is not traced."""
    parent = _current.get()
    return UNTRACED if parent is None else TracedBlock(parent.child(name, kind))


def current_trace_id() -> str | None:
    """Returns the trace id of the current request, 32 hex digits; None if it is not traced."""
    span = _current.get()
    return None if span is None else span.trace_id


class Tracing:
    """Decides which requests are traced: as the caller's sampled flag says; without one, the given share of requests.

    *ratio* is that share, 0 to 1. *draw* returns a uniform number in [0, 1). Without *start* no spans are made.
    """

    def __init__(self, start: StartSpan | None, *, ratio: float, draw: Callable[[], float]) -> None:
        self._start = start
        self._ratio = ratio
        self._draw = draw

    @property
    def on(self) -> bool:
        """Returns whether any request can be traced."""
        return self._start is not None

    def request(self, name: Callable[[], str], traceparent: str | None) -> Block:
        """Returns the block of an incoming request called *name*; an invalid *traceparent* is ignored."""
        if self._start is None:
            return UNTRACED
        parent = None if traceparent is None else parse_traceparent(traceparent)
        wanted = self._draw() < self._ratio if parent is None else parent.sampled
        return TracedBlock(self._start(name(), SpanKind.SERVER, parent)) if wanted else UNTRACED


def parse_traceparent(value: str) -> RemoteParent | None:
    """Returns the parent that a `traceparent` header names; None if the header is not valid."""
    found = _TRACEPARENT.fullmatch(value) if len(value) <= _LONGEST else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more is not None) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    sampled = bool(int(flags, 16) & _SAMPLED)
    return RemoteParent(trace_id=int(trace_id, 16), span_id=int(span_id, 16), sampled=sampled)
