"""The Attempt: one row of truth for each upstream call, whatever happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.llm_provider_service.domain.money import UNPRICED, Cost
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN, Usage


class AttemptOutcome(StrEnum):
    """How an attempt ended; also the closed set of the metric label."""

    SUCCESS = "success"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    CONNECT_FAILED = "connect_failed"
    CONNECTION_LOST = "connection_lost"
    CERTIFICATE_INVALID = "certificate_invalid"
    TIMED_OUT = "timed_out"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    AUTHENTICATION_FAILED = "authentication_failed"
    MODEL_NOT_FOUND = "model_not_found"
    REQUEST_REJECTED = "request_rejected"
    CONTEXT_TOO_LONG = "context_too_long"
    CONTENT_REFUSED = "content_refused"
    OUTPUT_TRUNCATED = "output_truncated"
    BAD_RESPONSE = "bad_response"
    BROKEN_OFF = "broken_off"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One upstream call (or one that was not sent), numbered from 1 within its request; durations in seconds.

    `status` is the HTTP status with which the vendor said that it failed.
    """

    number: int
    target: Target
    outcome: AttemptOutcome
    duration_seconds: float
    status: int | None = None
    served_model: str | None = None
    usage: Usage = USAGE_UNKNOWN
    cost: Cost = UNPRICED

    @property
    def sent(self) -> bool:
        """Whether the vendor was called at all."""
        return self.outcome is not AttemptOutcome.NOT_SENT
