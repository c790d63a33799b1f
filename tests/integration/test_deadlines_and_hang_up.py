"""Time: deadlines hold whatever a vendor does, and a caller who hangs up loses us nothing."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from tests.support.gateway import ESSAY_A, ESSAY_B, Gateway, running_gateway, vendors
from tests.vendor_sim import Drip, Hang, Scenario, Status, Success, VendorSim

pytestmark = pytest.mark.sockets

BODY = {"user_prompt": "Which is better?", "essay_a": ESSAY_A, "essay_b": ESSAY_B}


@pytest.mark.parametrize(
    "scenario",
    [Hang(where="headers"), Hang(where="body"), Drip(bytes_per_interval=1, interval=0.2), Success(delay=5)],
    ids=["hang-before-headers", "hang-in-body", "drip", "slow"],
)
async def test_an_answer_never_comes_later_than_its_deadline(sim: VendorSim, scenario: Scenario) -> None:
    sim.always("openai", scenario)
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        started = time.monotonic()
        answer = await gateway.compare(headers={"X-Request-Timeout-Ms": "1200"})
        took = time.monotonic() - started
        assert (answer.status, answer.body["code"]) == (504, "TIMEOUT")
        assert took < 2.4, "twice the deadline, for a busy machine; tests/faults/test_promises.py is strict"
        assert sim.count("openai") == len(answer.body["attempts"])
        breakers = (await gateway.get("/api/v1/circuit-breakers")).body["circuit_breakers"]
        assert all(breaker["failures"] == 0 for breaker in breakers), "a caller's own short deadline is neutral"


async def test_a_hanging_vendor_leaves_time_for_another(sim: VendorSim) -> None:
    sim.always("openai", Hang())
    settings = vendors(sim, "openai", "anthropic") | {"LLM_FIRST_BYTE_TIMEOUT": 0.4}
    async with running_gateway(**settings) as gateway:
        answer = await gateway.compare()
        assert (answer.status, answer.body["provider"]) == (200, "anthropic")
        assert sim.count("openai") == 2


async def test_a_deadline_that_cannot_be_met_calls_nobody(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        answer = await gateway.compare(headers={"X-Request-Timeout-Ms": "100"})
        assert (answer.status, answer.body["code"]) == (504, "TIMEOUT")
        assert sim.count() == 0


@pytest.mark.parametrize("value", ["0", "-5", "soon", "600001", "1.5", "1e3", "٣"])
async def test_a_timeout_header_that_is_none_is_refused(value: str) -> None:
    async with running_gateway() as gateway:
        answer = await gateway.compare(headers={"X-Request-Timeout-Ms": value})
        assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")
        assert "X-Request-Timeout-Ms" in answer.body["detail"]


async def hang_up_during_the_call(gateway: Gateway, sim: VendorSim) -> None:
    """Send a comparison, and close the connection when the vendor has read what it is asked."""
    async with aiohttp.ClientSession() as http:
        asking = asyncio.create_task(http.post(gateway.url + "/api/v1/comparison", json=BODY))
        await sim.has_read(sim.count() + 1)
        asking.cancel()
        await asyncio.wait({asking})


async def settled(gateway: Gateway) -> None:
    """Wait until no call is under way."""
    for _ in range(100):
        providers = (await gateway.get("/api/v1/providers")).body["providers"]
        if all(provider["in_flight"] == 0 for provider in providers):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("a slot was never released")


async def test_a_call_whose_caller_hung_up_ends_and_is_in_the_books(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=0.6))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        await hang_up_during_the_call(gateway, sim)
        await settled(gateway)
        assert sim.count("openai") == 1
        assert not sim.calls("openai")[0].client_left, "the gateway stayed for the answer it pays for"
        assert await gateway.metric("llm_provider_attempts_total", provider="openai", outcome="success") == 1
        assert await gateway.metric("llm_provider_tokens_used_total", provider="openai", token_type="prompt") > 0
        again = await gateway.ask("POST", "/api/v1/comparison", json=BODY)
        assert again.body["cached"] is True, "the answer was paid for, so it is kept"


async def test_no_new_attempt_starts_for_a_caller_who_has_gone(sim: VendorSim) -> None:
    sim.always("openai", Status(503, delay=0.4))
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        await hang_up_during_the_call(gateway, sim)
        await settled(gateway)
        await asyncio.sleep(0.3)
        assert (sim.count("openai"), sim.count("anthropic")) == (1, 0)


async def test_a_caller_who_hangs_up_while_a_retry_waits_frees_the_slot_at_once(sim: VendorSim) -> None:
    sim.always("openai", Status(429, headers={"Retry-After": "20"}))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        async with aiohttp.ClientSession() as http:
            asking = asyncio.create_task(http.post(gateway.url + "/api/v1/comparison", json=BODY))
            await gateway.until("llm_provider_attempts_total", 1, provider="openai", outcome="rate_limited")
            started = time.monotonic()
            asking.cancel()
            await asyncio.wait({asking})
        await settled(gateway)
        assert time.monotonic() - started < 10, "not the 20 s of the cooldown"
        assert sim.count("openai") == 1
