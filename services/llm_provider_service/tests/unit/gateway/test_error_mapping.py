"""From what went wrong to the one error a caller is told, without a network."""

from __future__ import annotations

import pytest

from common_core.config_enums import LLMProviderType
from common_core.error_enums import ErrorCode
from services.llm_provider_service.api.caller_identity import LOCAL_CALLER
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.completion import (
    CompletionRequest,
    Message,
    Rejection,
    RejectionReason,
    Role,
    TextPart,
)
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.failures import (
    AnswerRejected,
    AuthenticationFailed,
    BadResponse,
    CertificateInvalid,
    ConnectFailed,
    ConnectionLost,
    ContentRefused,
    ContextTooLong,
    ModelNotFound,
    NotEncodable,
    OutputTruncated,
    ProviderOverloaded,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    RedirectRefused,
    RequestRejected,
    ResponseTooLarge,
    ServerError,
)
from services.llm_provider_service.domain.not_sent import CapacityExhausted, CircuitOpen, NotSent
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN
from services.llm_provider_service.exceptions import GatewayError
from services.llm_provider_service.gateway.error_mapping import refusal
from services.llm_provider_service.gateway.run_state import Run
from services.llm_provider_service.resilience.deadline import Deadline

REQUEST = CompletionRequest(messages=(Message(Role.USER, (TextPart("?"),)),))
ORDER = CompletionOrder(
    request=REQUEST, request_type="comparison", request_id="r", correlation_id="c", caller=LOCAL_CALLER
)
TARGETS = [
    Target(LLMProviderType.OPENAI, "a"),
    Target(LLMProviderType.GOOGLE, "b"),
    Target(LLMProviderType.OLLAMA, "c"),
]
REJECTED = AnswerRejected(
    Rejection(reason=RejectionReason.NOT_JSON, message="x"), usage=USAGE_UNKNOWN, served_model=None, asked_before=True
)


def told(
    *failures: ProviderFailure, left: float = 10.0, retry_after: float = 7.0, callers_own: bool = False
) -> GatewayError:
    """What a caller is told after each target in turn has failed like this."""
    deadline = Deadline(at=left, clock=lambda: 0.0, callers_own=callers_own)
    run = Run(order=ORDER, deadline=deadline, request=REQUEST)
    for target, failure in zip(TARGETS, failures, strict=False):
        run.add(Attempt(number=1, target=target, outcome=failure.outcome, duration_seconds=0.1))
        run.failures.append((target, failure))
    return refusal(run, retry_after=retry_after, longest_pause=5.0)


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (AuthenticationFailed("x"), 502, ErrorCode.PROVIDER_AUTHENTICATION_ERROR),
        (ContextTooLong("x"), 422, ErrorCode.CONTEXT_LENGTH_EXCEEDED),
        (RequestRejected("x"), 422, ErrorCode.INVALID_REQUEST),
        (NotEncodable("x"), 422, ErrorCode.INVALID_REQUEST),
        (ModelNotFound("x"), 422, ErrorCode.INVALID_REQUEST),
        (ContentRefused("x"), 422, ErrorCode.CONTENT_REFUSED),
        (OutputTruncated("x"), 502, ErrorCode.PARSING_ERROR),
        (REJECTED, 502, ErrorCode.PARSING_ERROR),
        (CertificateInvalid("x"), 502, ErrorCode.INVALID_RESPONSE),
        (BadResponse("x"), 502, ErrorCode.INVALID_RESPONSE),
        (ResponseTooLarge("x"), 502, ErrorCode.INVALID_RESPONSE),
        (RedirectRefused("x"), 502, ErrorCode.INVALID_RESPONSE),
        (ProviderTimeout("x"), 504, ErrorCode.TIMEOUT),
        (ServerError("x"), 503, ErrorCode.SERVICE_UNAVAILABLE),
        (ProviderOverloaded("x"), 503, ErrorCode.SERVICE_UNAVAILABLE),
        (RateLimited("x"), 503, ErrorCode.SERVICE_UNAVAILABLE),
        (QuotaExhausted("x"), 503, ErrorCode.SERVICE_UNAVAILABLE),
        (ConnectFailed("x"), 503, ErrorCode.SERVICE_UNAVAILABLE),
        (ConnectionLost("x"), 503, ErrorCode.SERVICE_UNAVAILABLE),
        (CircuitOpen("x"), 503, ErrorCode.CIRCUIT_BREAKER_OPEN),
        (NotSent("x"), 503, ErrorCode.CIRCUIT_BREAKER_OPEN),
        (CapacityExhausted("x"), 503, ErrorCode.SERVICE_UNAVAILABLE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ProviderFailure) else str(value),
)
def test_one_target_speaks_for_itself(failure: ProviderFailure, status: int, code: ErrorCode) -> None:
    error = told(failure)
    assert (error.status, error.code) == (status, code)
    assert error.target == TARGETS[0]
    assert error.retryable is (status in {503, 504})
    assert error.retry_after == (7.0 if status == 503 else None)


