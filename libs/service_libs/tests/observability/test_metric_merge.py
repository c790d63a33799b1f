"""Several processes' metrics as one."""

from __future__ import annotations

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from huleedu_service_libs.observability.metric_merge import Snapshot, keep_counts, merge, render_merged, snapshot


def of_a_process(calls: int, busy: int, seconds: float, label: str = "a") -> Snapshot:
    """What one process sends, through the JSON that carries it."""
    registry = CollectorRegistry()
    Counter("calls", "Calls", ["by"], registry=registry).labels(label).inc(calls)
    Gauge("busy", "Busy", registry=registry).set(busy)
    Gauge("state", "State", registry=registry).set(busy)
    Histogram("wait_seconds", "Wait", buckets=(0.1, 1), registry=registry).observe(seconds)
    sent: Snapshot = orjson.loads(orjson.dumps(snapshot(registry)))
    return sent


def series(*snapshots: Snapshot) -> dict[tuple[str, str], float]:
    """The exposition of the merged snapshots, read as a scraper reads it; without the moments of creation."""
    text, _ = render_merged(merge(snapshots, {"state": max}))
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_counters_and_histograms_are_added_up_and_gauges_as_they_are_told() -> None:
    merged = series(of_a_process(3, 2, 0.05), of_a_process(4, 5, 0.5), of_a_process(1, 1, 5.0, label="b"))
    assert merged == {
        ("calls_total", "a"): 7,
        ("calls_total", "b"): 1,
        ("busy", ""): 8,
        ("state", ""): 5,
        ("wait_seconds_bucket", "0.1"): 1,
        ("wait_seconds_bucket", "1.0"): 2,
        ("wait_seconds_bucket", "+Inf"): 3,
        ("wait_seconds_count", ""): 3,
        ("wait_seconds_sum", ""): 5.55,
    }


def test_one_process_alone_reads_as_it_would_without_merging() -> None:
    registry = CollectorRegistry()
    Counter("calls", "Calls", registry=registry).inc()
    assert [family.name for family in merge([snapshot(registry)], {})] == ["calls"]


def test_of_a_process_that_is_gone_the_counts_stay_and_the_gauges_go() -> None:
    left = keep_counts(keep_counts(None, of_a_process(3, 2, 0.05)), of_a_process(4, 5, 0.5))
    merged = series(of_a_process(1, 1, 0.05), left)
    assert merged["calls_total", "a"] == 8
    assert merged["wait_seconds_count", ""] == 3
    assert (merged["busy", ""], merged["state", ""]) == (1, 1)
