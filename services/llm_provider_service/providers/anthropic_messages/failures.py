"""Maps Anthropic's errors to failures (sources: its error page and SDK types, 2026-11)."""

from __future__ import annotations

from services.llm_provider_service.domain.failures import (
    AuthenticationFailed,
    ModelNotFound,
    PromptRefused,
    ProviderOverloaded,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServerError,
)
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.providers.common.failure_table import (
    CREDIT_COOLDOWN_SECONDS,
    FailureRule,
    FailureTable,
)


def _typed(error_type: str, failure: type[ProviderFailure]) -> FailureRule:
    """Returns the rule for one `error.type`, which means the same under every status, 200 included."""
    return FailureRule(failure=failure, codes=frozenset({error_type}))


ANTHROPIC_FAILURES = FailureTable(
    vendor="Anthropic",
    trusts_should_retry=True,
    rules=(
        FailureRule(
            failure=QuotaExhausted,
            statuses=frozenset({400, 402, 403, 429}),
            phrases=("credit balance is too low", "api usage limits", "spend limit"),
            cooldown=CREDIT_COOLDOWN_SECONDS,
        ),
        FailureRule(failure=QuotaExhausted, codes=frozenset({"billing_error"}), cooldown=CREDIT_COOLDOWN_SECONDS),
        FailureRule(failure=PromptRefused, statuses=frozenset({400, 403}), phrases=("content filtering policy",)),
        _typed("overloaded_error", ProviderOverloaded),
        _typed("rate_limit_error", RateLimited),
        _typed("authentication_error", AuthenticationFailed),
        _typed("permission_error", AuthenticationFailed),
        _typed("not_found_error", ModelNotFound),
        _typed("request_too_large", RequestRejected),
        _typed("conflict_error", ServerError),
        _typed("timeout_error", ServerError),
        _typed("api_error", ServerError),
    ),
)
