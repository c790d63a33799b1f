"""More than the slots can take: refused on arrival, kindly, and nothing leaks."""

from __future__ import annotations

import asyncio
import time
from statistics import median

from tests.support.gateway import running_gateway, vendors
from tests.vendor_sim import Hang, Success, VendorSim


async def test_what_cannot_be_served_is_refused_on_arrival(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=1.0))
    settings = vendors(sim, "openai") | {"LLM_MAX_CONCURRENT_REQUESTS": 4, "LLM_QUEUE_LIMIT": 2}
    async with running_gateway(**settings) as gateway:
        running = [asyncio.create_task(gateway.compare(sample_index=index)) for index in range(6)]
        await sim.has_read(4, "openai")
        await gateway.until("llm_provider_queue_depth", 2, gate="gateway")
        seconds = []
        for index in range(5):
            started = time.monotonic()
            answer = await gateway.compare(sample_index=100 + index)
            seconds.append(time.monotonic() - started)
            assert (answer.status, answer.body["code"]) == (503, "SERVICE_UNAVAILABLE")
            assert int(answer.headers["Retry-After"]) >= 1
        assert median(seconds) < 0.1, "the 20 ms of an idle machine, with room for a busy one"
        answers = await asyncio.gather(*running)
        assert [answer.status for answer in answers] == [200] * 6
        assert sim.count("openai") == 6
        assert sim.max_in_flight("openai") == 4


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
