"""What an outage costs: the retry budget bounds what retries add, and a cooldown ends without a stampede."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf
from pathlib import Path

import pytest

from tests.faults.amplification import OUTAGES, Outage, measure_amplification
from tests.support.gateway import running_gateway, vendors
from tests.support.redis_server import redis_server
from tests.vendor_sim import Call, Status, Success, VendorSim

pytestmark = pytest.mark.sockets


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.name)
async def test_a_thousand_requests_in_an_outage_make_no_more_calls_than_the_budget_pays_for(outage: Outage) -> None:
    measured = await measure_amplification(outage)
    assert measured.problems() == []


async def test_after_a_cooldown_one_goes_first_then_two_then_four(sim: VendorSim) -> None:
    """By what had ended when each call began: after every success two more may go, so waves double."""
    sim.script("openai", [Status(429, headers={"Retry-After": "1"})])
    sim.always("openai", Success(delay=0.3))
    async with running_gateway(**vendors(sim, "openai"), LLM_CACHE_ENABLED=False) as gateway:
        first = asyncio.create_task(gateway.compare(sample_index=0))
        await gateway.until("llm_provider_attempts_total", 1, provider="openai", outcome="rate_limited")
        others = [gateway.compare(sample_index=index) for index in range(1, 15)]
        answers = await asyncio.gather(first, *others)
        assert {answer.status for answer in answers} == {200}
    limited, *after = sim.calls("openai")
    assert after[0].at - limited.at >= 1.0
    assert len(after) == 15
    they_go_in_waves(after)
    assert sim.max_in_flight("openai") >= 4, "they do go together, once it has shown that it is back"


async def test_calls_that_were_out_when_a_cooldown_began_make_no_wave_larger(sim: VendorSim) -> None:
    """Eight may go at once when one of them meets the next 429; the other seven succeed while it cools down."""
    sim.script("openai", [Status(429, headers={"Retry-After": "0", "x-should-retry": "false"})])
    async with running_gateway(**vendors(sim, "openai"), LLM_CACHE_ENABLED=False) as gateway:
        assert (await gateway.compare()).status == 503
        assert {(await gateway.compare()).status for _ in range(7)} == {200}
        sim.script("openai", [Status(429, headers={"Retry-After": "2", "x-should-retry": "false"})])
        sim.always("openai", Success(delay=0.3))
        out = await asyncio.gather(*(gateway.compare(sample_index=index) for index in range(8)))
        assert sorted(answer.status for answer in out) == [200] * 7 + [503]
        before = sim.count("openai")
        answers = await asyncio.gather(*(gateway.compare(sample_index=index) for index in range(15)))
        assert {answer.status for answer in answers} == {200}
    they_go_in_waves(sim.calls("openai")[before:])


async def test_after_a_cooldown_that_another_replica_was_told_one_goes_first_too(
    sim: VendorSim, tmp_path: Path
) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "3"})])
    sim.always("openai", Success(delay=0.3))
    async with redis_server(tmp_path) as redis:
        settings = {**vendors(sim, "openai"), "LLM_CACHE_ENABLED": False, "REDIS_URL": redis.url()}
        async with running_gateway(**settings) as limited_one, running_gateway(**settings) as gateway:
            in_short = {"X-Request-Timeout-Ms": "1000"}
            assert (await limited_one.compare(headers=in_short)).status == 503
            while (await gateway.compare(headers=in_short)).status != 503:
                continue
            before = sim.count("openai")
            answers = await asyncio.gather(*(gateway.compare(sample_index=index) for index in range(15)))
    assert {answer.status for answer in answers} == {200}
    they_go_in_waves(sim.calls("openai")[before:])


def they_go_in_waves(calls: Sequence[Call]) -> None:
    """Before each call as many had ended as must have: one success lets two more go."""
    ended = sorted(call.ended_at or inf for call in calls)
    for number, call in enumerate(calls):
        assert sum(end < call.at for end in ended) >= (number + 1) // 2
