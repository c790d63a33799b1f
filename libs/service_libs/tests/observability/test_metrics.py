"""Metrics belong to one application."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from huleedu_service_libs.observability.metrics import render


def test_two_applications_do_not_share_a_counter() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    Counter("requests", "help", registry=first).inc()
    Counter("requests", "help", registry=second)
    text, content_type = render(first)
    assert b"requests_total 1.0" in text
    assert b"requests_total 0.0" in render(second)[0]
    assert content_type.startswith("text/plain")
