"""What the metrics say on a bad day, number by number."""

from __future__ import annotations

import asyncio

from tests.support.gateway import running_gateway, vendors
from tests.vendor_sim import Status, Success, VendorSim

P = "llm_provider_"


async def test_retries_are_counted_and_empty_the_budget(sim: VendorSim) -> None:
    sim.script("openai", [Status(503), Status(503), Success()])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        assert await gateway.metric(P + "retry_budget_tokens", provider="openai") == 500
        assert (await gateway.compare()).body["attempts"] == 3
        assert await gateway.metric(P + "retries_total", provider="openai") == 2
        assert await gateway.metric(P + "retry_budget_tokens", provider="openai") == 500 - 2 * 14 + 1


async def test_a_cooldown_is_observed_as_long_as_the_vendor_said(sim: VendorSim) -> None:
    sim.always("openai", Status(429, headers={"Retry-After": "30"}))
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        assert (await gateway.compare()).body["provider"] == "anthropic"
        assert await gateway.metric(P + "cooldown_seconds_sum", provider="openai") == 30
        assert await gateway.metric(P + "cooldown_seconds_count", provider="openai") == 1
        assert await gateway.metric(P + "retries_total", provider="openai") == 0


async def test_an_opened_breaker_is_a_transition(sim: VendorSim) -> None:
    sim.always("openai", Status(401))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        assert (await gateway.compare()).status == 502
        labels = {"provider": "openai", "model": "", "state": "open"}
        assert await gateway.metric(P + "circuit_breaker_transitions_total", **labels) == 1
        assert await gateway.metric(P + "circuit_breaker_state", provider="openai", model="") == 1


async def test_a_crowd_is_seen_waiting_and_sent_away(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=0.4))
    narrow = {"LLM_MAX_CONCURRENT_REQUESTS": 1, "LLM_QUEUE_LIMIT": 1}
    async with running_gateway(**vendors(sim, "openai"), **narrow) as gateway:
        first = asyncio.create_task(gateway.compare(sample_index=1))
        await gateway.until(P + "concurrent_requests", 1, provider="openai")
        second = asyncio.create_task(gateway.compare(sample_index=2))
        await gateway.until(P + "queue_depth", 1, gate="gateway")
        third = await gateway.compare(sample_index=3)
        assert (third.status, third.body["code"], third.headers["Retry-After"]) == (503, "SERVICE_UNAVAILABLE", "1")
        assert [(await one).status for one in (first, second)] == [200, 200]
        assert await gateway.metric(P + "shed_requests_total", reason="queue_full") == 1
        assert await gateway.metric(P + "queue_depth", gate="gateway") == 0
        assert await gateway.metric(P + "queue_wait_seconds_count", gate="gateway") == 1
        assert 0.1 < await gateway.metric(P + "queue_wait_seconds_sum", gate="gateway") < 0.5
        assert sim.count("openai") == 2


async def test_the_overhead_is_what_is_left_without_all_waiting(sim: VendorSim) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "0.5"}), Success(delay=0.5), Success(delay=0.3)])
    narrow = {"LLM_MAX_CONCURRENT_REQUESTS": 1}
    async with running_gateway(**vendors(sim, "openai"), **narrow) as gateway:
        crowd = [gateway.compare(sample_index=index) for index in (1, 1, 2)]
        answers = await asyncio.gather(*crowd)
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert (await gateway.compare(sample_index=2)).body["cached"] is True
        assert sim.count("openai") == 3
        assert max(answer.body["response_time_ms"] for answer in answers) > 750
        assert await gateway.metric(P + "gateway_overhead_seconds_count") == 4
        assert await gateway.metric(P + "gateway_overhead_seconds_sum") < 0.25
        assert await gateway.metric(P + "gateway_overhead_seconds_bucket", le="+Inf") == 4


async def test_only_requests_for_a_completion_have_an_overhead(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        await gateway.get("/api/v1/models")
        assert (await gateway.compare(user_prompt="")).status == 400
        assert await gateway.metric(P + "gateway_overhead_seconds_count") == 0
