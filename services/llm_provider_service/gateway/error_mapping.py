"""From what went wrong on the way to the one error that the caller is told."""

from __future__ import annotations

from collections.abc import Mapping

from common_core.error_enums import ErrorCode
from common_core.llm_attempts import AttemptOutcome, SkipReason
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.failure_policy import ToldAs
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
    NobodyAnswered,
    VendorRejected,
    VendorUnusable,
)
from services.llm_provider_service.gateway.run_state import Run
from services.llm_provider_service.resilience.deadline import CLOCK_TOLERANCE_SECONDS

SECONDS_TO_SET_UP_A_PROVIDER = 60.0


_ERRORS: Mapping[int, type[GatewayError]] = {kind.status: kind for kind in (VendorRejected, VendorUnusable)}


def refusal(run: Run, *, retry_after: float, longest_pause: float) -> GatewayError:
    """What the caller of *run* is told; a failure that says what is wrong wins over "try later".

    *retry_after* is in seconds, for the case that trying later is all there is to say. Who has less than that left, or
    than *longest_pause* before another attempt and the attempt itself, may have been cut short by its own deadline.
    """
    error = _refusal(run, retry_after)
    _tell_who_was_not_asked(error, (*run.skipped, *_not_sent(run)))
    error.early = run.deadline.callers_own and run.deadline.remaining() < max(retry_after, longest_pause)
    return error


def _refusal(run: Run, retry_after: float) -> GatewayError:
    telling = _telling_failure(run)
    if telling is not None and telling[1].told_as is not None:
        return vendor_error(*telling, telling[1].told_as, tuple(run.attempts))
    if _ran_out_of_time(run):
        return deadline_reached(tuple(run.attempts))
    if not run.calls and any(isinstance(failure, CapacityExhausted) for _, failure in run.failures):
        return overloaded(retry_after, tuple(run.attempts))
    return nobody_answered(tuple(run.attempts), retry_after)


def deadline_reached(attempts: tuple[Attempt, ...] = ()) -> DeadlineReached:
    """Time is up, here or at every candidate."""
    return DeadlineReached(
        "No answer in time",
        "The request's deadline was reached, or every provider took too long. Try again, or allow more time.",
        code=ErrorCode.TIMEOUT,
        slug="timeout",
        target=_last_target(attempts),
        attempts=attempts,
    )


def nobody_can_be_asked(skipped: tuple[Skipped, ...], retry_after: float | None) -> NobodyAnswered:
    """The plan left everybody out."""
    error = nobody_answered((), retry_after)
    _tell_who_was_not_asked(error, skipped)
    return error


def nobody_answered(attempts: tuple[Attempt, ...], retry_after: float | None) -> NobodyAnswered:
    """Every candidate failed in a way that may pass, or none could be asked."""
    nothing_tried = all(attempt.outcome is AttemptOutcome.NOT_SENT for attempt in attempts)
    if nothing_tried:
        code, detail = ErrorCode.CIRCUIT_BREAKER_OPEN, "Every provider is switched off, failing or cooling down."
    else:
        code, detail = ErrorCode.SERVICE_UNAVAILABLE, "Every provider that could be asked failed."
    return NobodyAnswered(
        "No provider could answer",
        f"{detail} Try again after the time in Retry-After.",
        code=code,
        slug="circuit-breaker-open" if nothing_tried else "service-unavailable",
        target=_last_target(attempts),
        attempts=attempts,
        retry_after=retry_after,
    )


def nobody_is_live() -> NobodyAnswered:
    """There is no provider to ask; only an operator's new settings, and a restart, change that."""
    return NobodyAnswered(
        "No provider could answer",
        "No provider is enabled and configured here. Until an operator sets one up, nothing can be answered.",
        code=ErrorCode.SERVICE_UNAVAILABLE,
        slug="no-provider",
        retry_after=SECONDS_TO_SET_UP_A_PROVIDER,
    )


def overloaded(retry_after: float, attempts: tuple[Attempt, ...] = ()) -> GatewayOverloaded:
    """No slot in time: of the gateway itself, or of those that it keeps for a provider."""
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
    """The failure that says what is wrong: one that forbids asking others, or that of the only target asked."""
    asked = _asked(run)
    if not asked or (asked[-1][1].fails_over and len(asked) > 1):
        return None
    return asked[-1]


def _asked(run: Run) -> list[tuple[Target, ProviderFailure]]:
    """How the targets fared that were called; of those that our own limits kept us from, nothing is known."""
    return [(target, failure) for target, failure in run.failures if not isinstance(failure, NotSent)]


def _tell_who_was_not_asked(error: GatewayError, skipped: tuple[Skipped, ...]) -> None:
    error.skipped = skipped
    if isinstance(error, NobodyAnswered) and any(one.reason is SkipReason.FALLBACK_FORBIDS for one in skipped):
        error.detail += " With `fallback: any`, another model may answer at once."


def _not_sent(run: Run) -> tuple[Skipped, ...]:
    """Those of the plan that our own limits kept us from, each as it stood last."""
    found = {
        target: Skipped(target, failure.skip_reason, seconds=failure.retry_after)
        for target, failure in run.failures
        if isinstance(failure, NotSent)
    }
    return tuple(found.values())


def vendor_error(
    target: Target, failure: ProviderFailure, told_as: ToldAs, attempts: tuple[Attempt, ...]
) -> GatewayError:
    """What *failure* of *target* is to the caller, by its class's row."""
    return _ERRORS[told_as.status](
        told_as.title,
        f"{target.provider} ({target.model}): {failure.message}. {told_as.advice}",
        code=told_as.code,
        slug=told_as.slug,
        target=target,
        attempts=attempts,
    )


def _ran_out_of_time(run: Run) -> bool:
    """Whether time is up, was too short to ask anybody, or was all that the targets lacked."""
    if run.deadline.remaining() <= CLOCK_TOLERANCE_SECONDS or not run.failures:
        return True
    asked = _asked(run)
    return bool(asked) and all(isinstance(failure, ProviderTimeout) for _, failure in asked)


def _last_target(attempts: tuple[Attempt, ...]) -> Target | None:
    return attempts[-1].target if attempts else None
