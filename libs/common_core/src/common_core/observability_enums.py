"""Enums used as metric labels and in status documents."""

from __future__ import annotations

from enum import StrEnum


class CircuitBreakerState(StrEnum):
    """The state of one circuit breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CacheOperation(StrEnum):
    """Kind of operation on a cache."""

    GET = "get"
    SET = "set"
    DELETE = "delete"
    CLEAR = "clear"
