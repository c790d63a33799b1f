"""Tallies say what prometheus-client's own metrics would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from huleedu_service_libs.observability.hot_metrics import HotCounter, HotGauge, HotHistogram
from huleedu_service_libs.observability.metric_merge import merge, snapshot

BOUNDS = (0.1, 1, 2.5)
LABELS = st.sampled_from(["a", "b", 'c"\n'])
STEPS = st.lists(st.tuples(LABELS, LABELS, st.floats(min_value=0, max_value=5)))


def without_created(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return sorted(line for line in lines if "_created" not in line)


@given(STEPS)
def test_the_exposition_is_that_of_the_library(steps: list[tuple[str, str, float]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    names = ("x", "y")
    tally, counter = HotCounter("t", "T", names, ours), Counter("t", "T", names, registry=theirs)
    level, gauge = HotGauge("g", "G", names, ours), Gauge("g", "G", names, registry=theirs)
    spread = HotHistogram("h", "H", names, ours, BOUNDS)
    histogram = Histogram("h", "H", names, registry=theirs, buckets=BOUNDS)
    for x, y, value in steps:
        tally.inc(x, y, by=value)
        counter.labels(x, y).inc(value)
        level.inc(x, y, by=-value)
        gauge.labels(x, y).dec(value)
        spread.observe(value, x, y)
        histogram.labels(x, y).observe(value)
    assert without_created(ours) == without_created(theirs)


def test_a_histogram_without_labels_is_there_before_its_first_value() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    HotHistogram("h", "H", (), ours, BOUNDS)
    Histogram("h", "H", registry=theirs, buckets=BOUNDS)
    assert without_created(ours) == without_created(theirs)


def test_tallies_of_several_processes_add_up() -> None:
    registry = CollectorRegistry()
    tally = HotCounter("t", "T", ("x",), registry)
    tally.inc("a", by=2)
    (family,) = merge([snapshot(registry), snapshot(registry)], {})
    assert [(one.name, one.labels, one.value) for one in family.samples] == [("t_total", {"x": "a"}, 4.0)]
