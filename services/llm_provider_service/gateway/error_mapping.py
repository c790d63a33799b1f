"""From what went wrong on the way to the one error that the caller is told."""

from __future__ import annotations

from dataclasses import dataclass

from common_core.error_enums import ErrorCode
from services.llm_provider_service.domain.attempt import Attempt, AttemptOutcome
from services.llm_provider_service.domain.failures import (
    AnswerRejected,
    AuthenticationFailed,
    BadResponse,
    CertificateInvalid,
    ContentRefused,
    ContextTooLong,
    ModelNotFound,
    OutputTruncated,
    ProviderFailure,
    ProviderTimeout,
    RequestRejected,
)
from services.llm_provider_service.domain.not_sent import CapacityExhausted, NotSent
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


@dataclass(frozen=True, slots=True)
class _Wording:
    error: type[GatewayError]
    code: ErrorCode
    slug: str
    title: str
    advice: str


# The first class that fits counts, so subclasses stand before their bases.
_WORDINGS: tuple[tuple[type[ProviderFailure], _Wording], ...] = (
    (
        AuthenticationFailed,
        _Wording(
            VendorUnusable,
            ErrorCode.PROVIDER_AUTHENTICATION_ERROR,
            "provider-authentication-error",
            "The provider does not accept the gateway's key",
            "An operator must check the key; asking again does not help.",
        ),
    ),
    (
        ContextTooLong,
        _Wording(
            VendorRejected,
            ErrorCode.CONTEXT_LENGTH_EXCEEDED,
            "context-length-exceeded",
            "The request is longer than the model can read",
            "Shorten it, or name a model with a larger context window.",
        ),
    ),
    (
        RequestRejected,
        _Wording(
            VendorRejected,
            ErrorCode.INVALID_REQUEST,
            "provider-rejected-request",
            "The provider does not accept the request",
            "Change what it names, or leave the override out.",
        ),
    ),
    (
        ModelNotFound,
        _Wording(
            VendorRejected,
            ErrorCode.INVALID_REQUEST,
            "model-not-found",
            "The provider does not have this model",
            "Take a model from GET /api/v1/models.",
        ),
    ),
    (
        ContentRefused,
        _Wording(
            VendorRejected,
            ErrorCode.CONTENT_REFUSED,
            "content-refused",
            "The model refused to answer, or a safety filter stepped in",
            "Have a person look at the text, or name another provider.",
        ),
    ),
    (
        OutputTruncated,
        _Wording(
            VendorUnusable,
            ErrorCode.PARSING_ERROR,
            "output-truncated",
            "The answer was cut off by the output limit",
            "Raise max_tokens_override (LLM_DEFAULT_MAX_TOKENS where none is given).",
        ),
    ),
    (
        AnswerRejected,
        _Wording(
            VendorUnusable,
            ErrorCode.PARSING_ERROR,
            "answer-rejected",
            "The model's answer cannot be used",
            "Another model may do better.",
        ),
    ),
    (
        CertificateInvalid,
        _Wording(
            VendorUnusable,
            ErrorCode.INVALID_RESPONSE,
            "certificate-invalid",
            "The provider's certificate is not valid",
            "An operator must look at the address and its certificate.",
        ),
    ),
    (
        BadResponse,
        _Wording(
            VendorUnusable,
            ErrorCode.INVALID_RESPONSE,
            "invalid-response",
            "The provider's answer is not one",
            "It may pass; if it does not, an operator must look at the address.",
        ),
    ),
)


def refusal(run: Run, *, retry_after: float, longest_pause: float) -> GatewayError:
    """What the caller of *run* is told; a failure that says what is wrong wins over "try later".

    *retry_after* is in seconds, for the case that trying later is all there is to say. Who has less than that left, or
    than *longest_pause* before another attempt and the attempt itself, may have been cut short by its own deadline.
    """
    error = _refusal(run, retry_after)
    error.early = run.deadline.callers_own and run.deadline.remaining() < max(retry_after, longest_pause)
    return error


def _refusal(run: Run, retry_after: float) -> GatewayError:
    telling = _telling_failure(run)
    if telling is not None:
        return _specific(run, *telling)
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


def _telling_failure(run: Run) -> tuple[Target, ProviderFailure, _Wording] | None:
    """The failure that says what is wrong: one that forbids asking others, or that of the only target asked."""
    asked = _asked(run)
    if not asked:
        return None
    target, failure = asked[-1]
    if failure.fails_over and len(asked) > 1:
        return None
    wording = next((wording for kind, wording in _WORDINGS if isinstance(failure, kind)), None)
    return None if wording is None else (target, failure, wording)


def _asked(run: Run) -> list[tuple[Target, ProviderFailure]]:
    """How the targets fared that were called; of those that our own limits kept us from, nothing is known."""
    return [(target, failure) for target, failure in run.failures if not isinstance(failure, NotSent)]


def _specific(run: Run, target: Target, failure: ProviderFailure, wording: _Wording) -> GatewayError:
    return wording.error(
        wording.title,
        f"{target.provider} ({target.model}): {failure.message}. {wording.advice}",
        code=wording.code,
        slug=wording.slug,
        target=target,
        attempts=tuple(run.attempts),
    )


def _ran_out_of_time(run: Run) -> bool:
    """Whether time is up, was too short to ask anybody, or was all that the targets lacked."""
    if run.deadline.remaining() <= CLOCK_TOLERANCE_SECONDS or not run.failures:
        return True
    asked = _asked(run)
    return bool(asked) and all(isinstance(failure, ProviderTimeout) for _, failure in asked)


def _last_target(attempts: tuple[Attempt, ...]) -> Target | None:
    return attempts[-1].target if attempts else None
