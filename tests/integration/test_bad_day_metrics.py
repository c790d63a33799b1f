"""What the metrics say on a bad day, number by number."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.llm_provider_service.resilience.admission import ShedReason
from tests.support.gateway import running_gateway, vendors
from tests.vendor_sim import Status, Success, VendorSim

pytestmark = pytest.mark.sockets

P = "llm_provider_"
HOLD_SECONDS = 1.0  # long enough to look at who waits meanwhile


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


async def test_a_breaker_is_seen_to_open_to_probe_and_to_close(sim: VendorSim) -> None:
    labels = {"provider": "openai", "model": "gpt-5-mini"}
    sim.always("openai", Status(503))
    settings = vendors(sim, "openai") | {"LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": 0.5}
    async with running_gateway(**settings) as gateway:

        async def seen() -> tuple[float, ...]:
            """The state, and how often it became open, half-open and closed."""
            state = await gateway.metric(P + "circuit_breaker_state", **labels)
            name = P + "circuit_breaker_transitions_total"
            return state, *[await gateway.metric(name, **labels, state=one) for one in ("open", "half_open", "closed")]

        assert await seen() == (0, 0, 0, 0)
        for index in range(3):
            await gateway.compare(sample_index=index)
        assert await seen() == (1, 1, 0, 0)
        calls = sim.count()
        sim.always("openai", Success(delay=0.5))
        await asyncio.sleep(0.6)
        probe = asyncio.create_task(gateway.compare(sample_index=9))
        await sim.has_read(calls + 1)
        assert await seen() == (2, 1, 1, 0)
        assert (await probe).status == 200
        assert await seen() == (0, 1, 1, 1)
        assert sim.count() == calls + 1


NARROW = {"LLM_MAX_CONCURRENT_REQUESTS": 1, "LLM_QUEUE_SECONDS": 0.4}


@pytest.mark.parametrize(
    ("reason", "settings", "before", "status", "calls"),
    [
        (ShedReason.QUEUE_FULL, NARROW | {"LLM_QUEUE_LIMIT": 0}, 0, 503, 1),
        (ShedReason.WAIT_TOO_LONG, NARROW, 1, 503, 2),  # one that took 1 s: the next would wait as long
        (ShedReason.WAITED_IN_VAIN, NARROW, 0, 503, 1),
        (ShedReason.PROVIDER_SLOTS, {"LLM_MAX_CONCURRENT_PER_PROVIDER": 1, "LLM_QUEUE_LIMIT": 0}, 0, 503, 1),
        (ShedReason.NO_TIME_LEFT, {}, 0, 504, 1),
    ],
)
async def test_each_reason_for_which_a_request_is_sent_away_has_a_number_of_its_own(
    sim: VendorSim, reason: ShedReason, settings: dict[str, Any], before: int, status: int, calls: int
) -> None:
    """*before* are answered first; then one is under way, and the next is sent away without a call."""
    sim.always("openai", Success(delay=1.0))
    async with running_gateway(**vendors(sim, "openai"), **settings) as gateway:
        for index in range(before):
            assert (await gateway.compare(sample_index=index)).status == 200
        under_way = asyncio.create_task(gateway.compare(sample_index=10))
        await sim.has_read(before + 1)
        hasty = {"X-Request-Timeout-Ms": "20"} if reason is ShedReason.NO_TIME_LEFT else None
        assert (await gateway.compare(sample_index=11, headers=hasty)).status == status
        assert (await under_way).status == 200
        counted = {one: await gateway.metric(P + "shed_requests_total", reason=one) for one in ShedReason}
    assert counted == {one: float(one is reason) for one in ShedReason}
    assert sim.count() == calls


async def test_the_line_of_a_provider_is_seen_apart_from_the_gateways(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=HOLD_SECONDS))
    settings = vendors(sim, "openai") | {"LLM_MAX_CONCURRENT_PER_PROVIDER": 1}
    async with running_gateway(**settings) as gateway:
        first = asyncio.create_task(gateway.compare(sample_index=1))
        await sim.has_read(1)
        second = asyncio.create_task(gateway.compare(sample_index=2))
        await gateway.until(P + "queue_depth", 1, gate="openai")
        assert await gateway.metric(P + "queue_depth", gate="gateway") == 0
        assert [(await one).status for one in (first, second)] == [200, 200]
        assert await gateway.metric(P + "queue_depth", gate="openai") == 0
        assert await gateway.metric(P + "queue_wait_seconds_count", gate="openai") == 1
        assert 0.1 < await gateway.metric(P + "queue_wait_seconds_sum", gate="openai") < 2 * HOLD_SECONDS
        assert await gateway.metric(P + "queue_wait_seconds_count", gate="gateway") == 0
        assert sim.max_in_flight("openai") == 1


async def test_a_crowd_is_seen_waiting_and_sent_away(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=HOLD_SECONDS))
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
        assert 0.1 < await gateway.metric(P + "queue_wait_seconds_sum", gate="gateway") < 2 * HOLD_SECONDS
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
        assert await gateway.metric(P + "gateway_overhead_seconds_sum") < 1.0, "the four have waited for three seconds"
        assert await gateway.metric(P + "gateway_overhead_seconds_bucket", le="+Inf") == 4


async def test_only_requests_for_a_completion_have_an_overhead(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        await gateway.get("/api/v1/models")
        assert (await gateway.compare(user_prompt="")).status == 400
        assert await gateway.metric(P + "gateway_overhead_seconds_count") == 0
