"""Outcomes of upstream attempts, whether they are billed, and why a candidate was skipped; for service and callers."""

from __future__ import annotations

from enum import StrEnum


class Billed(StrEnum):
    """Whether the vendor charges for a call that ended like this."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class AttemptOutcome(StrEnum):
    """How an attempt ended; also the closed set of values of the metric label.

    `billed` says whether the vendor charges for a call with this outcome, if nothing else is known about the call. A
    newer service may send an outcome that is not listed here; `may_be_billed` treats it as one that may be charged.
    """

    billed: Billed

    def __new__(cls, value: str, billed: Billed) -> AttemptOutcome:
        member = str.__new__(cls, value)
        member._value_ = value
        member.billed = billed
        return member

    SUCCESS = "success", Billed.YES
    REJECTED = "rejected", Billed.YES
    NOT_SENT = "not_sent", Billed.NO
    CONNECT_FAILED = "connect_failed", Billed.NO
    CONNECTION_LOST = "connection_lost", Billed.UNKNOWN
    CERTIFICATE_INVALID = "certificate_invalid", Billed.NO
    TIMED_OUT = "timed_out", Billed.UNKNOWN
    SERVER_ERROR = "server_error", Billed.NO
    OVERLOADED = "overloaded", Billed.NO
    RATE_LIMITED = "rate_limited", Billed.NO
    QUOTA_EXHAUSTED = "quota_exhausted", Billed.NO
    AUTHENTICATION_FAILED = "authentication_failed", Billed.NO
    MODEL_NOT_FOUND = "model_not_found", Billed.NO
    REQUEST_REJECTED = "request_rejected", Billed.NO
    CONTEXT_TOO_LONG = "context_too_long", Billed.NO
    CONTENT_REFUSED = "content_refused", Billed.YES
    OUTPUT_TRUNCATED = "output_truncated", Billed.YES
    BAD_RESPONSE = "bad_response", Billed.UNKNOWN
    BROKEN_OFF = "broken_off", Billed.UNKNOWN
    CANCELLED = "cancelled", Billed.UNKNOWN


class SkipReason(StrEnum):
    """Why a candidate for a request was not asked."""

    BREAKER_OPEN = "breaker_open"
    COOLING = "cooling"
    LACKS = "lacks"
    WINDOW_TOO_SMALL = "window_too_small"
    SWITCHED_OFF = "switched_off"
    NO_SLOT = "no_slot"
    FALLBACK_FORBIDS = "fallback_forbids"


def may_be_billed(outcome: str) -> bool:
    """Returns whether the vendor may have charged for an attempt that ended with *outcome*."""
    return outcome not in _UNBILLED


_UNBILLED = frozenset(outcome.value for outcome in AttemptOutcome if outcome.billed is Billed.NO)
