"""The metrics of the service: names from the platform's contract, labels from closed sets only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from huleedu_service_libs.observability.hot_metrics import HotCounter, HotGauge, HotHistogram
from huleedu_service_libs.observability.metric_merge import Combine

PREFIX = "llm_provider"
OTHER = "other"
SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
OVERHEAD_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
COOLDOWN_SECONDS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)


def _worst_state(states: Sequence[float]) -> float:
    """Returns the worst state, open before half-open before closed, because an operator must see an open breaker."""
    return max(states, key=lambda state: STATES_BY_WEIGHT.index(int(state)))


STATES_BY_WEIGHT = (0, 2, 1)
# How a gauge of several workers is merged; only live workers count.
GAUGE_MERGES: Mapping[str, Combine] = {
    f"{PREFIX}_circuit_breaker_state": _worst_state,
    f"{PREFIX}_concurrent_requests": sum,
    f"{PREFIX}_queue_depth": sum,
    f"{PREFIX}_retry_budget_tokens": min,
    f"{PREFIX}_redis_up": min,
}


class GatewayMetrics:
    """One set of metrics in a registry of its own, so that two apps in one process do not share counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter, histogram, gauge = self._counter, self._histogram, self._gauge
        tally, spread = self._tally, self._spread  # metrics on the path of every request
        self.http_requests = tally("http_requests", "Answers by route", "method", "endpoint", "status_code")
        self.http_duration = spread("http_request_duration_seconds", "Time to answer", "method", "endpoint")
        self.requests = tally(
            "requests", "Orders by the target that was to answer", "provider", "model", "request_type", "status"
        )
        self.response_duration = spread(
            "response_duration_seconds", "Time to an accepted answer", "provider", "model", "cached"
        )
        self.tokens = tally("tokens_used", "Tokens as billed", "provider", "model", "token_type")
        self.cost = tally("cost_dollars", "Cost in USD", "provider", "model")
        self.unpriced = counter("unpriced_answers", "Billed calls without a known cost", "provider")
        self.cache_hits = tally("cache_hits", "Answers from the cache", "provider")
        self.cache_operations = tally("cache_operations", "What was asked of the cache", "operation", "result")
        self.attempts = tally("attempts", "Upstream attempts by how they ended", "provider", "outcome")
        self.breaker_state = gauge("circuit_breaker_state", "0 closed, 1 open, 2 half-open", "provider", "model")
        self.event_loop_lag = histogram("event_loop_lag_seconds", "How late the event loop was, ten times a second")
        self.concurrent = HotGauge(
            f"{PREFIX}_concurrent_requests", "Calls under way at a provider", ("provider",), self.registry
        )
        self.breaker_transitions = counter(
            "circuit_breaker_transitions", "Changes of a breaker to a state", "provider", "model", "state"
        )
        self.retries = counter("retries", "Attempts beyond a request's first at one provider", "provider")
        self.retry_budget = gauge("retry_budget_tokens", "What is left for retries, 0 to 500", "provider")
        self.cooldowns = histogram(
            "cooldown_seconds", "How long a vendor asked to be left alone", "provider", buckets=COOLDOWN_SECONDS
        )
        self.queue_depth = gauge("queue_depth", "Who waits for a slot", "gate")
        self.queue_wait = histogram("queue_wait_seconds", "How long who had to wait for a slot did so", "gate")
        self.shed = counter("shed_requests", "Requests refused without an attempt", "reason")
        self.overhead = spread(
            "gateway_overhead_seconds", "Time to answer, without all waiting", bounds=OVERHEAD_SECONDS
        )

    def _tally(self, name: str, text: str, *labels: str) -> HotCounter:
        return HotCounter(f"{PREFIX}_{name}", text, labels, self.registry)

    def _spread(self, name: str, text: str, *labels: str, bounds: Sequence[float] = SECONDS) -> HotHistogram:
        return HotHistogram(f"{PREFIX}_{name}", text, labels, self.registry, bounds)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str, buckets: Sequence[float] = SECONDS) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", text, labels, registry=self.registry, buckets=buckets)


class SharedTierMetrics:
    """Metrics of the link to Redis; created only if there is one, in the same *registry*."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.up = Gauge(f"{PREFIX}_redis_up", "1 while Redis answers in time", registry=registry)
        self.operations = HotCounter(
            f"{PREFIX}_redis_operations", "What was asked of Redis", ("operation", "result"), registry
        )
        self.look_up = HotHistogram(
            f"{PREFIX}_redis_look_up_seconds", "Time to look an answer up", (), registry, SECONDS
        )

    def moved(self, available: bool) -> None:
        """Record whether Redis is available."""
        self.up.set(int(available))

    def operation(self, operation: str, result: str) -> None:
        """Count one operation on Redis; both values are from closed sets."""
        self.operations.inc(operation, result)
