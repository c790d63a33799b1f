"""Two replicas and one Redis: what one has paid, removed or learned, the other knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from services.llm_provider_service.cache.redis_keys import REMOVALS_STREAM, REPORTS_STREAM
from services.llm_provider_service.cache.redis_removals import NAMES_PER_STEP
from services.llm_provider_service.replicas.redis_streams import KEPT_MESSAGES
from tests.support.gateway import Gateway, running_gateway, vendors
from tests.support.log_lines import log_lines
from tests.support.programs import ROOT, run_tool
from tests.support.redis_server import RedisServer, redis_server
from tests.support.slow_line import slow_line
from tests.vendor_sim import Status, Success, VendorSim

pytestmark = pytest.mark.sockets

WARM_FILE = str(ROOT / "examples" / "warm.jsonl")
SOON = 20.0  # what one replica knows, the others know within a second, if the machine is not busy elsewhere


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A server of this test's own."""
    async with redis_server(tmp_path) as server:
        yield server


@asynccontextmanager
async def replicas(sim: VendorSim, redis: RedisServer, **more: Any) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Two services that know nothing of each other but the Redis."""
    settings = {**vendors(sim, "openai", "anthropic"), "REDIS_URL": redis.url(), **more}
    async with running_gateway(**settings) as one, running_gateway(**settings) as other:
        yield one, other


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until *holds* does."""
    began = perf_counter()
    while not await holds():
        assert perf_counter() - began < SOON
        await asyncio.sleep(0.02)


async def has_forgotten_all(gateway: Gateway) -> None:
    """Wait until its memory is empty."""

    async def forgotten() -> bool:
        return bool((await gateway.get("/api/v1/cache/stats")).body["entries"] == 0)

    await eventually(forgotten)


async def have_come_to_read(redis: RedisServer, replicas: int) -> None:
    """Wait until each of the replicas has asked the feeds for news, a few times."""
    rounds = await redis_calls(redis, "xread") + 2 * replicas

    async def often_enough() -> bool:
        return await redis_calls(redis, "xread") >= rounds

    await eventually(often_enough)


async def everybody_was_told(redis: RedisServer, replicas: int = 2) -> None:
    """Wait until there is a hint, and each of the replicas has come to read it."""
    await redis.wait_for("XLEN", REPORTS_STREAM, holds=lambda hints: hints > 0)
    await have_come_to_read(redis, replicas)


def verdict(winner: str) -> Success:
    """An answer that can be told apart."""
    return Success(text=f'{{"justification": "Because.", "winner": "{winner}", "confidence": 3}}')


async def redis_calls(redis: RedisServer, command: str) -> int:
    """How often Redis has carried *command* out."""
    async with redis.operator() as operator:
        stats = await operator.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


async def tier(gateway: Gateway, name: str = "redis") -> dict[str, int]:
    """The statistics of one tier."""
    found: dict[str, int] = (await gateway.get("/api/v1/cache/stats")).body["tiers"][name]
    return found


async def test_what_one_replica_paid_for_the_other_has(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis) as (one, other):
        paid = await one.compare()
        await redis.holds(1)
        given = await other.compare()
        assert (given.body["cached"], given.body["cost_usd"], sim.count()) == (True, "0", 1)
        assert given.body["justification"] == paid.body["justification"]
        assert (await tier(other))["hits"] == 1
        stats = (await other.get("/api/v1/cache/stats")).body
        assert (stats["backend"], stats["hits"], stats["misses"], stats["entries"]) == ("local+redis", 1, 0, 1)
        assert await other.metric("llm_provider_redis_operations_total", operation="get", result="hit") == 1


async def test_a_hit_in_memory_does_not_touch_redis(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis) as (one, _):
        await one.compare()
        asked = await redis_calls(redis, "get")
        for _ in range(20):
            assert (await one.compare()).body["cached"] is True
        assert await redis_calls(redis, "get") == asked
        assert (await tier(one, "local"))["hits"] == 20


