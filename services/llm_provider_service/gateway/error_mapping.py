"""Turns the failures of a run into the one error that the caller gets."""

from __future__ import annotations

from collections.abc import Mapping

from common_core.error_enums import ErrorCode
from common_core.llm_attempts import AttemptOutcome, SkipReason
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.failure_values import CallerMessage
from services.llm_provider_service.domain.failures import (
    ProviderTimeout,
)
from services.llm_provider_service.domain.not_sent import CapacityExhausted, NotSent
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.skipped import Skipped
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.exceptions import (
    DeadlineReached,
    GatewayError,
    GatewayOverloaded,
    NoProviderAvailable,
    VendorRejected,
    VendorUnusable,
)
from services.llm_provider_service.gateway.run_state import Run
from services.llm_provider_service.resilience.deadline import CLOCK_TOLERANCE_SECONDS

SECONDS_TO_SET_UP_A_PROVIDER = 60.0


_ERRORS: Mapping[int, type[GatewayError]] = {kind.status: kind for kind in (VendorRejected, VendorUnusable)}


def refusal(run: Run, *, retry_after: float, longest_pause: float) -> GatewayError:
    """Returns the error for the caller of *run*; a failure that explains the error wins over "try later".

    *retry_after* (seconds) is used if "try later" is the only answer. If the caller's own deadline left less time than
    that, or than *longest_pause* (the longest pause before another attempt, plus the attempt), the error is marked as
    early.
    """
    error = _refusal(run, retry_after)
    _tell_who_was_not_asked(error, (*run.skipped, *_not_sent(run)))
    error.early = run.deadline.callers_own and run.deadline.remaining() < max(retry_after, longest_pause)
    return error


def _refusal(run: Run, retry_after: float) -> GatewayError:
    telling = _telling_failure(run)
    if telling is not None and telling[1].caller_message is not None:
        return vendor_error(*telling, telling[1].caller_message, tuple(run.attempts))
    if _ran_out_of_time(run):
        return deadline_reached(tuple(run.attempts))
    if not run.calls and any(isinstance(failure, CapacityExhausted) for _, failure in run.failures):
        return overloaded(retry_after, tuple(run.attempts))
    return nobody_answered(tuple(run.attempts), retry_after)


def deadline_reached(attempts: tuple[Attempt, ...] = ()) -> DeadlineReached:
    """Returns the error for a deadline that passed here or at every candidate."""
    return DeadlineReached(
        "No answer in time",
        "The request's deadline was reached, or every provider took too long. Try again, or allow more time.",
        code=ErrorCode.TIMEOUT,
        slug="timeout",
        target=_last_target(attempts),
        attempts=attempts,
    )


def nobody_can_be_asked(skipped: tuple[Skipped, ...], retry_after: float | None) -> NoProviderAvailable:
    """Returns the error for a plan without candidates."""
    error = nobody_answered((), retry_after)
    _tell_who_was_not_asked(error, skipped)
    return error


def nobody_answered(attempts: tuple[Attempt, ...], retry_after: float | None) -> NoProviderAvailable:
    """Returns the error if every candidate failed in a way that may pass, or none could be asked."""
    nothing_tried = all(attempt.outcome is AttemptOutcome.NOT_SENT for attempt in attempts)
    if nothing_tried:
        code, detail = ErrorCode.CIRCUIT_BREAKER_OPEN, "Every provider is switched off, failing or cooling down."
    else:
        code, detail = ErrorCode.SERVICE_UNAVAILABLE, "Every provider that could be asked failed."
    return NoProviderAvailable(
        "No provider could answer",
        f"{detail} Try again after the time in Retry-After.",
        code=code,
        slug="circuit-breaker-open" if nothing_tried else "service-unavailable",
        target=_last_target(attempts),
        attempts=attempts,
        retry_after=retry_after,
    )


def nobody_is_live() -> NoProviderAvailable:
    """Returns the error if no provider is set up; only new settings by an operator, and a restart, help."""
    return NoProviderAvailable(
        "No provider could answer",
        "No provider is enabled and configured here. Until an operator sets one up, nothing can be answered.",
        code=ErrorCode.SERVICE_UNAVAILABLE,
        slug="no-provider",
        retry_after=SECONDS_TO_SET_UP_A_PROVIDER,
    )


def overloaded(retry_after: float, attempts: tuple[Attempt, ...] = ()) -> GatewayOverloaded:
    """Returns the error if no slot was free in time, of the gateway or of a provider."""
    return GatewayOverloaded(
        "The gateway is busy",
        "All slots are taken, and none would be free in time. Try again after the time in Retry-After.",
        code=ErrorCode.SERVICE_UNAVAILABLE,
        slug="overloaded",
        target=_last_target(attempts),
        attempts=attempts,
        retry_after=retry_after,
    )


def _telling_failure(run: Run) -> tuple[Target, ProviderFailure] | None:
    """Returns the failure that explains the error: one that forbids asking others, or that of the only target asked."""
    asked = _asked(run)
    if not asked or (asked[-1][1].fails_over and len(asked) > 1):
        return None
    return asked[-1]


def _asked(run: Run) -> list[tuple[Target, ProviderFailure]]:
    """Returns the failures of targets that were called; targets that our own limits blocked tell nothing."""
    return [(target, failure) for target, failure in run.failures if not isinstance(failure, NotSent)]


def _tell_who_was_not_asked(error: GatewayError, skipped: tuple[Skipped, ...]) -> None:
    error.skipped = skipped
    if isinstance(error, NoProviderAvailable) and any(one.reason is SkipReason.FALLBACK_FORBIDS for one in skipped):
        error.detail += " With `fallback: any`, another model may answer at once."


def _not_sent(run: Run) -> tuple[Skipped, ...]:
    """Returns the planned targets that our own limits blocked, each with its last reason."""
    found = {
        target: Skipped(target, failure.skip_reason, seconds=failure.retry_after)
        for target, failure in run.failures
        if isinstance(failure, NotSent)
    }
    return tuple(found.values())


def vendor_error(
    target: Target, failure: ProviderFailure, caller_message: CallerMessage, attempts: tuple[Attempt, ...]
) -> GatewayError:
    """Returns the caller's error for *failure* of *target*, from its class's policy."""
    return _ERRORS[caller_message.status](
        caller_message.title,
        f"{target.provider} ({target.model}): {failure.message}. {caller_message.advice}",
        code=caller_message.code,
        slug=caller_message.slug,
        target=target,
        attempts=attempts,
    )


def _ran_out_of_time(run: Run) -> bool:
    """Returns whether time is up, was too short to ask any target, or was the only thing that failed."""
    if run.deadline.remaining() <= CLOCK_TOLERANCE_SECONDS or not run.failures:
        return True
    asked = _asked(run)
    return bool(asked) and all(isinstance(failure, ProviderTimeout) for _, failure in asked)


def _last_target(attempts: tuple[Attempt, ...]) -> Target | None:
    return attempts[-1].target if attempts else None
