"""The metrics of the service: names from the platform's contract, labels from closed sets only."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PREFIX = "llm_provider"
OTHER = "other"
SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class GatewayMetrics:
    """One set of metrics in a registry of its own, so that two apps in one process do not share counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter, histogram, gauge = self._counter, self._histogram, self._gauge
        self.http_requests = counter("http_requests", "Answers by route", "method", "endpoint", "status_code")
        self.http_duration = histogram("http_request_duration_seconds", "Time to answer", "method", "endpoint")
        self.requests = counter(
            "requests", "Orders by the target that was to answer", "provider", "model", "request_type", "status"
        )
        self.response_duration = histogram(
            "response_duration_seconds", "Time to an accepted answer", "provider", "model", "cached"
        )
        self.tokens = counter("tokens_used", "Tokens as billed", "provider", "model", "token_type")
        self.cost = counter("cost_dollars", "Cost in USD", "provider", "model")
        self.unpriced = counter("unpriced_answers", "Billed calls without a known cost", "provider")
        self.cache_hits = counter("cache_hits", "Answers from the cache", "provider")
        self.cache_operations = counter("cache_operations", "What was asked of the cache", "operation", "result")
        self.attempts = counter("attempts", "Upstream attempts by how they ended", "provider", "outcome")
        self.breaker_state = gauge("circuit_breaker_state", "0 closed, 1 open, 2 half-open", "provider", "model")
        self.concurrent = gauge("concurrent_requests", "Calls under way at a provider", "provider")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", text, labels, registry=self.registry, buckets=SECONDS)
