"""Fast counters, gauges and histograms: numbers in a dictionary, turned into metrics only at a scrape.

prometheus-client takes a lock and makes four checks at each step: 0.75 µs for a counter and 1.5 µs for a histogram,
label look-up included; these take 0.28 and 0.27 µs. Use them from one thread only, and with labels from closed sets:
label values are never removed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

_INFINITY: Final = float("inf")


class _HotMetric(Collector):
    """One number for each combination of label values; *labels* here are the label names, in `inc` the values."""

    _family: type[CounterMetricFamily | GaugeMetricFamily]

    def __init__(self, name: str, text: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name = name
        self._text = text
        self.labels = tuple(labels)
        self._values: dict[tuple[str, ...], float] = {}
        registry.register(self)

    def inc(self, *labels: str, by: float = 1.0) -> None:
        """Add *by* to the number for these label values, given in the order of the label names."""
        values = self._values
        values[labels] = values.get(labels, 0.0) + by

    def describe(self) -> Iterable[Metric]:
        """Returns name, type and help text, without numbers."""
        return [self._family(self._name, self._text, labels=self.labels)]

    def collect(self) -> Iterable[Metric]:
        """Returns all current numbers."""
        family = self._family(self._name, self._text, labels=self.labels)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        return [family]


class HotCounter(_HotMetric):
    """A counter; *by* must not be negative."""

    _family = CounterMetricFamily


class HotGauge(_HotMetric):
    """A gauge: goes up and down."""

    _family = GaugeMetricFamily


class HotHistogram(Collector):
    """A histogram; *bounds* are the upper limits of its buckets in rising order, and infinity is added."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], registry: CollectorRegistry, bounds: Sequence[float]
    ) -> None:
        self._name = name
        self._text = text
        self.labels = tuple(labels)
        self._bounds = [*map(float, bounds), _INFINITY]
        self._counts: dict[tuple[str, ...], list[int]] = {} if self.labels else {(): self._none()}
        self._sums: dict[tuple[str, ...], float] = {}
        registry.register(self)

    def observe(self, value: float, *labels: str) -> None:
        """Count *value* for these label values."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = self._none()
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[labels] = self._sums.get(labels, 0.0) + value

    def describe(self) -> Iterable[Metric]:
        """Returns name, type and help text, without numbers."""
        return [HistogramMetricFamily(self._name, self._text, labels=self.labels)]

    def collect(self) -> Iterable[Metric]:
        """Returns all current numbers."""
        family = HistogramMetricFamily(self._name, self._text, labels=self.labels)
        for labels, counts in self._counts.items():
            family.add_metric(labels, list(self._buckets(counts)), self._sums.get(labels, 0.0))
        return [family]

    def _buckets(self, counts: list[int]) -> Iterator[tuple[str, int]]:
        return zip(map(floatToGoString, self._bounds), accumulate(counts), strict=True)

    def _none(self) -> list[int]:
        return [0] * len(self._bounds)