@pytest.mark.serial
async def test_all_look_ups_of_one_order_share_one_budget(sim: VendorSim, redis: RedisServer) -> None:
    """The first target cools, so its answer is looked up and then the one of whoever is asked instead.

    Where the machine stands still during the first look-up, nothing is left for a second: then the next order tells.
    """
    sim.always("openai", Status(429, headers={"Retry-After": "60"}))
    name = "llm_provider_redis_look_up_seconds"
    async with slow_line(redis.port) as line:
        settings = vendors(sim, "openai", "anthropic") | {"REDIS_URL": f"redis://127.0.0.1:{line.port}/0"}
        async with running_gateway(**settings) as gateway:
            assert (await gateway.compare(sample_index=1)).body["provider"] == "anthropic"
            await redis.holds(1)
            line.seconds = 0.1
            seen: list[tuple[float, float]] = []
            for order in range(2, 7):
                before = await gateway.metric(f"{name}_count"), await gateway.metric(f"{name}_sum")
                assert (await gateway.compare(sample_index=order)).body["provider"] == "anthropic"
                assert (sim.count("openai"), sim.count("anthropic")) == (1, order)
                look_ups = await gateway.metric(f"{name}_count") - before[0]
                waited = await gateway.metric(f"{name}_sum") - before[1]
                if look_ups == 2 and 0.1 <= waited < 0.2:
                    return
                seen.append((look_ups, waited))
            pytest.fail(f"each look-up by itself takes 0.1 s: never were there two in less than 0.2 s, but {seen}")


async def test_what_lands_while_redis_is_asked_is_not_paid_for_again(sim: VendorSim, redis: RedisServer) -> None:
    async with slow_line(redis.port) as line:
        settings = vendors(sim, "openai") | {"REDIS_URL": f"redis://127.0.0.1:{line.port}/0"}
        async with running_gateway(**settings) as gateway:
            for order in range(5):
                sim.script("openai", [Success(delay=0.05)])
                line.seconds = 0.0
                first = asyncio.create_task(gateway.compare(sample_index=order))
                await sim.has_read(order + 1)
                line.seconds = 0.1  # Redis says that it has nothing, and the answer is there before that is heard
                second = await gateway.compare(sample_index=order)
                assert ((await first).status, second.body["cached"], sim.count()) == (200, True, order + 1)


async def test_each_tier_counts_what_it_could_not_store(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis, LOCAL_CACHE_SIZE_MB=0.001) as (one, _):
        for _ in range(2):
            await one.compare()
            await redis.holds(1)
        here, there = await tier(one, "local"), await tier(one, "redis")
        assert (here["dropped"], here["misses"], there["dropped"], there["hits"]) == (2, 2, 0, 1)
        assert sim.count() == 1


async def test_entries_lie_under_their_tenant_and_live_for_their_time(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis, LLM_CACHE_TTL=100) as (one, _):
        await one.compare()
        (name,) = await redis.holds(1)
        assert name.startswith(b"llm-provider:1:answer:{local}:")
        assert 98_000 < await redis.say("PTTL", name) <= 100_000


@pytest.mark.parametrize("how", ["key", "tenant", "all"])
async def test_a_clear_reaches_redis_and_the_other_replicas_memory(
    sim: VendorSim, redis: RedisServer, how: str
) -> None:
    async with replicas(sim, redis) as (one, other):
        for gateway in (one, other):
            await gateway.compare()
            (name,) = await redis.holds(1)
        query = {"key": f"key=local:{name.decode().rpartition(':')[2]}", "tenant": "tenant=local", "all": "all=true"}
        assert (await one.ask("DELETE", f"/api/v1/cache?{query[how]}")).body == {"removed": 1}
        assert await redis.keys() == []
        await has_forgotten_all(other)
        assert (await other.compare()).body["cached"] is False
        assert sim.count() == 2


