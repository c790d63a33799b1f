"""The problems that a caller meets because of who was asked, or because nobody could be."""

from __future__ import annotations

from common_core.error_enums import ErrorCode
from huleedu_service_libs.web.body_budget import BODIES_FILL_THE_MEMORY
from huleedu_service_libs.web.problem import AttemptSummary, Problem
from services.llm_provider_service.api.openapi.examples import FIRST
from services.llm_provider_service.api.openapi.problem_examples import MODEL, STOPPED_UNDER_WAY, STOPPING
from services.llm_provider_service.domain.attempt import AttemptOutcome

TRY_LATER = "Try again after the time in Retry-After."


def _attempt(outcome: AttemptOutcome, milliseconds: int) -> AttemptSummary:
    return AttemptSummary(provider=FIRST, model=MODEL, outcome=outcome, duration_ms=milliseconds)


def _of_vendor(
    status: int, code: ErrorCode, slug: str, title: str, reason: str, advice: str, outcome: AttemptOutcome
) -> Problem:
    return Problem(
        status=status,
        code=code,
        title=title,
        detail=f"{FIRST} ({MODEL}): {reason}. {advice}",
        type_slug=slug,
        provider=FIRST,
        attempts=(_attempt(outcome, 412),),
    )


VENDOR_PROBLEMS = (
    _of_vendor(
        422,
        ErrorCode.INVALID_REQUEST,
        "provider-rejected-request",
        "The provider does not accept the request",
        "the parameter was not accepted",
        "Change what it names, or leave the override out.",
        AttemptOutcome.REQUEST_REJECTED,
    ),
    _of_vendor(
        422,
        ErrorCode.INVALID_REQUEST,
        "model-not-found",
        "The provider does not have this model",
        "no such model",
        "Take a model from GET /api/v1/models.",
        AttemptOutcome.MODEL_NOT_FOUND,
    ),
    _of_vendor(
        422,
        ErrorCode.CONTEXT_LENGTH_EXCEEDED,
        "context-length-exceeded",
        "The request is longer than the model can read",
        "the prompt is too long",
        "Shorten it, or name a model with a larger context window.",
        AttemptOutcome.CONTEXT_TOO_LONG,
    ),
    _of_vendor(
        422,
        ErrorCode.CONTENT_REFUSED,
        "content-refused",
        "The model refused to answer, or a safety filter stepped in",
        "the answer was blocked",
        "Have a person look at the text, or name another provider.",
        AttemptOutcome.CONTENT_REFUSED,
    ),
    _of_vendor(
        502,
        ErrorCode.PARSING_ERROR,
        "answer-rejected",
        "The model's answer cannot be used",
        "winner is neither Essay A nor Essay B",
        "Another model may do better.",
        AttemptOutcome.REJECTED,
    ),
    _of_vendor(
        502,
        ErrorCode.PARSING_ERROR,
        "output-truncated",
        "The answer was cut off by the output limit",
        "the output limit was reached",
        "Raise max_tokens_override (LLM_DEFAULT_MAX_TOKENS where none is given).",
        AttemptOutcome.OUTPUT_TRUNCATED,
    ),
    _of_vendor(
        502,
        ErrorCode.PROVIDER_AUTHENTICATION_ERROR,
        "provider-authentication-error",
        "The provider does not accept the gateway's key",
        "invalid key",
        "An operator must check the key; asking again does not help.",
        AttemptOutcome.AUTHENTICATION_FAILED,
    ),
    _of_vendor(
        502,
        ErrorCode.INVALID_RESPONSE,
        "invalid-response",
        "The provider's answer is not one",
        "the body is not JSON",
        "It may pass; if it does not, an operator must look at the address.",
        AttemptOutcome.BAD_RESPONSE,
    ),
    _of_vendor(
        502,
        ErrorCode.INVALID_RESPONSE,
        "certificate-invalid",
        "The provider's certificate is not valid",
        "the certificate has expired",
        "An operator must look at the address and its certificate.",
        AttemptOutcome.CERTIFICATE_INVALID,
    ),
)

CAPACITY_PROBLEMS = (
    Problem(
        status=503,
        code=ErrorCode.SERVICE_UNAVAILABLE,
        title="No provider could answer",
        detail=f"Every provider that could be asked failed. {TRY_LATER}",
        type_slug="service-unavailable",
        retryable=True,
        retry_after=3.0,
        provider=FIRST,
        attempts=(_attempt(AttemptOutcome.RATE_LIMITED, 41), _attempt(AttemptOutcome.SERVER_ERROR, 212)),
    ),
    Problem(
        status=503,
        code=ErrorCode.CIRCUIT_BREAKER_OPEN,
        title="No provider could answer",
        detail=f"Every provider is switched off, failing or cooling down. {TRY_LATER}",
        type_slug="circuit-breaker-open",
        retryable=True,
        retry_after=8.0,
        provider=FIRST,
        attempts=(_attempt(AttemptOutcome.NOT_SENT, 0),),
    ),
    Problem(
        status=503,
        code=ErrorCode.SERVICE_UNAVAILABLE,
        title="No provider could answer",
        detail="No provider is enabled and configured here. Until an operator sets one up, nothing can be answered.",
        type_slug="no-provider",
        retryable=True,
        retry_after=60.0,
    ),
    Problem(
        status=503,
        code=ErrorCode.SERVICE_UNAVAILABLE,
        title="The gateway is busy",
        detail=f"All slots are taken, and none would be free in time. {TRY_LATER}",
        type_slug="overloaded",
        retryable=True,
        retry_after=2.0,
    ),
    BODIES_FILL_THE_MEMORY,
    STOPPING,
    STOPPED_UNDER_WAY,
    Problem(
        status=504,
        code=ErrorCode.TIMEOUT,
        title="No answer in time",
        detail="The request's deadline was reached, or every provider took too long. Try again, or allow more time.",
        type_slug="timeout",
        retryable=True,
        provider=FIRST,
        attempts=(_attempt(AttemptOutcome.TIMED_OUT, 60_000),),
    ),
)
