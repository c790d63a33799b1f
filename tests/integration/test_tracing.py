"""One request, one trace: from the door through the cache and every attempt, and nothing of it to a vendor."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.collector import Collector, SeenSpan, collector
from tests.support.gateway import ESSAY_A, KEYS, MODELS, running_gateway, vendors
from tests.support.redis_server import redis_server
from tests.vendor_sim import Status, VendorSim

pytestmark = pytest.mark.sockets

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
CORRELATION = "corr-0123-canary"
TRACED = f"00-{TRACE_ID}-{SPAN_ID}-01"
UNTRACED = f"00-{TRACE_ID}-{SPAN_ID}-00"


def exported_to(there: Collector, **more: Any) -> dict[str, Any]:
    """Settings that send spans to the collector."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": there.url, **more}


def named(spans: list[SeenSpan], name: str) -> list[SeenSpan]:
    """The spans of that name, in order."""
    return [span for span in spans if span.name == name]


async def test_a_fallback_is_one_trace_from_the_door_to_both_vendors(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    async with collector() as there:
        async with running_gateway(**vendors(sim, "openai", "anthropic"), **exported_to(there)) as gateway:
            answer = await gateway.compare()
        assert (answer.status, answer.body["provider"], answer.body["attempts"]) == (200, "anthropic", 3)
        spans = await there.wait_for(5)
    door, look_up, first, second, third = spans
    assert {span.trace_id for span in spans} == {answer.body["trace_id"]} == {answer.headers["X-Trace-ID"]}
    assert (door.name, door.kind, door.parent_id) == ("POST /api/v1/comparison", "server", "")
    assert {span.parent_id for span in spans[1:]} == {door.span_id}
    assert (look_up.name, look_up.attributes["huleedu.cache.hit"]) == ("cache get", False)
    assert [(span.name, span.kind) for span in (first, second, third)] == [("chat", "client")] * 3
    assert [span.attributes["gen_ai.provider.name"] for span in (first, second, third)] == [
        "openai",
        "openai",
        "anthropic",
    ]
    assert [span.failed for span in (first, second, third)] == ["server_error", "server_error", None]
    assert first.attributes["http.response.status_code"] == 503
    assert third.attributes["huleedu.attempt.outcome"] == "success"
    assert third.attributes["gen_ai.usage.input_tokens"] == answer.body["token_usage"]["prompt_tokens"]
    assert third.attributes["gen_ai.response.model"] == answer.body["model"]
    assert third.attributes["huleedu.attempt.cost_usd"] == answer.body["cost_usd"]
    assert all(door.started <= span.started <= span.ended <= door.ended for span in spans)
    assert door.attributes["huleedu.correlation_id"] == answer.body["correlation_id"]
    assert door.attributes["http.response.status_code"] == 200
    assert there.resource["service.name"] == "llm-provider-service"


async def test_a_hit_is_a_trace_without_an_attempt(sim: VendorSim) -> None:
    async with collector() as there:
        async with running_gateway(**vendors(sim, "openai"), **exported_to(there)) as gateway:
            await gateway.compare()
            hit = await gateway.compare()
            assert hit.body["cached"] is True
        spans = [span for span in await there.wait_for(5) if span.trace_id == hit.body["trace_id"]]
    assert [span.name for span in spans] == ["POST /api/v1/comparison", "cache get"]
    assert spans[1].attributes["huleedu.cache.hit"] is True


async def test_a_question_to_redis_is_part_of_the_look_up(sim: VendorSim, tmp_path: Path) -> None:
    async with redis_server(tmp_path) as redis, collector() as there:
        settings = exported_to(there, REDIS_URL=redis.url())
        async with running_gateway(**vendors(sim, "openai"), **settings) as gateway:
            answer = await gateway.compare()
            assert answer.status == 200
        spans = [span for span in await there.wait_for(4) if span.trace_id == answer.body["trace_id"]]
    door, look_up, asked, attempt = spans
    assert [span.name for span in spans] == ["POST /api/v1/comparison", "cache get", "redis GET", "chat"]
    assert (asked.kind, asked.attributes["db.system.name"]) == ("client", "redis")
    assert (look_up.parent_id, asked.parent_id, attempt.parent_id) == (door.span_id, look_up.span_id, door.span_id)
    assert b"llm-provider:1:answer" not in there.raw


async def test_a_refusal_names_its_trace_in_the_header(sim: VendorSim) -> None:
    sim.always("openai", Status(401))
    async with collector() as there:
        async with running_gateway(**vendors(sim, "openai"), **exported_to(there)) as gateway:
            refused = await gateway.compare()
            skipped = await gateway.compare(sample_index=1)
            assert (refused.status, skipped.status) == (502, 503)
        spans = await there.wait_for(5)
    of_refused = [span for span in spans if span.trace_id == refused.headers["X-Trace-ID"]]
    of_skipped = [span for span in spans if span.trace_id == skipped.headers["X-Trace-ID"]]
    assert [span.failed for span in of_refused] == ["502", None, "authentication_failed"]
    assert [(span.name, span.failed) for span in of_skipped] == [
        ("POST /api/v1/comparison", "503"),
        ("cache get", None),
    ]


async def test_the_callers_trace_goes_on(sim: VendorSim) -> None:
    async with collector() as there:
        settings = exported_to(there, TRACE_SAMPLE_RATIO=0.0)
        async with running_gateway(**vendors(sim, "openai"), **settings) as gateway:
            answer = await gateway.compare(headers={"traceparent": TRACED})
            assert answer.body["trace_id"] == answer.headers["X-Trace-ID"] == TRACE_ID
        door, *_ = await there.wait_for(3)
    assert (door.trace_id, door.parent_id) == (TRACE_ID, SPAN_ID)


async def test_a_caller_who_is_not_traced_is_not_traced_here(sim: VendorSim) -> None:
    async with collector() as there:
        async with running_gateway(**vendors(sim, "openai"), **exported_to(there)) as gateway:
            answer = await gateway.compare(headers={"traceparent": UNTRACED})
            assert (answer.status, answer.body["trace_id"]) == (200, None)
            assert "X-Trace-ID" not in answer.headers
        assert there.spans == []


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "00",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID}-{SPAN_ID}-01 ",
        f"00-{TRACE_ID}-{SPAN_ID}-zz",
        "x" * 4000,
    ],
)
async def test_a_traceparent_that_is_none_is_ignored(sim: VendorSim, hostile: str) -> None:
    async with collector() as there:
        async with running_gateway(**vendors(sim, "openai"), **exported_to(there)) as gateway:
            answer = await gateway.compare(headers={"traceparent": hostile})
            assert answer.status == 200
            assert answer.body["trace_id"] not in {None, TRACE_ID, "0" * 32}
        door, *_ = await there.wait_for(3)
    # Surrounding blanks are no part of a header's value.
    assert door.parent_id == ""


