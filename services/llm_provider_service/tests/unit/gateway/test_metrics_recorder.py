"""The gauge of breakers that share a label: it shows the worst of them."""

from __future__ import annotations

import pytest

from common_core.config_enums import LLMProviderType
from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.resilience.breaker_values import Transition, TransitionCause
from services.llm_provider_service.domain.target import DEFAULT_ACCOUNT
from services.llm_provider_service.gateway.day_totals import DayTotals
from services.llm_provider_service.gateway.metrics_recorder import MOST_AWAY, MetricsRecorder
from services.llm_provider_service.metrics import OTHER, GatewayMetrics
from services.llm_provider_service.resilience.breakers import BreakerKey

OPENAI, ANTHROPIC = LLMProviderType.OPENAI, LLMProviderType.ANTHROPIC
CLOSED, OPEN, HALF_OPEN = CircuitBreakerState.CLOSED, CircuitBreakerState.OPEN, CircuitBreakerState.HALF_OPEN
NUMBERS = {CLOSED: 0, OPEN: 1, HALF_OPEN: 2}


class Bench:
    """A recorder, and what its gauge shows."""

    def __init__(self) -> None:
        self.metrics = GatewayMetrics()
        self.recorder = MetricsRecorder(self.metrics, DayTotals(lambda: 0.0))

    def move(self, model: str | None, state: CircuitBreakerState, provider: LLMProviderType = OPENAI) -> None:
        """A breaker changes to *state*."""
        transition = Transition(
            name="a",
            previous=CLOSED,
            current=state,
            cause=TransitionCause.FAILURE_RATE,
            at=0.0,
            retry_in_seconds=10.0,
            last_failure=None,
            generation=1,
        )
        self.recorder.breaker_moved(BreakerKey(provider, DEFAULT_ACCOUNT, model), transition)

    def shown(self, model: str = OTHER, provider: LLMProviderType = OPENAI) -> float | None:
        """What the gauge says."""
        labels = {"provider": provider.value, "model": model}
        return self.metrics.registry.get_sample_value("llm_provider_circuit_breaker_state", labels)


@pytest.mark.parametrize(
    ("moves", "worst"),
    [
        ([("a", OPEN), ("b", OPEN), ("a", CLOSED)], OPEN),
        ([("a", OPEN), ("b", OPEN), ("a", HALF_OPEN)], OPEN),
        ([("a", OPEN), ("b", OPEN), ("a", HALF_OPEN), ("b", CLOSED)], HALF_OPEN),
        ([("a", OPEN), ("b", OPEN), ("a", CLOSED), ("b", CLOSED)], CLOSED),
        ([("a", OPEN), ("a", OPEN), ("a", CLOSED)], CLOSED),
    ],
)
def test_models_that_share_a_label_show_the_worst_of_them(
    moves: list[tuple[str, CircuitBreakerState]], worst: CircuitBreakerState
) -> None:
    bench = Bench()
    for model, state in moves:
        bench.move(model, state)
    assert bench.shown() == NUMBERS[worst]


def test_a_label_of_ones_own_is_nobody_elses_business() -> None:
    bench = Bench()
    bench.move("a", OPEN)
    bench.move("gpt-5-mini", OPEN)
    bench.move("gpt-5-mini", CLOSED)
    bench.move(None, HALF_OPEN)
    bench.move("a", CLOSED, ANTHROPIC)
    assert (bench.shown(), bench.shown("gpt-5-mini"), bench.shown("")) == (1, 0, 2)
    assert bench.shown(provider=ANTHROPIC) == 0


def test_of_more_models_than_there_can_be_breakers_the_oldest_is_forgotten() -> None:
    bench = Bench()
    for number in range(MOST_AWAY + 1):
        bench.move(f"invented-{number}", OPEN)
    for number in range(1, MOST_AWAY + 1):
        assert bench.shown() == NUMBERS[OPEN]
        bench.move(f"invented-{number}", CLOSED)
    assert bench.shown() == NUMBERS[CLOSED]