async def test_a_clear_goes_in_steps_and_leaves_what_is_not_ours(sim: VendorSim, redis: RedisServer) -> None:
    entries = 5 * NAMES_PER_STEP
    async with replicas(sim, redis) as (one, _), redis.operator() as operator:
        for tenant in ("local", "a%2A%7B"):
            names = [f"llm-provider:1:answer:{{{tenant}}}:{number:064x}" for number in range(entries)]
            await operator.mset(dict.fromkeys(names, b"x"))
        await operator.mset({"llm-provider:10:answer:{local}:1": "x", "another-service": "x"})
        assert (await one.ask("DELETE", "/api/v1/cache?tenant=a*{")).body == {"removed": entries}
        assert len(await redis.keys()) == entries
        assert (await one.ask("DELETE", "/api/v1/cache?tenant=*")).body == {"removed": 0}
        assert (await one.ask("DELETE", "/api/v1/cache?all=true")).body == {"removed": entries}
        assert await operator.exists("llm-provider:10:answer:{local}:1", "another-service") == 2
        assert [await redis_calls(redis, command) for command in ("keys", "flushdb", "flushall")] == [0, 0, 0]
        assert await redis_calls(redis, "scan") >= 10
        assert await redis_calls(redis, "unlink") >= 10


async def test_a_clear_is_pending_until_the_other_replicas_can_be_told(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis) as (one, other):
        for gateway in (one, other):
            await gateway.compare()
            await redis.holds(1)
        await redis.say("ACL", "SETUSER", "default", "-xadd")
        assert (await one.ask("DELETE", "/api/v1/cache?tenant=local")).body == {"removed": 1, "pending": True}
        assert await redis.keys() == []
        await redis.say("ACL", "SETUSER", "default", "+xadd")
        await has_forgotten_all(other)


async def test_an_answer_that_comes_to_redis_after_its_clear_is_taken_back(sim: VendorSim, redis: RedisServer) -> None:
    """The other replica has sent it before the clear, and the line brings it to Redis afterwards."""
    sim.always("openai", verdict("Essay A"))
    here = vendors(sim, "openai")
    async with slow_line(redis.port) as line:
        there = here | {"REDIS_URL": f"redis://127.0.0.1:{line.port}/0"}
        async with running_gateway(**here, REDIS_URL=redis.url()) as one, running_gateway(**there) as other:
            line.asking.clear()
            assert (await other.compare()).body["winner"] == "Essay A"

            async def sent() -> bool:
                return any(b"SET" in piece for piece in line.held)

            await eventually(sent)
            assert (await one.ask("DELETE", "/api/v1/cache?all=true")).body == {"removed": 0}
            line.asking.set()
            await redis.wait_for("INFO", "commandstats", holds=lambda stats: "cmdstat_set'" in str(stats))
            await redis.holds(0)
            sim.always("openai", verdict("Essay B"))
            for gateway in (one, other):
                assert (await gateway.compare()).body["winner"] == "Essay B"


async def test_a_refresh_reaches_the_other_replicas_memory(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis) as (one, other):
        sim.always("openai", verdict("Essay A"))
        await one.compare()
        await redis.holds(1)
        assert (await other.compare()).body["winner"] == "Essay A"
        sim.always("openai", verdict("Essay B"))
        await one.compare(cache="refresh")

        async def knows() -> bool:
            answer = (await other.compare()).body
            assert answer["cached"] is True
            return bool(answer["winner"] == "Essay B")

        await eventually(knows)
        assert sim.count() == 2


