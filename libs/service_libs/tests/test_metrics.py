"""Metrics belong to one application, and foreign text cannot add series."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from huleedu_service_libs.metrics import BoundChildren, BoundedLabel, render


def test_two_applications_do_not_share_a_counter() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    Counter("requests", "help", registry=first).inc()
    Counter("requests", "help", registry=second)
    assert b"requests_total 1.0" in render(first)[0]
    assert b"requests_total 0.0" in render(second)[0]


def test_ten_thousand_random_models_add_one_series() -> None:
    registry = CollectorRegistry()
    children = BoundChildren(Counter("requests", "help", ["model"], registry=registry))
    models = BoundedLabel(["known"])
    children.get(models.of("known")).inc()
    for number in range(10_000):
        children.get(models.of(f"random-{number}")).inc()
    text, content_type = render(registry)
    series = [line for line in text.splitlines() if line.startswith(b"requests_total{")]
    assert series == [b'requests_total{model="known"} 1.0', b'requests_total{model="other"} 10000.0']
    assert content_type.startswith("text/plain")


def test_an_absent_label_value_is_other() -> None:
    assert BoundedLabel(["a"]).of(None) == "other"
