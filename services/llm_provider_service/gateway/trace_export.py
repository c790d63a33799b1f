"""Exports spans to a collector, where an operator has named one."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from huleedu_service_libs.observability.tracing import Tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePolicy:
    """Where spans go (nowhere without `endpoint`), which share of requests is traced, and how we call ourselves."""

    endpoint: str | None
    ratio: float
    service: Mapping[str, str]


@asynccontextmanager
async def open_tracing(policy: TracePolicy) -> AsyncIterator[Tracing]:
    """What decides which requests are traced; leaving sends what is still here, within 1.5 s."""
    if policy.endpoint is None:
        yield Tracing(None, ratio=policy.ratio, draw=random.random)
        return
    # 17 MiB and 0.2 s that only those pay who want traces.
    from huleedu_service_libs.observability.otlp import otlp_spans

    async with otlp_spans(policy.endpoint, service=policy.service) as start:
        yield Tracing(start, ratio=policy.ratio, draw=random.random)