async def test_who_has_missed_more_than_the_feed_keeps_forgets_everything(sim: VendorSim, redis: RedisServer) -> None:
    async with running_gateway(**vendors(sim, "openai"), REDIS_URL=redis.url()) as stopped:
        await stopped.compare()
        await redis.holds(1)
    async with replicas(sim, redis) as (one, _):
        assert (await one.compare()).body["cached"] is True
        await have_come_to_read(redis, replicas=1)
        async with redis.operator() as operator, operator.pipeline(transaction=True) as feed:
            for number in range(KEPT_MESSAGES):
                feed.xadd(REMOVALS_STREAM, {"origin": "somebody", "key": f"local:{number:064x}"})
            await feed.execute()
        await has_forgotten_all(one)
        assert (await one.compare()).body["cached"] is True, "it still lies in Redis"
        assert sim.count() == 1


async def test_a_feed_that_is_no_stream_harms_nobody(sim: VendorSim, redis: RedisServer) -> None:
    await redis.say("SET", REMOVALS_STREAM, "x")
    await redis.say("SET", REPORTS_STREAM, "x")
    async with replicas(sim, redis) as (one, other):
        await one.compare(cache="refresh")
        await redis.holds(1)
        await have_come_to_read(redis, replicas=2)
        assert (await other.compare()).body["cached"] is True
        assert (await one.get("/healthz")).body["status"] == "healthy"


async def outage(redis: RedisServer, *gateways: Gateway) -> None:
    """Redis hangs, with everything that lies in it, and everybody has noticed."""
    redis.freeze()
    await everybody_sees(False, *gateways)


async def everybody_sees(available: bool, *gateways: Gateway) -> None:
    """Wait until each says of Redis that it is *available*, or that it is not."""

    async def noticed(gateway: Gateway) -> bool:
        cache = (await gateway.get("/healthz")).body["dependencies"]["cache"]
        return bool(cache["redis_available"] is available)

    for gateway in gateways:
        await eventually(lambda gateway=gateway: noticed(gateway))  # type: ignore[misc]


async def test_a_refresh_during_an_outage_stays_true_when_redis_comes_back(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis) as (one, other):
        sim.always("openai", verdict("Essay A"))
        for gateway in (one, other):
            await gateway.compare()
            await redis.holds(1)
        await outage(redis, one, other)
        sim.always("openai", verdict("Essay B"))
        assert (await one.compare(cache="refresh")).body["winner"] == "Essay B"
        assert (await other.compare()).body["winner"] == "Essay A", "nobody can tell it yet"
        redis.thaw()
        began = perf_counter()
        while (await other.compare()).body["winner"] != "Essay B":
            assert perf_counter() - began < SOON
            await asyncio.sleep(0.02)
        assert (await one.compare()).body["winner"] == "Essay B"
        settings = {**vendors(sim, "openai", "anthropic"), "REDIS_URL": redis.url()}
        async with running_gateway(**settings) as young:
            assert (await young.compare()).body["winner"] == "Essay B"


async def test_what_redis_will_not_give_up_is_not_read_from_it(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis, LOCAL_CACHE_MAX_ENTRIES=1) as (one, _):
        sim.always("openai", verdict("Essay A"))
        for index in range(2):
            await one.compare(sample_index=index)
        await redis.holds(2)
        await redis.say("REPLICAOF", "127.0.0.1", 1)
        sim.always("openai", verdict("Essay B"))
        assert (await one.compare(sample_index=0, cache="refresh")).body["winner"] == "Essay B"
        assert (await one.compare(sample_index=1)).body["winner"] == "Essay A", "it pushes the other out of memory"
        assert (await one.compare(sample_index=0)).body["winner"] == "Essay B"
        assert (await one.ask("DELETE", "/api/v1/cache?all=true")).body == {"removed": 1, "pending": True}
        assert (await one.compare(sample_index=1)).body["winner"] == "Essay B"
        assert len(await redis.keys()) == 2
        await redis.say("REPLICAOF", "NO", "ONE")

        async def gone() -> bool:
            return await redis.keys() == []

        await eventually(gone)


