"""Correlation ids: which ids are accepted from callers, and how code finds the id of the current request.

An id is written to headers, log lines, problem documents and later event keys, so only safe characters are allowed.
"""

from __future__ import annotations

import os
import random
import re
from contextvars import ContextVar
from typing import Final

CORRELATION_HEADER: Final = "X-Correlation-ID"
_ACCEPTABLE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# The bits that RFC 9562 fixes in a random UUID (version 4).
_VERSION_4: Final = 0x4 << 76 | 0x2 << 62
_RANDOM_BITS: Final = ~(0xF << 76 | 0x3 << 62)
_source: Final = random.Random()
os.register_at_fork(after_in_child=_source.seed)


class Correlation:
    """The correlation id of one request; `given` means that the caller's header set it.

    It is mutable, because the body may set the id after the request's context was passed to other tasks.
    """

    __slots__ = ("given", "id")

    def __init__(self, correlation_id: str, *, given: bool) -> None:
        self.id = correlation_id
        self.given = given


_current: ContextVar[Correlation | None] = ContextVar("correlation", default=None)


def is_acceptable(candidate: str) -> bool:
    """Returns whether *candidate* has 1–128 characters of `A-Z a-z 0-9 . _ : -`."""
    return _ACCEPTABLE.fullmatch(candidate) is not None


def new_correlation_id() -> str:
    """Returns a new UUID of version 4. It is unique but not secret: it can be predicted from enough others."""
    # Much faster than uuid4, which asks the kernel for each id.
    digits = (_source.getrandbits(128) & _RANDOM_BITS | _VERSION_4).to_bytes(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def correlation_from_header(value: str | None) -> Correlation:
    """Returns the header's id if it is acceptable, else a new UUID."""
    if value is not None and is_acceptable(value):
        return Correlation(value, given=True)
    return Correlation(new_correlation_id(), given=False)


def adopt_body_correlation(candidate: str | None) -> str:
    """Use the body's `correlation_id` for the current request, unless the header set one; returns the id in use."""
    correlation = _current.get() or current_correlation()
    if candidate is not None and not correlation.given and is_acceptable(candidate):
        correlation.id = candidate
    return correlation.id


def bind_correlation(correlation: Correlation) -> None:
    """Make *correlation* the current one for this context and the tasks it starts."""
    _current.set(correlation)


def current_correlation() -> Correlation:
    """Returns the correlation of the current request; outside of a request, creates and binds a new one."""
    correlation = _current.get()
    if correlation is None:
        correlation = correlation_from_header(None)
        _current.set(correlation)
    return correlation


def current_correlation_id() -> str | None:
    """Returns the id of the current request, or None outside of a request."""
    correlation = _current.get()
    return None if correlation is None else correlation.id
