"""Updates the metrics. Labels come from the model registry and from enums."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from functools import lru_cache, partial

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import PricingStatus
from common_core.observability_enums import CacheOperation, CircuitBreakerState
from huleedu_service_libs.resilience.circuit_breaker import Transition
from services.llm_provider_service.domain.attempt import Attempt
from services.llm_provider_service.domain.completion_order import CompletionOrder
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.gateway.day_totals import DayTotals
from services.llm_provider_service.metrics import OTHER, GatewayMetrics
from services.llm_provider_service.providers.models.capabilities import profile_for
from services.llm_provider_service.resilience.admission import AdmissionPolicy, ShedReason
from services.llm_provider_service.resilience.breakers import BreakerKey
from services.llm_provider_service.resilience.concurrency_limit import ConcurrencyLimit
from services.llm_provider_service.resilience.deadline import Clock
from services.llm_provider_service.resilience.retry_budget import RetryBudget

STATE_NUMBERS = {
    CircuitBreakerState.CLOSED: 0,
    CircuitBreakerState.OPEN: 1,
    CircuitBreakerState.HALF_OPEN: 2,
}
MOST_AWAY = 1000  # at most one entry per breaker
GATEWAY = "gateway"
KEPT_LABELS = 1024

OnCacheOperation = Callable[[CacheOperation, str], None]

# Account and model of a breaker.
_Whose = tuple[str, str | None]


class MetricsRecorder:
    """One method for each event; none of them raises or waits.

    `call_started` and `call_ended` (an upstream call), `cache_operation` (an operation on the cache) and `overhead`
    (seconds of our own work for an answer, without all waiting) update one metric each.
    """

    def __init__(self, metrics: GatewayMetrics, totals: DayTotals) -> None:
        self._metrics = metrics
        # An event of a single metric is bound to it directly.
        self.call_started: Callable[[LLMProviderType], None] = metrics.concurrent.inc
        self.call_ended: Callable[[LLMProviderType], None] = partial(metrics.concurrent.inc, by=-1)
        self.cache_operation: OnCacheOperation = metrics.cache_operations.inc
        self.overhead: Callable[[float], None] = metrics.overhead.observe
        self._totals = totals
        self._away: defaultdict[tuple[str, str], OrderedDict[_Whose, CircuitBreakerState]]
        self._away = defaultdict(OrderedDict)

    def attempt_ended(self, attempt: Attempt, *, billed: bool) -> None:
        """Count an ended attempt; tokens and cost count only if the vendor charges for it."""
        provider, model = attempt.target.provider, model_label(attempt.target)
        self._metrics.attempts.inc(provider, attempt.outcome)
        if not billed:
            return
        usage = attempt.usage
        for kind, tokens in (
            ("prompt", usage.input_tokens),
            ("completion", usage.output_tokens),
            ("cached", usage.cached_read_tokens),
            ("reasoning", usage.reasoning_tokens),
        ):
            if tokens:
                self._metrics.tokens.inc(provider, model, kind, by=tokens)
        if attempt.cost.usd is not None:
            self._metrics.cost.inc(provider, model, by=float(attempt.cost.usd))
            self._totals.add_cost(attempt.cost.usd)
        elif attempt.cost.status is PricingStatus.UNPRICED:
            self._metrics.unpriced.labels(provider).inc()

    def order_ended(self, order: CompletionOrder, target: Target | None, status: str) -> None:
        """Count an answered or refused order; *status* is `success`, `cached`, `hung_up` or the error's code."""
        provider = target.provider if target else "none"
        model = model_label(target) if target else "none"
        self._metrics.requests.inc(provider, model, order.request_type, status)
        self._totals.add_request()

    def answered(self, target: Target, seconds: float, *, cached: bool) -> None:
        """Record that an order got its answer after *seconds*."""
        labels = (target.provider, model_label(target), "true" if cached else "false")
        self._metrics.response_duration.observe(seconds, *labels)
        if cached:
            self._metrics.cache_hits.inc(target.provider)

    def breaker_moved(self, key: BreakerKey, transition: Transition) -> None:
        """Record that a breaker changed its state."""
        label = "" if key.model is None else model_label(Target(key.provider, key.model))
        shown = _worst(self._away[key.provider, label], (key.account, key.model), transition.current)
        self._metrics.breaker_state.labels(key.provider, label).set(STATE_NUMBERS[shown])
        self._metrics.breaker_transitions.labels(key.provider, label, transition.current).inc()

    def retried(self, provider: LLMProviderType) -> None:
        """Count a retry at *provider*."""
        self._metrics.retries.labels(provider).inc()

    def cooled(self, provider: LLMProviderType, seconds: float) -> None:
        """Record a cooldown of *seconds* for a target of *provider*."""
        self._metrics.cooldowns.labels(provider).observe(seconds)

    def shed(self, reason: ShedReason) -> None:
        """Count a request that was refused without an attempt."""
        self._metrics.shed.labels(reason).inc()

    def concurrency_limit(self, name: str, slots: AdmissionPolicy, clock: Clock) -> ConcurrencyLimit:
        """Returns a limit whose queue appears in the metrics, under *name*."""
        limit = ConcurrencyLimit(slots, clock=clock, on_waited=self._metrics.queue_wait.labels(name).observe)
        self._metrics.queue_depth.labels(name).set_function(lambda: limit.waiting)
        return limit

    def watched(self, provider: LLMProviderType, budget: RetryBudget) -> RetryBudget:
        """Returns *budget*; its tokens appear in the metrics from now on."""
        self._metrics.retry_budget.labels(provider).set_function(lambda: budget.tokens)
        return budget

    def http_answered(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count an HTTP answer; *endpoint* is the route's pattern, never the path."""
        self._metrics.http_requests.inc(method, endpoint, str(status))
        self._metrics.http_duration.observe(seconds, method, endpoint)


@lru_cache(KEPT_LABELS)
def model_label(target: Target) -> str:
    """Returns the model's name if the registry knows it, else `other`, because callers can invent names."""
    return target.model if profile_for(target.provider, target.model).known else OTHER


def _worst(
    away: OrderedDict[_Whose, CircuitBreakerState], whose: _Whose, now: CircuitBreakerState
) -> CircuitBreakerState:
    """Returns the worst state of breakers with one label; first sets *whose* to *now* in *away* (those not closed)."""
    away.pop(whose, None)
    if now is not CircuitBreakerState.CLOSED:
        away[whose] = now
    if len(away) > MOST_AWAY:
        away.popitem(last=False)
    if CircuitBreakerState.OPEN in away.values():
        return CircuitBreakerState.OPEN
    return CircuitBreakerState.HALF_OPEN if away else CircuitBreakerState.CLOSED
