"""Renders a service's Prometheus metrics: one registry per application, labels from closed sets.

There is no module-level registry, so two applications in one process (tests, workers in threads) never share a counter.
The metrics of the hot path are in `hot_metrics`.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


def render(registry: CollectorRegistry) -> tuple[bytes, str]:
    """Returns the text exposition of *registry* and its content type."""
    return generate_latest(registry), CONTENT_TYPE_LATEST
