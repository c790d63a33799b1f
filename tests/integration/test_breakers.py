"""An outage through the front door: who is asked how often, and what the breakers say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.gateway import Gateway, running_gateway, vendors
from tests.vendor_sim import Status, Success, VendorSim

pytestmark = pytest.mark.sockets


async def breaker(gateway: Gateway, provider: str, *, of_model: bool) -> Any:
    """One breaker's status: the model's or the provider's own."""
    found = (await gateway.get("/api/v1/circuit-breakers")).body["circuit_breakers"]
    return next(one for one in found if one["provider"] == provider and (one["model"] is not None) is of_model)


async def test_an_outage_opens_the_breaker(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        for index in range(20):
            answer = await gateway.compare(sample_index=index)
            assert (answer.status, answer.body["provider"]) == (200, "anthropic")
        assert sim.count("openai") == 6, "three requests, each with two attempts, and then silence"
        assert sim.count("anthropic") == 20
        of_model = await breaker(gateway, "openai", of_model=True)
        assert of_model["state"] == "open"
        assert 0 < of_model["retry_in_ms"] <= 11_000
        assert of_model["last_failure"] == "server_error"
        assert (await breaker(gateway, "openai", of_model=False))["state"] == "closed", "the vendor did answer"
        assert await gateway.metric("llm_provider_circuit_breaker_state", provider="openai", model="gpt-5-mini") == 1
        assert await gateway.metric("llm_provider_attempts_total", provider="openai", outcome="server_error") == 6


async def test_an_open_breaker_answers_at_once_and_calls_nobody(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        for index in range(3):
            await gateway.compare(sample_index=index)
        calls = sim.count("openai")
        answer = await gateway.compare(sample_index=9)
        assert (answer.status, answer.body["code"]) == (503, "CIRCUIT_BREAKER_OPEN")
        assert 1 <= int(answer.headers["Retry-After"]) <= 11
        assert sim.count("openai") == calls
        assert (await gateway.get("/healthz")).body["status"] == "degraded", "nobody who names no model is answered"


async def test_one_bad_model_does_not_take_the_vendor_away(sim: VendorSim) -> None:
    named = {"provider_override": "openai", "model_override": "gpt-4.1-mini"}
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        for index in range(3):
            await gateway.compare(sample_index=index, llm_config_overrides=named, fallback="none")
        assert (await gateway.get("/healthz")).body["status"] == "healthy"
        assert (await gateway.get("/api/v1/providers")).body["providers"][0]["circuit_breaker_state"] == "open"
        sim.always("openai", Success())
        assert (await gateway.compare(sample_index=9)).status == 200


async def test_exactly_one_probe_goes_out_and_one_success_closes(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    settings = vendors(sim, "openai", "anthropic") | {"LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": 0.5}
    async with running_gateway(**settings) as gateway:
        for index in range(3):
            await gateway.compare(sample_index=index)
        sim.always("openai", Success(delay=1.0))
        before = sim.count("openai")
        await asyncio.sleep(0.6)
        answers = await asyncio.gather(*(gateway.compare(sample_index=100 + index) for index in range(100)))
        assert {answer.status for answer in answers} == {200}
        assert sim.count("openai") == before + 1
        assert (await breaker(gateway, "openai", of_model=True))["state"] == "closed"


async def test_a_dead_provider_opens_its_own_breaker(sim: VendorSim) -> None:
    settings = vendors(sim, "openai", "anthropic") | {"OPENAI_BASE_URL": "http://127.0.0.1:1"}
    async with running_gateway(**settings) as gateway:
        for index in range(6):
            answer = await gateway.compare(sample_index=index)
            assert (answer.status, answer.body["provider"]) == (200, "anthropic")
        of_provider = await breaker(gateway, "openai", of_model=False)
        assert (of_provider["state"], of_provider["last_failure"]) == ("open", "connect_failed")
        assert (await gateway.get("/healthz")).body["status"] == "degraded"
        assert (await gateway.get("/readyz")).status == 200
        assert await gateway.metric("llm_provider_attempts_total", provider="openai", outcome="connect_failed") == 5


async def test_a_switched_off_breaker_never_opens(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, "openai", "anthropic"), CIRCUIT_BREAKER_ENABLED=False) as gateway:
        for index in range(6):
            await gateway.compare(sample_index=index)
        assert sim.count("openai") == 12
