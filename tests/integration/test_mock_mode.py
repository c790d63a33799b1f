"""The mock: it answers everything when it is asked to, and is nobody's fallback."""

from __future__ import annotations

import asyncio
import time

import pytest

from common_core.llm_contracts import LLMComparisonResponse
from services.llm_provider_service.implementations.mock_provider_impl import MOCK_MODEL
from tests.support.gateway import ESSAY_A, ESSAY_B, running_gateway, vendors
from tests.vendor_sim import Status, VendorSim

pytestmark = pytest.mark.sockets


async def test_asked_for_the_mock_answers_beside_configured_vendors(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai", "anthropic"), USE_MOCK_LLM=True) as gateway:
        for override in (None, "openai", "google", "mock"):
            overrides = {"provider_override": override, "model_override": "gpt-5-mini"}
            answer = await gateway.compare(llm_config_overrides=overrides, cache="bypass")
            verdict = LLMComparisonResponse.model_validate(answer.body)
            assert (verdict.provider, verdict.model) == ("mock", MOCK_MODEL)
            assert (verdict.requested_provider, verdict.requested_model) == (override, "gpt-5-mini")
            assert (verdict.cost_usd, verdict.pricing_status, verdict.flags) == ("0", "free", [])
        assert sim.count() == 0
        assert [one["provider"] for one in (await gateway.get("/api/v1/providers")).body["providers"]] == ["mock"]
        assert len((await gateway.get("/healthz")).body["warnings"]) == 1


@pytest.mark.parametrize(
    "overrides",
    [
        {"model_override": "a-model-of-tomorrow"},
        {"temperature_override": 0},
        {"reasoning_effort": "high"},
        {"system_prompt_override": "Judge like a poet."},
        {"max_tokens_override": 1000},
    ],
    ids=lambda overrides: next(iter(overrides)),
)
async def test_in_mock_mode_every_override_is_accepted(overrides: dict[str, object]) -> None:
    async with running_gateway() as gateway:
        answer = await gateway.compare(llm_config_overrides=overrides)
        assert (answer.status, answer.body["provider"]) == (200, "mock"), answer.body


async def test_the_mock_is_never_a_fallback_of_real_vendors(sim: VendorSim) -> None:
    sim.always("openai", Status(500))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        assert (await gateway.compare()).status == 503
        asked = await gateway.compare(llm_config_overrides={"provider_override": "mock"})
        assert (asked.status, asked.body["code"]) == (400, "VALIDATION_ERROR")
        assert asked.body["errors"][0]["pointer"] == "/llm_config_overrides/provider_override"


async def test_a_mock_that_is_not_wanted_answers_nothing() -> None:
    async with running_gateway(USE_MOCK_LLM=False) as gateway:
        assert (await gateway.get("/readyz")).status == 503
        assert (await gateway.compare()).status == 503
    async with running_gateway(USE_MOCK_LLM=True, ENVIRONMENT="production") as gateway:
        assert (await gateway.get("/readyz")).status == 200
        assert (await gateway.compare()).status == 200


async def test_the_verdict_is_a_reading_and_not_a_coin() -> None:
    async with running_gateway() as gateway:
        first = await gateway.compare(cache="bypass")
        again = await gateway.compare(cache="bypass")
        swapped = await gateway.compare(essay_a=ESSAY_B, essay_b=ESSAY_A)
        assert first.body["winner"] == again.body["winner"] == "Essay A"
        assert first.body["justification"] == again.body["justification"]
        assert swapped.body["winner"] == "Essay B"
        assert first.body["token_usage"]["prompt_tokens"] > 50


async def test_latency_is_as_long_as_asked_and_within_the_callers_deadline() -> None:
    async with running_gateway(MOCK_LATENCY_MS=300) as gateway:
        started = time.monotonic()
        answers = await asyncio.gather(*(gateway.compare(sample_index=index) for index in range(20)))
        assert {answer.status for answer in answers} == {200}
        assert min(answer.body["response_time_ms"] for answer in answers) >= 300
        assert time.monotonic() - started < 3, "they wait side by side"
    async with running_gateway(MOCK_LATENCY_MS=5000) as gateway:
        late = await gateway.compare(headers={"X-Request-Timeout-Ms": "600"})
        assert (late.status, late.body["code"]) == (504, "TIMEOUT")
        found = (await gateway.get("/api/v1/circuit-breakers")).body["circuit_breakers"]
        assert all(breaker["failures"] == 0 for breaker in found)


async def test_errors_come_as_often_as_asked() -> None:
    async with running_gateway(MOCK_ERROR_RATE=1.0) as gateway:
        answer = await gateway.compare()
        assert (answer.status, answer.body["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert [attempt["outcome"] for attempt in answer.body["attempts"]] == ["server_error"] * 3
    async with running_gateway(MOCK_ERROR_RATE=0.3, CIRCUIT_BREAKER_ENABLED=False) as gateway:
        statuses = [(await gateway.compare(sample_index=index)).status for index in range(20)]
        assert statuses.count(200) >= 17, "retries hide nearly all of them"
        assert await gateway.metric("llm_provider_attempts_total", provider="mock", outcome="server_error") >= 2


async def test_the_mock_can_be_tested_like_any_provider() -> None:
    async with running_gateway() as gateway:
        answer = await gateway.ask("POST", "/api/v1/providers/mock/test")
        assert (answer.status, answer.body["success"], answer.body["model"]) == (200, True, MOCK_MODEL)
        assert (await gateway.ask("POST", "/api/v1/providers/openai/test")).status == 404