@pytest.mark.parametrize("query", ["tenant=local", "all=true"])
async def test_a_clear_during_an_outage_is_done_when_redis_comes_back(
    sim: VendorSim, redis: RedisServer, query: str
) -> None:
    async with replicas(sim, redis) as (one, other):
        for index in range(3):
            await one.compare(sample_index=index)
        await redis.holds(3)
        assert (await other.compare(sample_index=0)).body["cached"] is True
        await outage(redis, one, other)
        cleared = await one.ask("DELETE", f"/api/v1/cache?{query}")
        assert cleared.body == {"removed": 3, "pending": True}
        redis.thaw()

        async def gone() -> bool:
            return await redis.keys() == [] and (await other.get("/api/v1/cache/stats")).body["entries"] == 0

        await eventually(gone)
        before = sim.count()
        assert (await other.compare(sample_index=0)).body["cached"] is False
        assert (await one.compare(sample_index=1)).body["cached"] is False
        assert sim.count() == before + 2


@pytest.mark.parametrize("query", ["tenant=local", "all=true"])
async def test_a_clear_is_heard_by_those_who_have_not_met_redis_yet(sim: VendorSim, tmp_path: Path, query: str) -> None:
    redis = RedisServer(tmp_path)
    async with replicas(sim, redis) as (one, other):
        sim.always("openai", verdict("Essay A"))
        for gateway in (one, other):
            assert (await gateway.compare()).body["winner"] == "Essay A"
        cleared = await one.ask("DELETE", f"/api/v1/cache?{query}")
        assert cleared.body == {"removed": 1, "pending": True}
        sim.always("openai", verdict("Essay B"))
        await redis.start()

        async def heard() -> bool:
            return bool((await other.compare()).body["winner"] == "Essay B")

        try:
            await eventually(heard)
        finally:
            redis.kill()


async def test_who_starts_with_nothing_has_nothing_to_forget(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis) as (one, _):
        await one.compare(cache="refresh")
        await redis.wait_for("XLEN", REMOVALS_STREAM, holds=lambda removals: removals > 0)
    async with running_gateway(**vendors(sim, "openai"), REDIS_URL=redis.url()) as young:
        await have_come_to_read(redis, replicas=1)
        assert await young.metric("llm_provider_cache_operations_total") == 0


async def test_during_an_outage_memory_serves_and_no_vendor_is_stormed(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis) as (one, other):
        for index in range(10):
            await one.compare(sample_index=index)
        await redis.holds(10)
        for index in range(10):
            assert (await other.compare(sample_index=index)).body["cached"] is True
        assert sim.count() == 10
        await outage(redis, one, other)
        for gateway in (one, other):
            asked = [gateway.compare(sample_index=index) for index in range(10) for _ in range(10)]
            assert {answer.body["cached"] for answer in await asyncio.gather(*asked)} == {True}
        assert sim.count() == 10, "two hundred requests, and not one call"
        sim.always("openai", Success(delay=0.2))
        await asyncio.gather(*(one.compare(sample_index=99) for _ in range(50)))
        assert sim.count() == 11, "equal requests at the same time still share one call"
        redis.thaw()


async def test_who_stops_before_redis_is_back_says_what_it_owes_and_a_second_clear_helps(
    sim: VendorSim, redis: RedisServer
) -> None:
    """The way on the page `redis-gone`."""
    sim.always("openai", verdict("Essay A"))
    settings = {**vendors(sim, "openai"), "REDIS_URL": redis.url()}
    with log_lines() as lines:
        async with running_gateway(**settings) as stopped:
            await stopped.compare()
            await redis.holds(1)
            await outage(redis, stopped)
            assert (await stopped.ask("DELETE", "/api/v1/cache?all=true")).body["pending"] is True
    assert [one["removals"] for one in lines.events if one["event"] == "removals_lost_at_shutdown"] == [1]
    redis.thaw()
    sim.always("openai", verdict("Essay B"))
    async with running_gateway(**settings) as young:
        assert (await young.ask("DELETE", "/api/v1/cache?all=true")).body == {"removed": 1}
        assert (await young.compare()).body["winner"] == "Essay B"


