"""The base of a service's Prometheus metrics: one registry per application, labels from closed sets.

There is no module-level registry: two applications in one process (tests, workers in threads) never share a counter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

OTHER: Final = "other"
_M = TypeVar("_M", Counter, Gauge, Histogram)


class BoundedLabel:
    """A closed set of values for one label; anything else becomes `other`, so foreign text cannot add series."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = frozenset(values)

    def of(self, value: str | None) -> str:
        """*value* if it belongs to the set, else `other`."""
        return value if value is not None and value in self._values else OTHER


class BoundChildren(Generic[_M]):
    """The labelled children of *metric*, each looked up by prometheus-client once.

    A bound child costs a third of `.labels()`. Pass label values through `BoundedLabel` first: what is kept here is
    kept for good.
    """

    def __init__(self, metric: _M) -> None:
        self._metric: _M = metric
        self._children: dict[tuple[str, ...], _M] = {}

    def get(self, *values: str) -> _M:
        """The child for *values*, in the order in which the metric names its labels."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._metric.labels(*values)
        return child


def render(registry: CollectorRegistry) -> tuple[bytes, str]:
    """The text exposition of *registry*, and its content type."""
    return generate_latest(registry), CONTENT_TYPE_LATEST
