"""Writes one log line for each incident that an operator may ask about: a refused request, a breaker, a cooldown.

No line quotes a vendor or a caller.
"""

from __future__ import annotations

from typing import Any

from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.observability.logging import get_logger
from huleedu_service_libs.resilience.circuit_breaker import Transition
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.skipped import Skipped
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.exceptions import GatewayError

log = get_logger(__name__)

# From this status on, the cause is not the caller's request.
FIRST_STATUS_OF_OURS = 500


def log_refused(order: CompletionOrder, error: GatewayError) -> None:
    """Log that *order* ended in *error*, with its attempts and the candidates that were not asked."""
    report = log.warning if error.status >= FIRST_STATUS_OF_OURS else log.info
    report(
        "request_refused",
        code=error.code,
        status=error.status,
        slug=error.slug,
        title=error.title,
        attempts=[f"{one.target}: {one.outcome}" for one in error.attempts],
        candidates=[_in_words(one) for one in error.skipped],
        retry_after=error.retry_after,
        request_id=order.request_id,
    )


def log_cooldown(target: Target, seconds: float) -> None:
    """Log that *target* is in cooldown for *seconds*, because its vendor asked for it."""
    log.warning("target_cools_down", **_named(target), seconds=round(seconds, 3))


def log_breaker(provider: str, account: str, model: str | None, transition: Transition) -> None:
    """Log that a breaker changed its state; *model* is `None` for the breaker of an account."""
    opened = transition.current is CircuitBreakerState.OPEN
    report = log.warning if opened else log.info
    report(
        "circuit_breaker_moved",
        provider=provider,
        model=model,
        account=account,
        state=transition.current,
        before=transition.previous,
        cause=transition.cause,
        last_failure=transition.last_failure,
        retry_in_seconds=round(transition.retry_in_seconds, 3) if opened else None,
    )


def _named(target: Target) -> dict[str, Any]:
    return {"provider": target.provider, "model": target.model, "account": target.account}


def _in_words(skipped: Skipped) -> str:
    wait = "" if skipped.seconds is None else f" for {skipped.seconds:.1f} s"
    return f"{skipped.target}: {skipped.reason}{wait}"