async def test_who_stops_while_redis_is_there_removes_first_what_it_owes(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis) as (one, _):
        await one.compare()
        await redis.holds(1)
        await redis.say("REPLICAOF", "127.0.0.1", 1)
        assert (await one.ask("DELETE", "/api/v1/cache?all=true")).body == {"removed": 1, "pending": True}
        await redis.say("REPLICAOF", "NO", "ONE")
    assert await redis.keys() == []


async def test_what_redis_has_lost_is_served_from_memory_and_paid_for_once_more(
    sim: VendorSim, redis: RedisServer
) -> None:
    async with replicas(sim, redis) as (one, other):
        await one.compare()
        await redis.holds(1)
        await redis.say("FLUSHALL")
        assert (await one.compare()).body["cached"] is True
        assert (await other.compare()).body["cached"] is False
        await redis.holds(1)
        async with running_gateway(**vendors(sim, "openai"), REDIS_URL=redis.url()) as young:
            assert (await young.compare()).body["cached"] is True
        assert sim.count() == 2


async def test_what_was_paid_for_during_an_outage_is_paid_for_once_more(sim: VendorSim, redis: RedisServer) -> None:
    async with replicas(sim, redis) as (one, other):
        await outage(redis, one, other)
        await one.compare()
        redis.thaw()
        await everybody_sees(True, one, other)
        assert (await one.compare()).body["cached"] is True
        assert (await other.compare()).body["cached"] is False
        await redis.holds(1)
        assert sim.count() == 2


async def test_warming_fills_both_tiers_also_after_redis_has_lost_its_data_and_the_cache_is_cleared(
    sim: VendorSim, redis: RedisServer
) -> None:
    settings = {**vendors(sim, "openai"), "REDIS_URL": redis.url()}
    async with running_gateway(**settings) as one, running_gateway(**settings) as other:
        done = await run_tool("warm", WARM_FILE, "--url", one.url)
        assert done.out == "3 warmed, 0 already cached, 0 failed\n"
        await redis.holds(3)
        assert (await one.get("/api/v1/cache/stats")).body["entries"] == 3
        await redis.say("FLUSHALL")
        assert (await one.ask("DELETE", "/api/v1/cache?all=true")).body == {"removed": 3}
        again = await run_tool("warm", WARM_FILE, "--url", one.url)
        assert again.out == "3 warmed, 0 already cached, 0 failed\n"
        await redis.holds(3)
        elsewhere = await run_tool("warm", WARM_FILE, "--url", other.url)
        assert elsewhere.out == "0 warmed, 3 already cached, 0 failed\n"
    assert sim.count() == 6


async def state_of(gateway: Gateway, provider: str) -> set[str]:
    """The states of a provider's breakers."""
    found = (await gateway.get("/api/v1/circuit-breakers")).body["circuit_breakers"]
    return {one["state"] for one in found if one["provider"] == provider}


async def test_an_open_breaker_is_known_to_the_others_within_a_second(sim: VendorSim, redis: RedisServer) -> None:
    sim.always("openai", Status(503))
    async with replicas(sim, redis) as (one, other):
        assert (
            await other.compare(sample_index=50, llm_config_overrides={"provider_override": "anthropic"})
        ).status == 200
        for index in range(3):
            await one.compare(sample_index=index)
        assert "open" in await state_of(one, "openai")
        calls = sim.count("openai")
        await everybody_was_told(redis)
        answer = await other.compare(sample_index=10)
        assert (answer.status, answer.body["provider"]) == (200, "anthropic")
        assert sim.count("openai") == calls, "the other has not called it once"
        assert await state_of(other, "openai") <= {"closed"}, "a hint moves nobody's breaker"


