"""The cache through the front door: what is kept, for whom, and what is never merged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from huleedu_service_libs.workers.peers import Handler, PeerAnswers
from services.llm_provider_service.config import Settings
from services.llm_provider_service.startup_setup import create_app
from tests.support.gateway import ESSAY_A, ESSAY_B, gateway_of, running_gateway, vendors
from tests.vendor_sim import MaxTokens, Refusal, Status, Success, VendorSim

pytestmark = pytest.mark.sockets


async def test_the_same_question_is_paid_for_once(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        first = await gateway.compare(user_id="a", tags=["x"], metadata={"n": 1})
        second = await gateway.compare(user_id="b", metadata={"n": 2})
        assert (first.body["cached"], second.body["cached"]) == (False, True)
        assert (second.body["attempts"], second.body["cost_usd"], second.body["metadata"]) == (0, "0", {"n": 2})
        for name in ("winner", "justification", "confidence", "model", "token_usage", "prompt_sha256"):
            assert second.body[name] == first.body[name]
        assert first.body["request_id"] != second.body["request_id"]
        assert sim.count() == 1
        stats = (await gateway.get("/api/v1/cache/stats")).body
        assert (stats["hits"], stats["misses"], stats["entries"]) == (1, 1, 1)
        assert await gateway.metric("llm_provider_cache_hits_total", provider="openai") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"sample_index": 1},
        {"user_prompt": "Another question?"},
        {"essay_a": ESSAY_B, "essay_b": ESSAY_A},
        {"llm_config_overrides": {"max_tokens_override": 500}},
        {"llm_config_overrides": {"system_prompt_override": "Judge like a poet."}},
        {"llm_config_overrides": {"model_override": "gpt-4.1-mini"}},
        {"llm_config_overrides": {"provider_override": "anthropic"}},
    ],
    ids=lambda change: next(iter(change)) if isinstance(change, dict) else str(change),
)
async def test_anything_that_can_change_the_answer_is_another_question(sim: VendorSim, change: dict[str, Any]) -> None:
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        await gateway.compare()
        answer = await gateway.compare(**change)
        assert (answer.status, answer.body["cached"]) == (200, False), answer.body
        assert sim.count() == 2


async def test_bypass_and_refresh_mean_what_they_say(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        await gateway.compare()
        assert (await gateway.compare(cache="bypass")).body["cached"] is False
        sim.always("openai", Success(text='{"justification": "New.", "winner": "Essay B", "confidence": 2}'))
        assert (await gateway.compare(cache="bypass")).body["winner"] == "Essay B"
        assert (await gateway.compare()).body["winner"] == "Essay A", "bypass does not write"
        assert (await gateway.compare(cache="refresh")).body["winner"] == "Essay B"
        kept = await gateway.compare(cache="use")
        assert (kept.body["winner"], kept.body["cached"]) == ("Essay B", True)
        assert sim.count() == 4


async def test_the_default_for_an_omitted_mode_is_a_setting(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai"), LLM_CACHE_DEFAULT="bypass") as gateway:
        assert [(await gateway.compare()).body["cached"] for _ in range(2)] == [False, False]
        assert [(await gateway.compare(cache="use")).body["cached"] for _ in range(2)] == [False, True]


async def test_without_a_cache_every_question_is_asked(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=0.1))
    async with running_gateway(**vendors(sim, "openai"), LLM_CACHE_ENABLED=False) as gateway:
        answers = await asyncio.gather(*(gateway.compare() for _ in range(5)))
        assert {answer.body["cached"] for answer in answers} == {False}
        assert sim.count() == 5
        assert (await gateway.get("/api/v1/cache/stats")).body["backend"] == "off"


async def test_identical_requests_at_the_same_time_share_one_call(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=0.3))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        answers = await asyncio.gather(*(gateway.compare() for _ in range(60)))
        assert sim.count() == 1
        assert sorted(answer.body["cached"] for answer in answers) == [False] + [True] * 59
        fresh = await asyncio.gather(*(gateway.compare(sample_index=index) for index in range(1, 11)))
        assert {answer.body["cached"] for answer in fresh} == {False}
        assert sim.count() == 11, "repeated judgements are separate samples"


async def test_a_follower_takes_over_when_the_leader_runs_out_of_time(sim: VendorSim) -> None:
    sim.script("openai", [Success(delay=3), Success()])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        leader = asyncio.create_task(gateway.compare(headers={"X-Request-Timeout-Ms": "800"}))
        await sim.has_read(1)
        follower = asyncio.create_task(gateway.compare())
        assert (await leader).status == 504
        answer = await follower
        assert (answer.status, answer.body["cached"]) == (200, False)
        assert sim.count() == 2


async def test_a_leaders_short_deadline_is_not_its_followers(sim: VendorSim) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "2"}, delay=0.4)])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        leader = asyncio.create_task(gateway.compare(headers={"X-Request-Timeout-Ms": "1200"}))
        await sim.has_read(1)
        follower = asyncio.create_task(gateway.compare())
        assert (await leader).status == 503, "there was no time to wait for the cooldown"
        assert (await follower).status == 200
        assert sim.count() == 2


async def test_a_refusal_is_paid_for_once_even_if_the_leader_hangs_up(sim: VendorSim) -> None:
    sim.always("openai", Refusal(delay=1.5))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        leader = asyncio.create_task(gateway.compare())
        await sim.has_read(1)
        follower = asyncio.create_task(gateway.compare())
        await asyncio.sleep(0.5)  # nothing tells that a follower follows
        leader.cancel()
        answer = await follower
        assert (answer.status, answer.body["code"], sim.count()) == (422, "CONTENT_REFUSED", 1)


async def test_an_answer_that_cannot_be_used_is_not_the_last_word_of_a_leader_who_hung_up(sim: VendorSim) -> None:
    sim.script("openai", [Success(text="no", delay=1.5), Success()])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        leader = asyncio.create_task(gateway.compare())
        await sim.has_read(1)
        follower = asyncio.create_task(gateway.compare())
        await asyncio.sleep(0.5)  # nothing tells that a follower follows
        leader.cancel()
        assert ((await follower).status, sim.count()) == (200, 2)


async def test_a_leader_with_no_time_for_a_slot_does_not_speak_for_its_followers(sim: VendorSim) -> None:
    sim.script("openai", [Success(delay=2.0)])
    async with running_gateway(**vendors(sim, "openai"), LLM_MAX_CONCURRENT_PER_PROVIDER=1) as gateway:
        holds_the_slot = asyncio.create_task(gateway.compare(sample_index=1))
        await sim.has_read(1)
        leader = asyncio.create_task(gateway.compare(headers={"X-Request-Timeout-Ms": "1500"}))
        await asyncio.sleep(0.5)  # nothing tells that a leader leads
        follower = asyncio.create_task(gateway.compare())
        assert ((await leader).status, (await follower).status) == (503, 200)
        assert ((await holds_the_slot).status, sim.count()) == (200, 2)


@pytest.mark.parametrize("answers", [["no"], ["no", "no"]], ids=["no time for the re-ask", "after the re-ask"])
async def test_only_what_more_time_could_change_is_the_leaders_own(sim: VendorSim, answers: list[str]) -> None:
    sim.script("openai", [*(Success(text=text, delay=0.7) for text in answers), Success()])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        hurry = {"X-Request-Timeout-Ms": "1100" if len(answers) == 1 else "20000"}
        leader = asyncio.create_task(gateway.compare(headers=hurry))
        await sim.has_read(1)
        follower = asyncio.create_task(gateway.compare())
        assert (await leader).body["code"] == "PARSING_ERROR"
        assert (await follower).status == (200 if len(answers) == 1 else 502)
        assert sim.count() == 2


class FrozenWorkers:
    """Other workers who do not say that they have forgotten."""

    alone = False

    def __init__(self) -> None:
        self.told = asyncio.Event()

    def on_question(self, question: str, handler: Handler, *, lasting: bool = False) -> None:
        """They ask nothing."""

    async def ask(self, question: str, argument: Any = None, **_times: float) -> PeerAnswers:
        """They hear it, and are silent for longer than a hang-up takes."""
        self.told.set()
        await asyncio.sleep(1.0)
        return PeerAnswers(asked=1, silent=1, others=1)


async def test_an_answer_is_kept_although_its_caller_hangs_up_before_the_other_workers_have_heard(
    sim: VendorSim,
) -> None:
    sim.always("openai", Success(delay=1.0))
    others = FrozenWorkers()
    async with gateway_of(create_app(Settings(_env_file=None, **vendors(sim, "openai")), others)) as gateway:
        leader = asyncio.create_task(gateway.compare(cache="refresh"))
        await sim.has_read(1)
        follower = asyncio.create_task(gateway.compare(cache="refresh"))
        await others.told.wait()
        leader.cancel()
        assert ((await follower).body["cached"], sim.count()) == (True, 1)


async def test_a_fallbacks_answer_is_kept_under_its_own_name(sim: VendorSim) -> None:
    sim.script("openai", [Status(503), Status(503)])
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        assert (await gateway.compare()).body["provider"] == "anthropic"
        back = await gateway.compare()
        assert (back.body["provider"], back.body["cached"]) == ("openai", False)
        asked = await gateway.compare(llm_config_overrides={"provider_override": "anthropic"})
        assert (asked.body["provider"], asked.body["cached"]) == ("anthropic", True)


async def test_while_the_first_target_is_away_a_kept_fallback_answers_again(sim: VendorSim) -> None:
    sim.always("openai", Status(503))
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        for index in range(3):
            await gateway.compare(sample_index=index)
        answer = await gateway.compare(sample_index=0)
        assert (answer.body["provider"], answer.body["cached"]) == ("anthropic", True)
        assert answer.body["flags"] == ["fallback_used"]
        assert sim.count("anthropic") == 3


async def test_errors_rejected_and_truncated_answers_are_never_kept(sim: VendorSim) -> None:
    sim.script("openai", [MaxTokens(), Success(text="Essay A, clearly."), Success(text="no"), Success()])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        truncated = await gateway.compare()
        assert (truncated.status, truncated.body["type"]) == (502, "urn:huleedu:llm-provider:output-truncated")
        assert (await gateway.compare()).body["code"] == "PARSING_ERROR"
        assert (await gateway.compare()).body["cached"] is False
        assert sim.count() == 4


async def test_entries_can_be_cleared(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        for index in range(3):
            await gateway.compare(sample_index=index)
        assert (await gateway.ask("DELETE", "/api/v1/cache")).status == 400
        assert (await gateway.ask("DELETE", "/api/v1/cache?tenant=somebody-else")).body == {"removed": 0}
        assert (await gateway.ask("DELETE", "/api/v1/cache?tenant=local")).body == {"removed": 3}
        assert (await gateway.ask("DELETE", "/api/v1/cache?all=true")).body == {"removed": 0}
        assert (await gateway.compare()).body["cached"] is False
