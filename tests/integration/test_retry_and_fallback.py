"""What happens when a vendor fails: retries, fallbacks, and what the caller is told, with every call counted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.gateway import running_gateway, vendors
from tests.vendor_sim import ERRORS, Status, Success, VendorSim

pytestmark = pytest.mark.sockets


def outcomes(body: Any) -> list[str]:
    """The outcomes of a problem's attempts, in order."""
    return [attempt["outcome"] for attempt in body["attempts"]]


async def test_a_hiccup_is_retried_on_the_same_target(sim: VendorSim) -> None:
    sim.script("openai", [Status(503), Success()])
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await gateway.compare()
        assert (answer.status, answer.body["provider"], answer.body["attempts"]) == (200, "openai", 2)
        assert answer.body["flags"] == []
        assert (sim.count("openai"), sim.count("anthropic")) == (2, 0)


async def test_a_target_gets_two_attempts_while_another_can_answer(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await gateway.compare()
        assert (answer.status, answer.body["provider"]) == (200, "anthropic")
        assert answer.body["flags"] == ["fallback_used"]
        assert answer.body["attempts"] == 3
        assert (sim.count("openai"), sim.count("anthropic")) == (2, 1)


async def test_the_last_candidate_gets_three_attempts_but_no_request_more_than_four(sim: VendorSim) -> None:
    for vendor in ("openai", "anthropic", "google"):
        sim.always(vendor, Status(503))
    async with running_gateway(**vendors(sim, "openai", "anthropic", "google")) as gateway:
        answer = await gateway.compare()
        assert (answer.status, answer.body["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.body["retryable"] is True
        assert (sim.count("openai"), sim.count("anthropic"), sim.count("google")) == (2, 2, 0)
    sim.reset()
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        answer = await gateway.compare()
        assert answer.status == 503
        assert outcomes(answer.body) == ["server_error"] * 3
        assert sim.count("openai") == 3


async def test_fallback_none_asks_nobody_else(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await gateway.compare(fallback="none")
        assert answer.status == 503
        assert (sim.count("openai"), sim.count("anthropic")) == (3, 0)


async def test_fallback_same_model_finds_the_same_weights_elsewhere(sim: VendorSim) -> None:
    sim.always("anthropic", Status(529, ERRORS["anthropic-overloaded"].body))
    async with running_gateway(**vendors(sim, "anthropic", "openai", "openrouter")) as gateway:
        answer = await gateway.compare(fallback="same_model")
        assert answer.status == 200, answer.body
        assert answer.body["provider"] == "openrouter"
        assert answer.body["flags"] == ["fallback_used"]
        assert sim.count("openai") == 0


async def test_an_override_beats_the_strategy(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await gateway.compare(llm_config_overrides={"provider_override": "anthropic"})
        assert answer.body["provider"] == "anthropic"
        assert sim.count("openai") == 0


async def test_a_short_cooldown_is_waited_for_and_a_long_one_falls_back_at_once(sim: VendorSim) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "1"}), Success()])
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await gateway.compare()
        assert answer.body["provider"] == "openai"
        first, second = sim.calls("openai")
        assert second.at - first.at >= 1.0
    sim.reset()
    sim.script("openai", [Status(429, headers={"Retry-After": "30"})])
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await gateway.compare()
        assert answer.body["provider"] == "anthropic"
        assert answer.body["response_time_ms"] < 900
        assert (await gateway.compare(sample_index=1)).body["provider"] == "anthropic"
        assert sim.count("openai") == 1, "a cooling target is left alone"


async def test_a_rate_limit_never_opens_a_breaker(sim: VendorSim) -> None:
    sim.always("openai", Status(429, headers={"Retry-After": "0.01"}))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        for index in range(5):
            answer = await gateway.compare(sample_index=index)
            assert answer.status == 503
        breakers = (await gateway.get("/api/v1/circuit-breakers")).body["circuit_breakers"]
        assert {breaker["state"] for breaker in breakers} == {"closed"}


@pytest.mark.parametrize(
    ("vendor", "error", "status", "code", "calls"),
    [
        ("openai", "openai-bad-key", 502, "PROVIDER_AUTHENTICATION_ERROR", 1),
        ("anthropic", "anthropic-bad-key", 502, "PROVIDER_AUTHENTICATION_ERROR", 1),
        ("google", "gemini-bad-key", 502, "PROVIDER_AUTHENTICATION_ERROR", 1),
        ("openai", "openai-too-long", 422, "CONTEXT_LENGTH_EXCEEDED", 1),
        ("anthropic", "anthropic-too-long", 422, "CONTEXT_LENGTH_EXCEEDED", 1),
        ("google", "gemini-too-long", 422, "CONTEXT_LENGTH_EXCEEDED", 1),
        ("openai", "openai-quota", 503, "SERVICE_UNAVAILABLE", 1),
        ("google", "gemini-per-day", 503, "SERVICE_UNAVAILABLE", 1),
        ("anthropic", "anthropic-billing", 503, "SERVICE_UNAVAILABLE", 1),
        ("anthropic", "anthropic-no-model", 422, "INVALID_REQUEST", 1),
        ("google", "gemini-no-model", 422, "INVALID_REQUEST", 1),
        ("anthropic", "anthropic-too-large", 422, "INVALID_REQUEST", 1),
        ("anthropic", "anthropic-bad-request", 422, "INVALID_REQUEST", 1),
        ("anthropic", "anthropic-overloaded", 503, "SERVICE_UNAVAILABLE", 3),
        ("google", "gemini-internal", 503, "SERVICE_UNAVAILABLE", 3),
    ],
)
async def test_each_failure_has_its_answer_and_its_number_of_calls(
    sim: VendorSim, vendor: str, error: str, status: int, code: str, calls: int
) -> None:
    sim.always(vendor, ERRORS[error])
    async with running_gateway(**vendors(sim, vendor)) as gateway:
        answer = await gateway.compare()
        assert (answer.status, answer.body["code"]) == (status, code), answer.body
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.body["provider"] == vendor
        assert sim.count(vendor) == len(answer.body["attempts"]) == calls


async def test_what_only_this_vendor_cannot_do_goes_to_the_next(sim: VendorSim) -> None:
    sim.always("openai", ERRORS["openai-bad-key"])
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        for index in range(3):
            answer = await gateway.compare(sample_index=index)
            assert (answer.status, answer.body["provider"]) == (200, "anthropic")
        assert sim.count("openai") == 1, "a refused key opens the provider's breaker at once"


async def test_what_every_vendor_would_refuse_goes_nowhere_else(sim: VendorSim) -> None:
    sim.always("openai", ERRORS["openai-too-long"])
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await gateway.compare()
        assert (answer.status, sim.count("anthropic")) == (422, 0)
