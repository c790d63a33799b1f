"""Fallback modes against overrides, models that nobody knows, and what a model cannot do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.gateway import MODELS, Answer, Gateway, running_gateway, vendors
from tests.vendor_sim import ERRORS, Status, VendorSim

pytestmark = pytest.mark.sockets

ALL = ("openai", "anthropic", "google", "openrouter")
CLAUDE = "claude-sonnet-4-5"


async def asked(gateway: Gateway, fallback: str = "any", **overrides: Any) -> Answer:
    """One comparison with these overrides (without their suffix)."""
    named = {f"{name}_override" if name != "reasoning_effort" else name: value for name, value in overrides.items()}
    return await gateway.compare(fallback=fallback, llm_config_overrides=named, cache="bypass")


async def test_a_model_that_nobody_knows_needs_a_provider_and_a_known_one_does_not(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, *ALL)) as gateway:
        refused = await asked(gateway, model="gpt-99-turbo")
        assert (refused.status, refused.body["code"]) == (400, "VALIDATION_ERROR")
        assert refused.body["errors"][0]["pointer"] == "/llm_config_overrides/model_override"
        assert sim.count() == 0
        taken = await asked(gateway, provider="openai", model="gpt-99-turbo")
        assert (taken.status, taken.body["provider"], taken.body["flags"]) == (200, "openai", ["unknown_model"])
        assert taken.body["requested_model"] == taken.body["model"] == "gpt-99-turbo"
        assert (taken.body["cost_usd"], taken.body["pricing_status"]) == (None, "unpriced")
        assert sim.calls("openai")[0].model == "gpt-99-turbo"
        assert (await asked(gateway, model=MODELS["anthropic"])).body["provider"] == "anthropic"


@pytest.mark.parametrize(
    ("fallback", "provider", "flags"),
    [("any", "anthropic", ["fallback_used"]), ("none", None, []), ("same_model", None, [])],
)
async def test_an_unknown_model_that_fails_is_replaced_only_if_anything_will_do(
    sim: VendorSim, fallback: str, provider: str | None, flags: list[str]
) -> None:
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, *ALL)) as gateway:
        answer = await asked(gateway, fallback, provider="openai", model="gpt-99-turbo")
        assert answer.status == (200 if provider else 503), answer.body
        if provider:
            assert (answer.body["provider"], answer.body["flags"]) == (provider, flags)
            assert (answer.body["requested_provider"], answer.body["requested_model"]) == ("openai", "gpt-99-turbo")
        else:
            assert sim.count() == sim.count("openai") == 3


@pytest.mark.parametrize(
    ("fallback", "providers"),
    [("any", ["anthropic", "openrouter"]), ("same_model", ["anthropic", "openrouter"]), ("none", ["anthropic"])],
)
async def test_a_model_that_several_have_is_asked_of_them_in_turn(
    sim: VendorSim, fallback: str, providers: list[str]
) -> None:
    sim.always("anthropic", Status(503))
    async with running_gateway(**vendors(sim, *ALL)) as gateway:
        answer = await asked(gateway, fallback, model=CLAUDE)
        assert {call.vendor.value for call in sim.calls()} == set(providers), answer.body
        assert answer.status == (200 if len(providers) > 1 else 503)


async def test_the_same_model_is_looked_for_beyond_a_named_provider(sim: VendorSim) -> None:
    sim.always("anthropic", ERRORS["anthropic-overloaded"])
    async with running_gateway(**vendors(sim, *ALL)) as gateway:
        answer = await asked(gateway, "same_model", provider="anthropic", model=CLAUDE)
        assert (answer.status, answer.body["provider"]) == (200, "openrouter"), answer.body
        assert answer.body["flags"] == ["fallback_used"]
        assert (sim.count("openai"), sim.count("google")) == (0, 0)


async def test_what_the_named_model_cannot_do_is_a_400_that_names_who_can(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await asked(gateway, provider="openai", temperature=0.2)
        assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR"), answer.body
        assert answer.body["errors"][0]["pointer"] == "/llm_config_overrides/temperature_override"
        assert f"anthropic/{MODELS['anthropic']}" in answer.body["detail"]
        assert sim.count() == 0


async def test_nobody_who_lacks_what_was_given_is_a_fallback(sim: VendorSim) -> None:
    sim.always("anthropic", Status(503))
    async with running_gateway(**vendors(sim, "anthropic", "openai", "google")) as gateway:
        answer = await asked(gateway, provider="anthropic", temperature=0.2)
        assert (answer.status, answer.body["provider"]) == (200, "google"), answer.body
        assert sim.count("openai") == 0, "it would refuse the temperature"


async def test_without_an_override_the_strategy_passes_over_who_lacks_something(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await asked(gateway, temperature=0)
        assert (answer.status, answer.body["provider"], answer.body["flags"]) == (200, "anthropic", []), answer.body


async def test_a_provider_that_is_not_live_is_a_400(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        answer = await asked(gateway, provider="google")
        assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR")
        assert answer.body["errors"][0]["pointer"] == "/llm_config_overrides/provider_override"
        assert "openai" in answer.body["detail"]


async def test_the_day_is_summed_to_the_last_decimal(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, *ALL)) as gateway:
        answers = [
            await gateway.compare(sample_index=index, llm_config_overrides={"provider_override": name})
            for index, name in enumerate(ALL * 3)
        ]
        again = await gateway.compare(sample_index=0, llm_config_overrides={"provider_override": ALL[0]})
        assert (again.body["cached"], again.body["cost_usd"]) == (True, "0")
        spent = sum((Decimal(answer.body["cost_usd"]) for answer in answers), Decimal(0))
        body = (await gateway.get("/api/v1/providers")).body
        assert Decimal(body["total_cost_today"]) == spent > 0
        assert body["total_requests_today"] == 13
        assert "e" not in body["total_cost_today"].lower()
