"""Two breakers for one call: who counts what, and that no permit is lost between them."""

from __future__ import annotations

import pytest

from common_core.config_enums import LLMProviderType
from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.resilience.breaker_registry import CircuitBreakerRegistry
from huleedu_service_libs.resilience.circuit_breaker import BreakerPolicy
from services.llm_provider_service.domain.completion import Rejection, RejectionReason
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
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN
from services.llm_provider_service.resilience.breakers import BreakerKey, ProviderBreakers
from services.llm_provider_service.tests.unit.routing.samples import HandClock

OPENAI = LLMProviderType.OPENAI
TARGET = Target(OPENAI, "a-model")
OTHER = Target(OPENAI, "another-model")
CLOSED, OPEN, HALF_OPEN = CircuitBreakerState.CLOSED, CircuitBreakerState.OPEN, CircuitBreakerState.HALF_OPEN
REJECTED = AnswerRejected(
    Rejection(reason=RejectionReason.NOT_JSON, message="x"), usage=USAGE_UNKNOWN, served_model=None, asked_before=False
)


class Bench:
    """Breakers on a clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.clock = HandClock()
        registry: CircuitBreakerRegistry[BreakerKey] = CircuitBreakerRegistry(clock=self.clock, jitter=lambda: 0.5)
        policy = BreakerPolicy()
        self.breakers = ProviderBreakers(registry, of_target=policy, of_account=BreakerPolicy(consecutive_failures=5))

    def states(self, target: Target = TARGET) -> tuple[CircuitBreakerState, CircuitBreakerState]:
        """Of the provider and of the target."""
        found = self.breakers.snapshots()
        of_account, of_target = (BreakerKey(*target.account_key, model) for model in (None, target.model))
        return found[of_account].state, found[of_target].state

    def counted(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Calls and failures of the provider and of the target."""
        found = self.breakers.snapshots()
        pair = found[BreakerKey(*TARGET.account_key, None)], found[BreakerKey(*TARGET.account_key, TARGET.model)]
        return (pair[0].calls, pair[0].failures), (pair[1].calls, pair[1].failures)

    def fail(self, failure: ProviderFailure, *, times: int = 1) -> None:
        """Calls that end in *failure*."""
        for _ in range(times):
            self.breakers.acquire(TARGET).fail(failure)

    def open_the_target(self) -> None:
        """Three requests give up."""
        for _ in range(3):
            permit = self.breakers.acquire(TARGET)
            permit.fail(ServerError("x", status=503))
            self.breakers.count_failed_request(TARGET, permit.generation)


SILENT = (0, 0)
ANSWERED = (1, 0)
FAILED = (1, 1)


