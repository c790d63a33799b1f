"""Whose fault a timeout is, and how long a vendor is left alone."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from tests.support.gateway import Gateway, running_gateway, vendors
from tests.vendor_sim import Drip, Hang, Status, Success, VendorSim

pytestmark = pytest.mark.sockets


async def failures(gateway: Gateway) -> int:
    """What the breakers have counted."""
    found = (await gateway.get("/api/v1/circuit-breakers")).body["circuit_breakers"]
    return max(int(breaker["failures"]) for breaker in found)


async def test_a_deadline_of_the_callers_own_is_neutral_however_long_it_is(sim: VendorSim) -> None:
    sim.always("openai", Drip(bytes_per_interval=1, interval=0.1))
    async with running_gateway(**vendors(sim, "openai"), LLM_FIRST_BYTE_TIMEOUT=1.0) as gateway:
        answer = await gateway.compare(headers={"X-Request-Timeout-Ms": "2000"})
        assert (answer.status, answer.body["attempts"][0]["outcome"]) == (504, "timed_out")
        assert await failures(gateway) == 0


@pytest.mark.parametrize(
    "headers",
    [None, {"X-Request-Timeout-Ms": "20000"}],
    ids=["without a deadline", "inside a caller's deadline"],
)
async def test_the_services_own_limit_counts_against_the_vendor(sim: VendorSim, headers: dict[str, str] | None) -> None:
    sim.always("openai", Hang(where="body"))
    async with running_gateway(**vendors(sim, "openai"), LLM_IDLE_TIMEOUT=0.2) as gateway:
        answer = await gateway.compare(headers=headers)
        assert (answer.status, answer.body["code"]) == (504, "TIMEOUT")
        assert [attempt["outcome"] for attempt in answer.body["attempts"]] == ["timed_out"] * 3
        assert await failures(gateway) == sim.count() == 3


async def test_one_callers_short_deadline_makes_nobody_look_slow(sim: VendorSim) -> None:
    sim.script("openai", [Success(delay=3)])
    settings = vendors(sim, "openai", "anthropic") | {"PROVIDER_SELECTION_STRATEGY": "least-latency"}
    async with running_gateway(**settings) as gateway:
        late = await gateway.compare(headers={"X-Request-Timeout-Ms": "700"}, fallback="none", sample_index=1)
        assert (late.status, sim.count("openai")) == (504, 1)
        assert (await gateway.compare()).body["provider"] == "openai", "it was not seen failing"


async def test_a_cooldown_that_somebody_else_met_holds_for_retries_too(sim: VendorSim) -> None:
    sim.script("openai", [Status(503, delay=0.3), Status(429, headers={"Retry-After": "1"})])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        hiccup = asyncio.create_task(gateway.compare(sample_index=1))
        await sim.has_read(1, "openai")
        limited = asyncio.create_task(gateway.compare(sample_index=2))
        assert [(await hiccup).status, (await limited).status] == [200, 200]
        asked = sorted(call.at for call in sim.calls("openai"))
        assert len(asked) == 4
        assert asked[2] - asked[1] >= 0.99, "nobody asks while the target cools down"


async def test_who_has_waited_for_a_cooldown_looks_again_before_asking(sim: VendorSim) -> None:
    """Two wait for one cooldown; the first to ask meets the next one."""
    sim.script("openai", [Status(429, headers={"Retry-After": "1", "x-should-retry": "false"})])
    async with running_gateway(**vendors(sim, "openai"), LLM_MAX_CONCURRENT_PER_PROVIDER=1) as gateway:
        assert (await gateway.compare(sample_index=1)).status == 503
        sim.script("openai", [Status(429, headers={"Retry-After": "1"})])
        answers = await asyncio.gather(*(gateway.compare(sample_index=index) for index in (2, 3)))
        assert [answer.status for answer in answers] == [200, 200]
        assert sim.count("openai") == 4
        asked = sorted(call.at for call in sim.calls("openai"))
        assert asked[1] - asked[0] >= 0.99
        assert asked[2] - asked[1] >= 0.99


@pytest.mark.parametrize("past", ["0", "Sun, 16 Mar 2025 09:37:00 GMT"])
async def test_a_wait_that_is_over_is_no_wait(sim: VendorSim, past: str) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": past, "x-should-retry": "false"})])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        assert (await gateway.compare(sample_index=1)).status == 503
        answer = await gateway.compare(sample_index=2)
        assert (answer.status, answer.body["response_time_ms"] < 900) == (200, True), answer.body


async def test_a_caller_who_has_gone_is_counted_and_leaves_no_noise(sim: VendorSim) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    sim.always("openai", Status(503, delay=0.4))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        caller = asyncio.create_task(gateway.compare())
        await sim.has_read(1, "openai")
        caller.cancel()
        await gateway.until("llm_provider_requests_total", 1, provider="openai", status="hung_up")
        await asyncio.sleep(0.6)
        assert sim.count("openai") == 1
        assert (await gateway.get("/api/v1/providers")).body["total_requests_today"] == 1
    gc.collect()
    assert complaints == [], "an exception that nobody retrieved"


async def test_nobody_waits_long_for_a_turn_while_somebody_else_could_answer(sim: VendorSim) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "0.01"})])
    sim.always("openai", Success(delay=4))
    settings = vendors(sim, "openai", "anthropic") | {"FALLBACK_PATIENCE_SECONDS": 1.0}
    async with running_gateway(**settings) as gateway:
        first = asyncio.create_task(gateway.compare(sample_index=0))
        await sim.has_read(2, "openai")
        others = await asyncio.gather(*(gateway.compare(sample_index=index) for index in (1, 2)))
        assert [answer.body["provider"] for answer in others] == ["anthropic", "anthropic"]
        assert max(answer.body["response_time_ms"] for answer in others) < 3000
        assert (await first).body["provider"] == "openai"
