"""What a failure costs is in the books, to the last token; what cannot be counted leaves them as they were."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.accounting.price_book import PriceBook
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.domain.usage import Usage
from tests.support.gateway import MODELS, Gateway, running_gateway, vendors
from tests.vendor_sim import ERRORS, MaxTokens, Refusal, SafetyBlock, Status, Success, Tokens, VendorSim, scenario_named
from tests.vendor_sim.scenarios import Scenario

pytestmark = pytest.mark.sockets

P = "llm_provider_"
COUNTED = {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000}
CUT = Success(text="", finish="RECITATION", tokens=Tokens(input=900, output=50))
PAID: dict[str, tuple[str, Scenario]] = {
    "B25-prompt": ("google", SafetyBlock(prompt=True)),
    "B26-safety": ("google", SafetyBlock()),
    "B26-recitation": ("google", CUT),
    "B26-filter": ("openai", SafetyBlock()),
    "B27-openai": ("openai", Refusal()),
    "B27-anthropic": ("anthropic", Refusal()),
    "B28-openai": ("openai", MaxTokens()),
    "B28-anthropic": ("anthropic", MaxTokens()),
    "B28-google": ("google", MaxTokens()),
    "B29-openai": ("openai", MaxTokens(empty=True)),
    "B29-anthropic": ("anthropic", MaxTokens(empty=True)),
    "B29-google": ("google", MaxTokens(empty=True)),
}
MISCOUNTED: list[Mapping[str, Any]] = [
    {**COUNTED, "prompt_tokens": math.nan},
    {**COUNTED, "prompt_tokens": math.inf},
    {**COUNTED, "completion_tokens": -math.inf},
    {**COUNTED, "prompt_tokens": -5},
    {**COUNTED, "completion_tokens": 1.5},
    {**COUNTED, "completion_tokens": "many"},
    {**COUNTED, "prompt_tokens": 10**18},
    {},
]


def list_price(vendor: str, tokens: Tokens) -> float:
    """What *tokens* cost at the vendor's default model."""
    now = datetime.now(UTC)
    target = Target(LLMProviderType(vendor), MODELS[vendor])
    usage = Usage(input_tokens=tokens.input, output_tokens=tokens.output)
    cost = PriceBook(lambda: now).cost(target, None, usage, at=now)
    assert cost.usd is not None
    return float(cost.usd)


@pytest.mark.parametrize("row", PAID)
async def test_a_refused_or_truncated_answer_of_a_priced_model_costs_its_list_price(sim: VendorSim, row: str) -> None:
    vendor, play = PAID[row]
    sim.always(vendor, play)
    async with running_gateway(**vendors(sim, vendor)) as gateway:
        assert (await gateway.compare()).status in {422, 502}
        cost = await gateway.metric(P + "cost_dollars_total", provider=vendor, model=MODELS[vendor])
        today = (await gateway.get("/api/v1/providers")).body["total_cost_today"]
        assert await gateway.metric(P + "unpriced_answers_total") == 0
    charged = sim.billed(vendor)
    assert charged.input > 0
    assert cost == pytest.approx(list_price(vendor, charged))
    assert float(today) == pytest.approx(cost)


async def test_what_a_vendor_may_not_charge_for_is_in_no_sum(sim: VendorSim) -> None:
    """OpenRouter says of answers with an error for an end that they are not charged, however many tokens it names."""
    sim.script("openrouter", [scenario_named("openrouter-broken-off")])
    async with running_gateway(**vendors(sim, "openrouter")) as gateway:
        answer = (await gateway.compare()).body
        assert (answer["attempts"], sim.count()) == (2, 2)
        last = sim.calls("openrouter")[-1].billed
        assert last is not None
        assert answer["token_usage"]["prompt_tokens"] == last.input
        assert float(answer["cost_usd"]) == pytest.approx(list_price("openrouter", last))
        assert await gateway.metric(P + "cost_dollars_total") == pytest.approx(list_price("openrouter", last))
        assert await gateway.metric(P + "attempts_total", outcome="broken_off") == 1


POLICY = {"message": "Rejected.", "type": "invalid_request_error", "param": None, "code": "content_policy_violation"}
FILTERED = {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}


@pytest.mark.parametrize(
    ("vendor", "play"),
    [
        ("openrouter", ERRORS["openrouter-moderation"]),
        ("openai", Status(400, {"error": POLICY})),
        ("anthropic", Status(400, {"type": "error", "error": FILTERED})),
    ],
)
async def test_what_moderation_turns_away_with_an_error_costs_nothing_and_is_not_unpriced(
    sim: VendorSim, vendor: str, play: Scenario
) -> None:
    sim.always(vendor, play)
    async with running_gateway(**vendors(sim, vendor)) as gateway:
        assert (await gateway.compare()).body["code"] == "CONTENT_REFUSED"
        for name in ("cost_dollars_total", "tokens_used_total", "unpriced_answers_total"):
            assert await gateway.metric(P + name) == 0
        assert await gateway.metric(P + "attempts_total", outcome="content_refused") == 1
    assert sim.billed(vendor) == Tokens()


async def counters(gateway: Gateway) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Everything that may only grow."""
    families = text_string_to_metric_families((await gateway.get("/metrics")).body)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        if family.type in {"counter", "histogram"}
        for sample in family.samples
    }


async def test_counts_that_are_none_leave_every_counter_finite_and_none_smaller(sim: VendorSim) -> None:
    sim.script("openai", [Success(usage=COUNTED), *(Success(usage=usage) for usage in MISCOUNTED)])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        first = await gateway.compare()
        before = await counters(gateway)
        cost, tokens = P + "cost_dollars_total", P + "tokens_used_total"
        booked = [await gateway.metric(cost), await gateway.metric(tokens)]
        for index, usage in enumerate(MISCOUNTED, 1):
            answer = await gateway.compare(sample_index=index)
            assert (answer.status, answer.body["cost_usd"]) == (200, None), usage
            after = await counters(gateway)
            assert all(map(math.isfinite, after.values())), usage
            assert [name for name, value in before.items() if after[name] < value] == [], usage
            before = after
        assert [await gateway.metric(cost), await gateway.metric(tokens)] == booked
        assert await gateway.metric(P + "unpriced_answers_total", provider="openai") == len(MISCOUNTED)
        assert (await gateway.get("/api/v1/providers")).body["total_cost_today"] == first.body["cost_usd"]


async def test_two_answers_with_one_id_of_the_vendor_have_two_of_ours(sim: VendorSim) -> None:
    sim.always("openai", Success(extra={"id": "chatcmpl-same"}))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        answers = [await gateway.compare(sample_index=index) for index in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert len({answer.body["request_id"] for answer in answers}) == 2
    assert sim.count("openai") == 2


async def test_a_dearer_model_that_nobody_lists_is_not_sold_at_the_price_of_the_one_that_was_asked(
    sim: VendorSim,
) -> None:
    sim.script("openai", [Success(served_model="gpt-5-mini-2027-01-31"), Success(served_model="house-model-9")])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        snapshot, stranger = [await gateway.compare(sample_index=index) for index in range(2)]
        assert snapshot.body["pricing_status"] == "priced"
        assert (stranger.body["pricing_status"], stranger.body["cost_usd"]) == ("unpriced", None)
        assert await gateway.metric(P + "unpriced_answers_total", provider="openai") == 1