async def test_whoever_has_nobody_else_to_ask_finds_out_for_itself(sim: VendorSim, redis: RedisServer) -> None:
    sim.always("openai", Status(503))
    settings = {**vendors(sim, "openai"), "REDIS_URL": redis.url()}
    async with running_gateway(**settings) as one, running_gateway(**settings) as other:
        for index in range(3):
            await one.compare(sample_index=index)
        await everybody_was_told(redis)
        sim.always("openai", Success())
        assert (await one.compare(sample_index=10)).body["code"] == "CIRCUIT_BREAKER_OPEN"
        assert (await other.compare(sample_index=11)).status == 200


async def test_a_breaker_that_closes_takes_its_hint_back(sim: VendorSim, redis: RedisServer) -> None:
    sim.always("openai", Status(503))
    async with replicas(sim, redis, LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT=1.5, LLM_CACHE_ENABLED=False) as (one, other):
        for index in range(3):
            await one.compare(sample_index=index)
        await everybody_was_told(redis)
        assert (await other.compare(sample_index=10)).body["provider"] == "anthropic"
        sim.always("openai", Success())

        async def back_at(gateway: Gateway) -> bool:
            return bool((await gateway.compare()).body["provider"] == "openai")

        await eventually(lambda: back_at(one))
        await eventually(lambda: back_at(other))


async def test_a_cooldown_is_known_to_the_others_and_to_those_that_start_later(
    sim: VendorSim, redis: RedisServer
) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "30"})])
    settings = {**vendors(sim, "openai", "anthropic"), "REDIS_URL": redis.url()}
    async with replicas(sim, redis) as (one, other):
        assert (await one.compare()).body["provider"] == "anthropic"
        await everybody_was_told(redis)
        assert (await other.compare(sample_index=1)).body["provider"] == "anthropic"
        async with running_gateway(**settings) as young:
            await everybody_was_told(redis, replicas=3)
            assert (await young.compare(sample_index=2)).body["provider"] == "anthropic"
        assert sim.count("openai") == 1


async def test_a_cooldown_belongs_to_the_key_that_was_limited(sim: VendorSim, redis: RedisServer) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "300"})])
    settings = {**vendors(sim, "openai"), "REDIS_URL": redis.url()}
    async with running_gateway(**settings) as limited:
        assert (await limited.compare()).status == 503
        await everybody_was_told(redis, replicas=1)
    new_key = {**settings, "OPENAI_API_KEY": "sk-test-another-0123456789abcdef"}
    async with running_gateway(**settings) as same_key, running_gateway(**new_key) as other_key:
        await everybody_was_told(redis)
        assert (await same_key.compare()).status == 503
        assert sim.count("openai") == 1
        assert (await other_key.compare()).status == 200
        assert sim.count("openai") == 2
    told = str(await redis.say("XRANGE", REPORTS_STREAM, "-", "+"))
    assert "account" in told
    assert not any(part in told for part in ("sk-", "0123456789", "abcdef"))


async def test_a_cooldown_can_be_lifted_by_hand(sim: VendorSim, redis: RedisServer) -> None:
    """The way on the page `rate-limited`: remove the feed, and start again."""
    sim.script("openai", [Status(429, headers={"Retry-After": "300"})])
    settings = {**vendors(sim, "openai"), "REDIS_URL": redis.url()}
    async with running_gateway(**settings) as limited:
        assert (await limited.compare()).status == 503
        await everybody_was_told(redis, replicas=1)
    assert await redis.say("DEL", "llm-provider:1:{feed}:hints") == 1
    async with running_gateway(**settings) as again:
        await have_come_to_read(redis, replicas=1)
        assert (await again.compare()).status == 200


async def test_without_a_cache_replicas_still_tell_each_other(sim: VendorSim, redis: RedisServer) -> None:
    sim.script("openai", [Status(429, headers={"Retry-After": "30"})])
    async with replicas(sim, redis, LLM_CACHE_ENABLED=False) as (one, other):
        await one.compare()
        await everybody_was_told(redis)
        assert (await other.compare()).body["provider"] == "anthropic"
        assert sim.count("openai") == 1
        assert await redis.keys() == []
