"""Merges the metrics of several processes: each process sends a snapshot, and the scraped one merges them.

Nothing is written to files, and a counter costs no more than in a single process. In prometheus-client's own
multi-process mode every increment is a write to a memory-mapped file.
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
    """Returns all families of *registry* as JSON values: name, type, help, and samples with labels and value."""
    return [
        [family.name, family.type, family.documentation, [[one.name, one.labels, one.value] for one in family.samples]]
        for family in registry.collect()
    ]


def keep_counts(left: Snapshot | None, last: Snapshot) -> Snapshot:
    """Returns what to keep of a process that ended: *left* plus its counters and histograms, without gauges."""
    counted = [family for family in last if family[1] != _GAUGE]
    families = merge([counted] if left is None else [left, counted], {})
    return [
        [one.name, one.type, one.documentation, [[s.name, s.labels, s.value] for s in one.samples]] for one in families
    ]


def merge(snapshots: Iterable[Snapshot], gauges: Mapping[str, Combine]) -> list[Metric]:
    """Returns one family per name: counters and histograms are summed, a gauge is combined as *gauges* says.

    A gauge whose name is not in *gauges* is summed too. `_created` is the earliest time.
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
    """Returns the text exposition of *families* and its content type."""
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