@pytest.mark.parametrize(
    ("failure", "provider", "target"),
    [
        (ServerError("x", status=503), ANSWERED, FAILED),
        (BadResponse("x", status=200), ANSWERED, FAILED),
        (RedirectRefused("x", status=302), ANSWERED, FAILED),
        (BadResponse("x"), SILENT, FAILED),
        (ResponseTooLarge("x"), SILENT, FAILED),
        (ConnectionLost("x"), SILENT, FAILED),
        (ProviderTimeout("x"), SILENT, FAILED),
        (ProviderTimeout("x", own_limit=False), SILENT, SILENT),
        (ConnectFailed("x"), FAILED, SILENT),
        (CertificateInvalid("x"), FAILED, SILENT),
        (AuthenticationFailed("x", status=401), FAILED, SILENT),
        (RateLimited("x", status=429), ANSWERED, SILENT),
        (QuotaExhausted("x", status=429), ANSWERED, SILENT),
        (ModelNotFound("x", status=404), ANSWERED, SILENT),
        (RequestRejected("x", status=400), ANSWERED, SILENT),
        (ContextTooLong("x", status=400), ANSWERED, SILENT),
        (NotEncodable("x"), SILENT, SILENT),
        (ContentRefused("x"), ANSWERED, SILENT),
        (OutputTruncated("x"), ANSWERED, SILENT),
        (REJECTED, ANSWERED, SILENT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ProviderFailure) else str(value),
)
def test_each_failure_counts_where_it_belongs(
    failure: ProviderFailure, provider: tuple[int, int], target: tuple[int, int]
) -> None:
    bench = Bench()
    bench.fail(failure)
    assert bench.counted() == (provider, target)


def test_three_failed_requests_open_the_target_and_leave_the_provider_alone() -> None:
    bench = Bench()
    bench.open_the_target()
    assert bench.states() == (CLOSED, OPEN)
    with pytest.raises(CircuitOpen) as refused:
        bench.breakers.acquire(TARGET)
    assert refused.value.retry_after == 10
    bench.breakers.acquire(OTHER).succeed()
    assert (bench.breakers.would_admit(TARGET), bench.breakers.would_admit(OTHER)) == (False, True)
    assert (bench.breakers.opens_in(TARGET), bench.breakers.opens_in(OTHER)) == (10, 0)


def test_five_connect_failures_take_all_models_of_the_provider_away() -> None:
    bench = Bench()
    bench.fail(ConnectFailed("x"), times=4)
    assert bench.breakers.would_admit(OTHER)
    bench.fail(ConnectFailed("x"))
    assert bench.states() == (OPEN, CLOSED)
    assert not bench.breakers.would_admit(OTHER)


def test_a_refused_key_opens_the_provider_at_once() -> None:
    bench = Bench()
    bench.fail(AuthenticationFailed("x", status=401))
    assert bench.states() == (OPEN, CLOSED)


def test_a_report_from_before_an_opening_counts_for_nothing() -> None:
    bench = Bench()
    late = bench.breakers.acquire(TARGET)
    bench.open_the_target()
    late.succeed()
    assert bench.states() == (CLOSED, OPEN)
    bench.clock.now += 10
    bench.breakers.acquire(TARGET).succeed()
    assert bench.states() == (CLOSED, CLOSED)
    for _ in range(5):
        bench.breakers.count_failed_request(TARGET, late.generation)
    assert bench.states() == (CLOSED, CLOSED)


def test_while_the_probe_of_a_provider_is_out_its_other_models_wait_and_a_lost_one_is_replaced() -> None:
    bench = Bench()
    bench.fail(ConnectFailed("x"), times=5)
    bench.clock.now += 10
    probe = bench.breakers.acquire(TARGET)
    with pytest.raises(CircuitOpen):
        bench.breakers.acquire(OTHER)
    probe.abandon()
    bench.breakers.acquire(OTHER).succeed()
    assert bench.states() == (CLOSED, CLOSED)


def test_a_providers_probe_that_the_target_refuses_is_free_for_the_next() -> None:
    bench = Bench()
    bench.fail(ConnectFailed("x"), times=5)
    bench.clock.now += 5
    bench.breakers.count_failed_request(TARGET, 0)
    bench.breakers.count_failed_request(TARGET, 0)
    bench.breakers.count_failed_request(TARGET, 0)
    assert bench.states() == (OPEN, OPEN)
    bench.clock.now += 5
    with pytest.raises(CircuitOpen):
        bench.breakers.acquire(TARGET)
    assert bench.states() == (HALF_OPEN, OPEN)
    bench.breakers.acquire(OTHER).succeed()
    assert bench.states() == (CLOSED, OPEN)


@pytest.mark.parametrize("failure", [RateLimited("x", status=429), REJECTED, ProviderTimeout("x", own_limit=False)])
def test_a_neutral_end_of_a_probe_lets_the_next_one_out(failure: ProviderFailure) -> None:
    bench = Bench()
    bench.open_the_target()
    bench.clock.now += 10
    probe = bench.breakers.acquire(TARGET)
    assert not bench.breakers.would_admit(TARGET)
    probe.fail(failure)
    assert bench.states() == (CLOSED, HALF_OPEN)
    bench.breakers.acquire(TARGET).succeed()
    assert bench.states() == (CLOSED, CLOSED)


def test_an_answer_that_cannot_be_used_still_shows_that_the_provider_is_back() -> None:
    bench = Bench()
    bench.fail(ConnectFailed("x"), times=5)
    bench.clock.now += 10
    bench.fail(REJECTED)
    assert bench.states() == (CLOSED, CLOSED)


def test_a_permit_is_settled_once() -> None:
    bench = Bench()
    permit = bench.breakers.acquire(TARGET)
    permit.succeed()
    permit.fail(ServerError("x", status=500))
    permit.abandon()
    assert bench.counted() == (ANSWERED, ANSWERED)


def test_a_refused_key_takes_its_own_account_away_and_no_other() -> None:
    bench = Bench()
    second = Target(TARGET.provider, TARGET.model, "second")
    bench.fail(AuthenticationFailed("x", status=401))
    assert not bench.breakers.would_admit(TARGET)
    assert bench.breakers.would_admit(second)
