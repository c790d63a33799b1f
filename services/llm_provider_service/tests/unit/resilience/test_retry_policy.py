"""How hard: the arithmetic of retries, without a clock and without a network."""

from __future__ import annotations

from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.llm_provider_service.domain.completion import Rejection, RejectionReason
from services.llm_provider_service.domain.connect_failures import AddressRefused, TlsHandshakeFailed
from services.llm_provider_service.domain.failure_values import Backoff
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
from services.llm_provider_service.domain.not_sent import CircuitOpen
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN
from services.llm_provider_service.resilience.deadline import Deadline
from services.llm_provider_service.resilience.retry_budget import RetryBudget
from services.llm_provider_service.resilience.retry_policy import RetryAllowance, RetryPolicy

POLICY = RetryPolicy()
SAMPLES = 10_000


def allowance(*, attempts_left: int = 4, seconds: float = 60.0, another: bool = False) -> RetryAllowance:
    """What a request may use, at a moment that stands still."""
    return RetryAllowance(
        attempts_left=attempts_left,
        budget=RetryBudget(),
        deadline=Deadline(at=seconds, clock=lambda: 0.0),
        another_candidate=lambda: another,
        given_up=lambda: False,
    )


def rejected(*, asked_before: bool) -> AnswerRejected:
    """An answer that the request could not use."""
    return AnswerRejected(
        Rejection(reason=RejectionReason.NOT_JSON, message="no verdict"),
        usage=USAGE_UNKNOWN,
        served_model=None,
        asked_before=asked_before,
    )


def allowed_attempts(failure: ProviderFailure, *, another: bool = False, attempts_left: int = 4) -> int:
    """How many attempts a target gets that always fails like this."""
    rest = allowance(another=another, attempts_left=attempts_left)
    return POLICY.attempts(failure, rest) if failure.may_retry else 1


@pytest.mark.parametrize(
    ("failure", "base", "cap"),
    [(ServerError("x"), 0.25, 4.0), (RateLimited("x"), 1.0, 8.0)],
    ids=["hiccup", "throttle"],
)
@pytest.mark.parametrize("failures", range(1, 9))
def test_full_jitter_fills_its_range_evenly(failure: ProviderFailure, base: float, cap: float, failures: int) -> None:
    draw = Random(failures).random
    ceiling = min(cap, base * 2 ** (failures - 1))
    delays = [POLICY.delay(failures, failure, draw()) for _ in range(SAMPLES)]
    assert 0 <= min(delays) < 0.01 * ceiling
    assert 0.99 * ceiling < max(delays) <= ceiling
    assert fmean(delays) == pytest.approx(ceiling / 2, rel=0.05)


@given(
    failures=st.integers(1, 20),
    asked=st.floats(0, 90),
    uniform=st.floats(0, 1, exclude_max=True),
    seconds=st.floats(0, 60),
    kind=st.sampled_from([ServerError, RateLimited, ProviderOverloaded, ConnectFailed, ConnectionLost]),
)
def test_no_wait_is_shorter_than_asked_or_runs_into_the_deadline(
    failures: int, asked: float, uniform: float, seconds: float, kind: type[ProviderFailure]
) -> None:
    delay = POLICY.delay(failures, kind("x", retry_after=asked), uniform)
    assert asked <= delay <= max(asked, POLICY.throttle_cap_seconds)
    fits = delay + POLICY.minimum_attempt_seconds <= seconds
    assert POLICY.is_too_late(delay, allowance(seconds=seconds)) is not fits


def test_a_re_ask_does_not_wait() -> None:
    assert POLICY.ceiling(1, Backoff.NONE) == 0
    assert POLICY.delay(1, rejected(asked_before=False), 0.99) == 0


@pytest.mark.parametrize(
    ("failure", "alone", "beside_another"),
    [
        (ServerError("x"), 3, 2),
        (ProviderOverloaded("x"), 3, 2),
        (ConnectFailed("x"), 3, 2),
        (TlsHandshakeFailed("x"), 2, 2),
        (AddressRefused("x"), 1, 1),
        (ConnectionLost("x"), 3, 2),
        (ProviderTimeout("x"), 3, 2),
        (RateLimited("x"), 3, 2),
        (BadResponse("x"), 2, 2),
        (ResponseTooLarge("x"), 1, 1),
        (RedirectRefused("x"), 1, 1),
        (QuotaExhausted("x"), 1, 1),
        (CertificateInvalid("x"), 1, 1),
        (AuthenticationFailed("x"), 1, 1),
        (ModelNotFound("x"), 1, 1),
        (RequestRejected("x"), 1, 1),
        (ContextTooLong("x"), 1, 1),
        (ContentRefused("x"), 1, 1),
        (OutputTruncated("x"), 1, 1),
        (CircuitOpen("x"), 1, 1),
        (rejected(asked_before=True), 1, 1),
        (ServerError("x", retry_forbidden=True), 1, 1),
        (RequestRejected("x", retry_encouraged=True), 3, 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ProviderFailure) else str(value),
)
def test_each_failure_gets_its_number_of_attempts(failure: ProviderFailure, alone: int, beside_another: int) -> None:
    assert allowed_attempts(failure) == alone
    assert allowed_attempts(failure, another=True) == beside_another


def test_the_one_re_ask_is_made_even_where_another_could_answer() -> None:
    beside_another = allowance(another=True)
    assert rejected(asked_before=False).may_retry
    assert not rejected(asked_before=True).may_retry
    assert POLICY.attempts(rejected(asked_before=False), beside_another) == 3
    assert POLICY.attempts(rejected(asked_before=False), allowance(another=True, attempts_left=2)) == 2


def test_a_request_that_has_spent_its_attempts_gets_no_more() -> None:
    assert allowed_attempts(ServerError("x"), attempts_left=2) == 2
    assert allowed_attempts(ServerError("x"), attempts_left=1) == 1
    assert allowed_attempts(rejected(asked_before=False), attempts_left=1) == 1


@pytest.mark.parametrize(("delay", "beyond"), [(3.0, False), (3.1, True)])
def test_a_wait_beyond_our_patience_is_for_those_without_an_alternative(delay: float, beyond: bool) -> None:
    assert POLICY.is_beyond_patience(delay, allowance(another=True)) is beyond
    assert not POLICY.is_beyond_patience(delay, allowance())


@pytest.mark.parametrize(("seconds", "too_late"), [(2.5, False), (2.49, True)])
def test_no_attempt_starts_that_cannot_finish(seconds: float, too_late: bool) -> None:
    assert POLICY.is_too_late(2.0, allowance(seconds=seconds)) is too_late
