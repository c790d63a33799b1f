"""Maps Gemini's errors (`google.rpc.Status`) to failures, with quotas and waits from their details."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.llm_provider_service.domain.failures import (
    AuthenticationFailed,
    ModelNotFound,
    ProviderOverloaded,
    QuotaExhausted,
    RateLimited,
    ServerError,
)
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.providers.common.error_body import VendorError
from services.llm_provider_service.providers.common.failure_table import (
    CREDIT_COOLDOWN_SECONDS,
    FailureRule,
    FailureTable,
    ReplyHead,
)
from services.llm_provider_service.providers.common.retry_after import duration
from services.llm_provider_service.providers.common.vendor_json import mapping, sequence, text

# A day's quota is renewed at midnight Pacific time; until then one call per hour checks.
DAY_QUOTA_COOLDOWN_SECONDS = 3_600.0
_PER_DAY = "quota_per_day"

_TABLE = FailureTable(
    vendor="Gemini",
    rules=(
        FailureRule(failure=QuotaExhausted, codes=frozenset({_PER_DAY}), cooldown=DAY_QUOTA_COOLDOWN_SECONDS),
        FailureRule(
            failure=QuotaExhausted,
            statuses=frozenset({429}),
            phrases=("credits are depleted", "spending cap", "spend cap"),
            cooldown=CREDIT_COOLDOWN_SECONDS,
        ),
        FailureRule(failure=AuthenticationFailed, codes=frozenset({"api_key_invalid", "api_key_service_blocked"})),
        FailureRule(
            failure=AuthenticationFailed,
            statuses=frozenset({400}),
            phrases=("api key not valid", "api key expired", "user location is not supported", "enable billing"),
        ),
        FailureRule(failure=RateLimited, codes=frozenset({"resource_exhausted"})),
        FailureRule(failure=AuthenticationFailed, codes=frozenset({"unauthenticated", "permission_denied"})),
        FailureRule(failure=ModelNotFound, codes=frozenset({"not_found"})),
        FailureRule(failure=ProviderOverloaded, codes=frozenset({"unavailable"})),
        FailureRule(failure=ServerError, codes=frozenset({"internal", "deadline_exceeded", "aborted"})),
    ),
)


def google_failure(head: ReplyHead, error: VendorError) -> ProviderFailure:
    """Returns the failure for *error*."""
    details = [mapping(item) for item in sequence(error.detail.get("details"))]
    reasons = tuple(reason.lower() for reason in (text(item.get("reason")) for item in details) if reason)
    per_day = (_PER_DAY,) if any(map(_is_day_quota, details)) else ()
    told = replace(error, codes=(*error.codes, *reasons, *per_day))
    waits = [wait for wait in map(_wait, details) if wait is not None]
    return _TABLE.failure(head, told, wait=max(waits, default=None))


def _is_day_quota(detail: Mapping[str, Any]) -> bool:
    violations = map(mapping, sequence(detail.get("violations")))
    return any("perday" in text(violation.get("quotaId")).lower() for violation in violations)


def _wait(detail: Mapping[str, Any]) -> float | None:
    """Seconds in a `RetryInfo`; `None` for any other detail."""
    return duration(text(detail.get("retryDelay"))) if "retryDelay" in detail else None