async def test_at_zero_percent_nothing_is_built(sim: VendorSim) -> None:
    async with collector() as there:
        settings = exported_to(there, TRACE_SAMPLE_RATIO=0.0)
        async with running_gateway(**vendors(sim, "openai"), **settings) as gateway:
            for index in range(20):
                answer = await gateway.compare(sample_index=index)
                assert (answer.body["trace_id"], "X-Trace-ID" in answer.headers) == (None, False)
        assert there.raw == b""


async def test_without_a_collector_no_answer_has_a_trace(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        answer = await gateway.compare(headers={"traceparent": TRACED})
        assert (answer.body["trace_id"], "X-Trace-ID" in answer.headers) == (None, False)


@pytest.mark.parametrize("vendor", MODELS)
async def test_nothing_of_ours_goes_to_a_vendor_and_no_text_or_key_into_a_span(sim: VendorSim, vendor: str) -> None:
    ours = {
        "traceparent": TRACED,
        "tracestate": "ours=canary-state",
        "baggage": "user=canary-baggage",
        "X-Correlation-ID": CORRELATION,
        "Cookie": "session=canary-cookie",
        "Forwarded": "for=canary-forwarded",
        "X-Forwarded-For": "canary-forwarded",
        "User-Agent": "canary-agent",
    }
    async with collector() as there:
        async with running_gateway(**vendors(sim, vendor), **exported_to(there)) as gateway:
            answer = await gateway.compare(headers=ours, user_id="canary-user")
            assert (answer.status, answer.body["provider"]) == (200, vendor)
        spans = await there.wait_for(3)
    (call,) = sim.calls(vendor)
    sent = f"{sorted(call.headers.items())} {call.query} {call.body}"
    assert not {*map(str.lower, ours), "x-trace-id", "x-request-timeout-ms"} - {"user-agent"} & set(call.headers)
    for mark in (TRACE_ID, CORRELATION, "canary", *(span.span_id for span in spans)):
        assert mark not in sent
    exported = there.raw.decode("latin-1")
    for foreign in (ESSAY_A[:30], "Which essay", answer.body["justification"][:20], *KEYS.values(), "canary-user"):
        assert foreign not in exported


async def test_probes_are_not_traced() -> None:
    async with collector() as there:
        async with running_gateway(**exported_to(there)) as gateway:
            for path in ("/healthz", "/readyz", "/metrics"):
                assert "X-Trace-ID" not in (await gateway.get(path)).headers
            assert "X-Trace-ID" in (await gateway.get("/api/v1/models")).headers
        (door,) = await there.wait_for(1)
    assert door.name == "GET /api/v1/models"


async def test_a_dead_collector_disturbs_nobody(sim: VendorSim) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:  # accepts and never answers
        endpoint = f"http://127.0.0.1:{hole.getsockname()[1]}"
        slowest = 0.0
        async with running_gateway(**vendors(sim, "openai"), OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as gateway:
            for index in range(50):
                since = time.monotonic()
                answer = await gateway.compare(sample_index=index)
                slowest = max(slowest, time.monotonic() - since)
                assert (answer.status, len(answer.body["trace_id"])) == (200, 32)
            leaving = time.monotonic()
        assert time.monotonic() - leaving <= 4.0
        assert slowest < 1.0


async def test_a_refused_collector_disturbs_nobody(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai"), OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") as gateway:
        assert (await gateway.compare()).status == 200
        leaving = time.monotonic()
    assert time.monotonic() - leaving <= 4.0
