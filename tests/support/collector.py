"""An OpenTelemetry collector in the test's own loop: takes OTLP over HTTP and keeps what came, decoded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

KINDS = {1: "internal", 2: "server", 3: "client"}
FAILED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSpan:
    """One span as it arrived; ids in hex, times in nanoseconds."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    started: int
    ended: int
    failed: str | None
    attributes: dict[str, Any]


@dataclass(slots=True)
class Collector:
    """What arrived so far, and the raw bytes of it."""

    url: str = ""
    spans: list[SeenSpan] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""

    async def take(self, request: web.Request) -> web.Response:
        """One export."""
        body = await request.read()
        self.raw += body
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource = _values(group.resource.attributes)
            for scope in group.scope_spans:
                self.spans.extend(map(_seen, scope.spans))
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )

    async def wait_for(self, count: int) -> list[SeenSpan]:
        """All spans, once there are *count* of them; in the order in which they began."""
        async with asyncio.timeout(10):
            while len(self.spans) < count:  # noqa: ASYNC110  # the exporter's thread tells nobody
                await asyncio.sleep(0.02)
        return sorted(self.spans, key=lambda span: span.started)


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """One that runs."""
    running = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", running.take)
    async with TestServer(app) as server:
        running.url = f"http://127.0.0.1:{server.port}"
        yield running


def _seen(span: Any) -> SeenSpan:
    return SeenSpan(
        name=span.name,
        kind=KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        started=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        failed=span.status.message if span.status.code == FAILED else None,
        attributes=_values(span.attributes),
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes if isinstance(one, KeyValue)}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)