@pytest.mark.parametrize(
    ("failures", "status", "code"),
    [
        ((ServerError("x"), ContentRefused("x")), 422, ErrorCode.CONTENT_REFUSED),
        ((ServerError("x"), REJECTED), 502, ErrorCode.PARSING_ERROR),
        ((AuthenticationFailed("x"), ServerError("x")), 503, ErrorCode.SERVICE_UNAVAILABLE),
        ((AuthenticationFailed("x"), AuthenticationFailed("x")), 503, ErrorCode.SERVICE_UNAVAILABLE),
        ((ModelNotFound("x"), CertificateInvalid("x")), 503, ErrorCode.SERVICE_UNAVAILABLE),
        ((ProviderTimeout("x"), ProviderTimeout("x")), 504, ErrorCode.TIMEOUT),
        ((ProviderTimeout("x"), ServerError("x")), 503, ErrorCode.SERVICE_UNAVAILABLE),
        ((CircuitOpen("x"), AuthenticationFailed("x")), 502, ErrorCode.PROVIDER_AUTHENTICATION_ERROR),
        ((AuthenticationFailed("x"), CircuitOpen("x")), 502, ErrorCode.PROVIDER_AUTHENTICATION_ERROR),
        ((CapacityExhausted("x"), ProviderTimeout("x")), 504, ErrorCode.TIMEOUT),
        ((CapacityExhausted("x"), ServerError("x")), 503, ErrorCode.SERVICE_UNAVAILABLE),
        ((CapacityExhausted("x"), CircuitOpen("x")), 503, ErrorCode.SERVICE_UNAVAILABLE),
        ((CircuitOpen("x"), NotSent("x")), 503, ErrorCode.CIRCUIT_BREAKER_OPEN),
    ],
    ids=lambda value: "-".join(type(one).__name__ for one in value) if isinstance(value, tuple) else str(value),
)
def test_several_targets_are_one_answer(failures: tuple[ProviderFailure, ...], status: int, code: ErrorCode) -> None:
    error = told(*failures)
    assert (error.status, error.code) == (status, code)
    assert len(error.attempts) == len(failures)


@pytest.mark.parametrize("left", [0.0, -1.0, 0.001])
def test_a_deadline_that_has_passed_is_a_timeout_whatever_failed_before(left: float) -> None:
    assert told(ServerError("x"), ProviderTimeout("x"), left=left).status == 504
    assert told(AuthenticationFailed("x"), left=left).status == 502, "unless we know what is wrong"


def test_too_little_time_to_ask_anybody_is_a_timeout() -> None:
    error = told(left=0.4)
    assert (error.status, error.code, error.attempts) == (504, ErrorCode.TIMEOUT, ())


def test_a_busy_gateway_says_so_and_not_that_vendors_are_broken() -> None:
    error = told(CapacityExhausted("x"))
    assert (error.slug, error.title) == ("overloaded", "The gateway is busy")


@pytest.mark.parametrize(
    ("left", "callers_own", "early"),
    [(6.9, True, True), (7.1, True, False), (6.9, False, False)],
    ids=["cut short", "with time for the wait", "the service's own time"],
)
def test_a_short_deadline_of_the_callers_own_makes_a_refusal_early(left: float, callers_own: bool, early: bool) -> None:
    for failure in (ServerError("x"), CapacityExhausted("x"), BadResponse("x"), REJECTED):
        assert told(failure, left=left, callers_own=callers_own).early is early
    assert told(ServerError("x"), left=4.9, retry_after=0.0, callers_own=True).early is True
    assert told(ServerError("x"), left=5.1, retry_after=0.0, callers_own=True).early is False
