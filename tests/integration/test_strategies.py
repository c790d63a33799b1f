"""Who answers: each selection strategy and the routing rules, through the front door, counted by the simulator."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from huleedu_service_libs.http_server.lifespan import Lifespan, LifespanFailed
from services.llm_provider_service.config import Settings
from services.llm_provider_service.routing.rule_parser import RuleError
from services.llm_provider_service.startup_setup import create_app
from tests.support.gateway import Gateway, running_gateway, vendors
from tests.vendor_sim import Status, Success, VendorSim

pytestmark = pytest.mark.sockets

THREE = ("openai", "anthropic", "google")


def strategy(sim: VendorSim, name: str, **more: Any) -> dict[str, Any]:
    """Three vendors under this strategy."""
    return vendors(sim, *THREE) | {"PROVIDER_SELECTION_STRATEGY": name} | more


async def who_answers(gateway: Gateway, requests: int, *, first: int = 0) -> list[str]:
    """The vendors that answer so many different requests, one after the other."""
    answers = [await gateway.compare(sample_index=first + index) for index in range(requests)]
    assert {answer.status for answer in answers} == {200}
    return [answer.body["provider"] for answer in answers]


async def test_priority_asks_the_first_and_then_the_next(sim: VendorSim) -> None:
    settings = strategy(sim, "priority") | {"PROVIDER_PRIORITY_ORDER": ("google", "openai", "anthropic")}
    async with running_gateway(**settings) as gateway:
        assert await who_answers(gateway, 5) == ["google"] * 5
        sim.always("google", Status(429, headers={"Retry-After": "30"}))
        assert await who_answers(gateway, 3, first=10) == ["openai"] * 3
        assert sim.count("google") == 6


async def test_round_robin_takes_turns_and_skips_who_is_away(sim: VendorSim) -> None:
    async with running_gateway(**strategy(sim, "round-robin")) as gateway:
        assert await who_answers(gateway, 6) == list(THREE) * 2
        sim.always("anthropic", Status(429, headers={"Retry-After": "30"}))
        await who_answers(gateway, 3, first=10)
        assert Counter(await who_answers(gateway, 10, first=20)) == {"openai": 5, "google": 5}


async def test_weighted_shares_as_the_weights_say_and_smoothly(sim: VendorSim) -> None:
    settings = strategy(sim, "weighted", PROVIDER_WEIGHTS={"openai": 5, "anthropic": 2, "google": 1})
    async with running_gateway(**settings) as gateway:
        answered = await who_answers(gateway, 16)
        assert Counter(answered) == {"openai": 10, "anthropic": 4, "google": 2}
        assert Counter(answered[:8]) == Counter(answered[8:]), "each round holds every share"
        assert "openai openai openai openai" not in " ".join(answered)


async def test_least_cost_asks_the_cheapest_for_this_request(sim: VendorSim) -> None:
    async with running_gateway(**strategy(sim, "least-cost")) as gateway:
        costs = {}
        for name in THREE:
            overrides = {"provider_override": name}
            costs[name] = float(
                (await gateway.compare(llm_config_overrides=overrides, cache="bypass")).body["cost_usd"]
            )
        cheapest = min(costs, key=lambda name: costs[name])
        assert cheapest != "anthropic"
        assert set(await who_answers(gateway, 4, first=10)) == {cheapest}


async def test_least_latency_tries_everybody_once_and_then_asks_the_fastest(sim: VendorSim) -> None:
    for name, delay in zip(THREE, (0.3, 0.2, 0.01), strict=True):
        sim.always(name, Success(delay=delay))
    async with running_gateway(**strategy(sim, "least-latency")) as gateway:
        assert sorted(await who_answers(gateway, 3)) == sorted(THREE)
        assert await who_answers(gateway, 6, first=10) == ["google"] * 6


async def test_least_busy_avoids_who_has_much_to_do(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=2))
    two = vendors(sim, "openai", "anthropic") | {"PROVIDER_SELECTION_STRATEGY": "least-busy"}
    async with running_gateway(**two) as gateway:
        only_openai = {"provider_override": "openai"}
        busy = [
            asyncio.create_task(gateway.compare(sample_index=i, llm_config_overrides=only_openai)) for i in range(3)
        ]
        await sim.has_read(3, "openai")
        assert await who_answers(gateway, 12, first=10) == ["anthropic"] * 12
        await asyncio.gather(*busy)


async def test_random_leaves_nobody_out(sim: VendorSim) -> None:
    async with running_gateway(**strategy(sim, "random")) as gateway:
        answered = Counter(await who_answers(gateway, 60))
        assert set(answered) == set(THREE)
        assert max(answered.values()) < 45


@pytest.mark.parametrize(
    "name", ["priority", "round-robin", "weighted", "least-cost", "least-latency", "least-busy", "random"]
)
async def test_whatever_the_strategy_an_override_beats_it_and_a_dead_vendor_costs_no_answer(
    sim: VendorSim, name: str
) -> None:
    sim.always("openai", Status(500))
    async with running_gateway(**strategy(sim, name)) as gateway:
        answered = await who_answers(gateway, 12)
        assert "openai" not in answered
        asked = await gateway.compare(sample_index=99, llm_config_overrides={"provider_override": "anthropic"})
        assert (asked.body["provider"], asked.body["flags"]) == ("anthropic", [])
        assert (await gateway.get("/api/v1/providers")).body["selection_strategy"] == name


RULES = json.dumps(
    [
        {"when": {"tag": ["exam"]}, "use": {"provider": "anthropic"}},
        {"when": {"user": "u-7"}, "use": {"provider": "google", "model": "gemini-2.5-pro"}},
        {"when": {"min_input_bytes": 20_000}, "use": {"strategy": "round-robin"}},
    ]
)


async def test_rules_send_requests_where_the_operator_wants_them(sim: VendorSim) -> None:
    async with running_gateway(**strategy(sim, "priority", ROUTING_RULES=RULES)) as gateway:
        assert (await gateway.compare()).body["provider"] == "openai"
        assert (await gateway.compare(tags=["x", "exam"])).body["provider"] == "anthropic"
        by_user = (await gateway.compare(user_id="u-7")).body
        assert (by_user["provider"], by_user["requested_model"]) == ("google", None)
        assert sim.calls("google")[0].model == "gemini-2.5-pro"
        long: dict[str, Any] = {"essay_a": "A long essay. " * 2000}
        turns = [(await gateway.compare(sample_index=index, **long)).body["provider"] for index in range(3)]
        assert sorted(turns) == sorted(THREE)
        named = await gateway.compare(tags=["exam"], llm_config_overrides={"provider_override": "google"})
        assert named.body["provider"] == "google", "a rule takes no choice away from the caller"


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ('[{"when": {"tag": "a"}, "use": {"provider": "ollama"}}]', "ROUTING_RULES[0]"),
        ('[{"when": {"caller": "nobody"}, "use": {"provider": "openai"}}]', "ROUTING_RULES[0]"),
        (
            '[{"use": {"provider": "openai"}}, {"when": {"tag": "a"}, "use": {"provider": "google"}}]',
            "ROUTING_RULES[1]",
        ),
        ('[{"when": {"tag": "a"}}]', "ROUTING_RULES[0]"),
        ("[{", "ROUTING_RULES"),
        (
            '[{"when": {"request_type": "comparison", "max_input_bytes": 500}, "use": {"provider": "openai"}}]',
            "ROUTING_RULES[0].when.max_input_bytes",
        ),
        (
            '[{"when": {"request_type": "provider_test", "tag": "a"}, "use": {"provider": "openai"}}]',
            "ROUTING_RULES[0].when.tag",
        ),
    ],
    ids=["not live", "nobody calls", "covered", "chooses nothing", "no JSON", "too small", "no tags"],
)
async def test_a_rule_that_can_never_match_is_refused_at_start(sim: VendorSim, rules: str, why: str) -> None:
    settings = Settings(_env_file=None, **strategy(sim, "priority", ROUTING_RULES=rules))
    with pytest.raises((RuleError, LifespanFailed)) as refused:
        await Lifespan(create_app(settings)).startup()
    assert why in str(refused.value)
