"""The metrics of several processes as one: each sends a snapshot, and whoever is scraped merges them.

Nothing is written to files and a counter costs what it costs in a single process; prometheus-client's own way for
several processes makes every increment a write into a mapped file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Snapshot = list[Any]
Combine = Callable[[Sequence[float]], float]
_Series = tuple[str, tuple[tuple[str, str], ...]]
_GAUGE: Final = "gauge"


def snapshot(registry: CollectorRegistry) -> Snapshot:
    """All families of *registry* as JSON values: name, type, help, and samples with their labels and value."""
    return [
        [family.name, family.type, family.documentation, [[one.name, one.labels, one.value] for one in family.samples]]
        for family in registry.collect()
    ]


def keep_counts(left: Snapshot | None, last: Snapshot) -> Snapshot:
    """What stays of a process that is gone: its counters and histograms, added to those of others; no gauge."""
    counted = [family for family in last if family[1] != _GAUGE]
    families = merge([counted] if left is None else [left, counted], {})
    return [
        [one.name, one.type, one.documentation, [[s.name, s.labels, s.value] for s in one.samples]] for one in families
    ]


def merge(snapshots: Iterable[Snapshot], gauges: Mapping[str, Combine]) -> list[Metric]:
    """One family for each name: counters and histograms are added up, a gauge as *gauges* says, by its name.

    A gauge that is not named there is added up too. `_created` is the earliest moment.
    """
    families: dict[str, Metric] = {}
    values: dict[str, dict[_Series, list[float]]] = {}
    for name, kind, text, samples in (family for one in snapshots for family in one):
        families.setdefault(name, Metric(name, text, kind))
        series = values.setdefault(name, {})
        for sample, labels, value in samples:
            series.setdefault((sample, tuple(labels.items())), []).append(value)
    for name, family in families.items():
        for (sample, labels), found in values[name].items():
            family.add_sample(sample, dict(labels), _combine(family, sample, gauges)(found))
    return list(families.values())


def render_merged(families: Iterable[Metric]) -> tuple[bytes, str]:
    """The text exposition of *families*, and its content type."""
    registry = CollectorRegistry()
    registry.register(_Fixed(families))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Fixed(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _combine(family: Metric, sample: str, gauges: Mapping[str, Combine]) -> Combine:
    if sample.endswith("_created") and family.type != _GAUGE:
        return min
    return gauges.get(family.name, sum) if family.type == _GAUGE else sum
