"""More than the slots can take: refused on arrival, kindly, and nothing leaks."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.gateway import Answer, Gateway, running_gateway, vendors
from tests.vendor_sim import Hang, Status, Success, VendorSim

pytestmark = pytest.mark.sockets


async def test_what_cannot_be_served_is_refused_on_arrival(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=2.0))
    settings = vendors(sim, "openai") | {"LLM_MAX_CONCURRENT_REQUESTS": 4, "LLM_QUEUE_LIMIT": 2}
    async with running_gateway(**settings) as gateway:
        running = [asyncio.create_task(gateway.compare(sample_index=index)) for index in range(6)]
        await sim.has_read(4, "openai")
        await gateway.until("llm_provider_queue_depth", 2, gate="gateway")
        for index in range(5):
            answer = await gateway.compare(sample_index=100 + index)
            assert (answer.status, answer.body["code"]) == (503, "SERVICE_UNAVAILABLE")
            assert int(answer.headers["Retry-After"]) >= 1
        assert sim.count("openai") == 4, "nobody had to end for it; tests/faults/write_matrix.py measures how soon"
        answers = await asyncio.gather(*running)
        assert [answer.status for answer in answers] == [200] * 6
        assert sim.count("openai") == 6
        assert sim.max_in_flight("openai") == 4


@pytest.mark.parametrize("live", [("openai",), ("openai", "anthropic")], ids=["one candidate", "two candidates"])
async def test_a_full_gateway_says_when_a_slot_will_be_free_whoever_else_could_be_asked(
    sim: VendorSim, live: tuple[str, ...]
) -> None:
    sim.always("openai", Success(delay=2.1))
    limits = {"LLM_MAX_CONCURRENT_REQUESTS": 1, "LLM_QUEUE_LIMIT": 0}
    async with running_gateway(**vendors(sim, *live), **limits) as gateway:
        assert (await gateway.compare(sample_index=0)).status == 200
        running = asyncio.create_task(gateway.compare(sample_index=1))
        await sim.has_read(2, "openai")
        refused = await gateway.compare(sample_index=2)
        assert (refused.status, refused.body["title"]) == (503, "The gateway is busy")
        assert int(refused.headers["Retry-After"]) == refused.body["retry_after"] >= 3, "a call takes 2.1 s"
        assert (await running).status == 200
        assert sim.count() == 2


async def test_a_provider_never_gets_more_calls_than_its_slots(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=0.1))
    settings = vendors(sim, "openai") | {"LLM_MAX_CONCURRENT_PER_PROVIDER": 3}
    async with running_gateway(**settings) as gateway:
        answers = await asyncio.gather(*(gateway.compare(sample_index=index) for index in range(12)))
        assert {answer.status for answer in answers} == {200}
        assert sim.max_in_flight("openai") == 3


async def test_a_full_provider_hands_over_to_another(sim: VendorSim) -> None:
    sim.always("openai", Hang())
    settings = vendors(sim, "openai", "anthropic") | {
        "LLM_MAX_CONCURRENT_PER_PROVIDER": 2,
        "LLM_FIRST_BYTE_TIMEOUT": 1.5,
    }
    async with running_gateway(**settings) as gateway:
        answers = await asyncio.gather(*(gateway.compare(sample_index=index) for index in range(10)))
        assert {answer.status for answer in answers} == {200}
        assert sim.max_in_flight("openai") == 2
        quick = [answer for answer in answers if answer.body["response_time_ms"] < 1000]
        assert len(quick) == 8, "only those that hold the hanging slots had to wait"


async def test_a_provider_that_hangs_takes_no_slot_from_the_others_however_many_ask_it(sim: VendorSim) -> None:
    sim.always("openai", Hang())
    limits = {"LLM_MAX_CONCURRENT_REQUESTS": 6, "LLM_MAX_CONCURRENT_PER_PROVIDER": 3, "LLM_FIRST_BYTE_TIMEOUT": 2}
    async with running_gateway(**vendors(sim, "openai", "anthropic"), **limits) as gateway:
        hanging = [asyncio.create_task(_alone(gateway, "openai", index)) for index in range(18)]
        await sim.has_read(3, "openai")
        await gateway.until("llm_provider_queue_depth", 15, gate="openai")
        for index in range(6):
            answer = await _alone(gateway, "anthropic", index)
            assert (answer.status, answer.body["response_time_ms"] < 500) == (200, True)
        for one in hanging:
            one.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_waiting_for_one_models_cooldown_takes_no_slot_from_another_model(sim: VendorSim) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "2"})], model="gpt-5-nano")
    limits = {"LLM_MAX_CONCURRENT_REQUESTS": 4, "LLM_MAX_CONCURRENT_PER_PROVIDER": 2}
    async with running_gateway(**vendors(sim, "openai"), **limits) as gateway:
        cooling = [asyncio.create_task(_alone(gateway, "openai", index, "gpt-5-nano")) for index in range(8)]
        await gateway.until("llm_provider_queue_depth", 6, gate="openai")
        answer = await _alone(gateway, "openai", 100, "gpt-5-mini")
        assert (answer.status, answer.body["response_time_ms"] < 500) == (200, True)
        assert {answer.status for answer in await asyncio.gather(*cooling)} == {200}
        assert sim.count("openai") == 8 + 2


async def test_of_those_who_wait_for_a_cooldown_no_more_than_the_line_holds_are_kept(sim: VendorSim) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "1"})])
    limits = {"LLM_MAX_CONCURRENT_PER_PROVIDER": 2, "LLM_QUEUE_LIMIT": 3}
    async with running_gateway(**vendors(sim, "openai"), **limits) as gateway:
        first = asyncio.create_task(_alone(gateway, "openai", 0))
        await gateway.until("llm_provider_cooldown_seconds_count", 1, provider="openai")
        answers = await asyncio.gather(*(_alone(gateway, "openai", index) for index in range(1, 7)))
        assert sorted(answer.status for answer in answers) == [200, 200, 200, 503, 503, 503]
        assert (await first).status == 200
        assert await gateway.metric("llm_provider_shed_requests_total", reason="provider_slots") == 3


async def test_who_waits_for_a_slot_and_who_waits_for_a_cooldown_share_one_line(sim: VendorSim) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "3", "x-should-retry": "false"})], model="gpt-5-nano")
    sim.always("openai", Success(delay=1.5), model="gpt-5-mini")
    limits = {"LLM_MAX_CONCURRENT_PER_PROVIDER": 1, "LLM_QUEUE_LIMIT": 2}
    async with running_gateway(**vendors(sim, "openai"), **limits) as gateway:
        assert (await _alone(gateway, "openai", 0, "gpt-5-nano")).status == 503
        cooling = [asyncio.create_task(_alone(gateway, "openai", index, "gpt-5-nano")) for index in (1, 2)]
        await gateway.until("llm_provider_queue_depth", 2, gate="openai")
        free = asyncio.create_task(_alone(gateway, "openai", 0, "gpt-5-mini"))
        await sim.has_read(2, "openai")
        assert (await _alone(gateway, "openai", 1, "gpt-5-mini")).status == 503, "the line is full"
        assert [answer.status for answer in await asyncio.gather(free, *cooling)] == [200, 200, 200]
        assert await gateway.metric("llm_provider_queue_depth", gate="openai") == 0
        assert sim.count("openai") == 4


NO_LINE = pytest.mark.parametrize(
    "no_line", [{"LLM_QUEUE_LIMIT": 0}, {"LLM_QUEUE_LIMIT": 3, "WORKERS": 4}], ids=["none", "fewer places than workers"]
)


@NO_LINE
async def test_without_a_line_a_429_switches_its_target_off_for_no_longer_than_it_says(
    sim: VendorSim, no_line: dict[str, int]
) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "0", "x-should-retry": "false"})])
    async with running_gateway(**vendors(sim, "openai"), **no_line) as gateway:
        statuses = [(await _alone(gateway, "openai", index)).status for index in range(4)]
        assert (statuses, sim.count("openai")) == ([503, 200, 200, 200], 4)
        assert await gateway.metric("llm_provider_queue_depth", gate="openai") == 0


@NO_LINE
async def test_without_a_line_a_429_is_retried_when_its_time_is_over_and_who_would_have_to_wait_is_refused(
    sim: VendorSim, no_line: dict[str, int]
) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "2"}), Success(delay=1)])
    async with running_gateway(**vendors(sim, "openai"), **no_line) as gateway:
        retried = asyncio.create_task(_alone(gateway, "openai", 0))
        await gateway.until("llm_provider_cooldown_seconds_count", 1, provider="openai")
        assert (await _alone(gateway, "openai", 1)).status == 503, "the target cools down"
        await sim.has_read(2, "openai")
        assert (await _alone(gateway, "openai", 2)).status == 503, "another one goes first"
        assert (await retried).status == 200
        assert [(await _alone(gateway, "openai", index)).status for index in (3, 4)] == [200, 200]
        assert sim.count("openai") == 4


async def _alone(gateway: Gateway, provider: str, sample_index: int, model: str | None = None) -> Answer:
    """Ask *provider* and nobody else."""
    overrides = {"provider_override": provider, "model_override": model}
    return await gateway.compare(llm_config_overrides=overrides, fallback="none", sample_index=sample_index)


async def test_slots_are_free_again_after_every_ending(sim: VendorSim) -> None:
    sim.script("openai", [Hang(), Hang(), Success(), Success()])
    settings = vendors(sim, "openai") | {"LLM_MAX_CONCURRENT_REQUESTS": 1, "LLM_QUEUE_LIMIT": 0}
    async with running_gateway(**settings) as gateway:
        late = {"X-Request-Timeout-Ms": "700"}
        assert (await gateway.compare(headers=late, sample_index=1)).status == 504
        hanging_up = asyncio.create_task(gateway.compare(headers=late, sample_index=2))
        await sim.has_read(2, "openai")
        hanging_up.cancel()
        await gateway.until("llm_provider_concurrent_requests", 0)
        assert (await gateway.compare(sample_index=3)).status == 200
        assert (await gateway.compare(sample_index=4)).status == 200
