"""Redis on its bad days, rows R01 to R15 of the fault catalogue, with a real server and twenty callers.

What holds in each: every request gets its verdict, every question is paid for once, whoever finds out waits no more
than 0.2 s longer, afterwards nobody asks Redis at all, and health moves and comes back within 5 s of Redis. What the
event loop came late is taken off a request's time, and `NOISE_SECONDS` are allowed for what that does not see.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count, islice
from pathlib import Path
from statistics import quantiles
from time import perf_counter, sleep
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.redis_link.link import RedisLink
from huleedu_service_libs.redis_link.values import LinkPolicy, RedisAway
from tests.support.gateway import Gateway, running_gateway, vendors
from tests.support.load import Load, Shot, under_load
from tests.support.log_lines import log_lines
from tests.support.redis_server import RedisServer, redis_server
from tests.support.slow_line import slow_line
from tests.vendor_sim import VendorSim

pytestmark = pytest.mark.serial

DISCOVERY_SECONDS = 0.2
RECOVERY_SECONDS = 5.0
NOISE_SECONDS = 0.15
Step = Callable[[], Awaitable[object]]


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """A server of this test's own."""
    async with redis_server(tmp_path) as server:
        yield server


def shared(sim: VendorSim, redis: RedisServer, **more: Any) -> dict[str, Any]:
    """Settings of a replica."""
    return {**vendors(sim, "openai"), "REDIS_URL": redis.url(), **more}


async def cache_health(gateway: Gateway) -> dict[str, Any]:
    """The cache in health."""
    health = (await gateway.get("/healthz")).body
    assert (await gateway.get("/readyz")).status == 200, "readiness does not depend on Redis"
    cache: dict[str, Any] = health["dependencies"]["cache"]
    assert health["status"] == cache["cache_mode"]
    return cache


async def until(gateway: Gateway, mode: str, *, within: float, available: bool | None = None) -> dict[str, Any]:
    """Wait until health says *mode*, and that Redis is *available* or not where that is given."""
    began = perf_counter()
    while (cache := await cache_health(gateway))["cache_mode"] != mode or available is (not cache["redis_available"]):
        assert perf_counter() - began < within, f"still not {mode}: {cache}"
        await asyncio.sleep(0.02)
    return cache


async def look_ups(gateway: Gateway) -> float:
    """How often Redis was asked for an answer."""
    return await gateway.metric("llm_provider_redis_look_up_seconds_count")


async def live_through(gateway: Gateway, sim: VendorSim, fault: Step, mend: Step, *, away: bool = True) -> Load:
    """Load before, during and after a fault; asserts the promises, and returns what was seen."""
    paid_before = sim.count()
    async with under_load(gateway) as load:
        await load.each_has_more(3)
        before = load.slowest()
        await fault()
        struck = perf_counter()
        cache = await until(gateway, "degraded", within=RECOVERY_SECONDS, available=not away)
        if away:
            assert cache["redis_failure_count"] > 0
            assert await gateway.metric("llm_provider_redis_up") == 0
            await nobody_waits(gateway, load)
        mended = perf_counter()
        await mend()
        cache = await until(gateway, "healthy", within=RECOVERY_SECONDS)
        assert (cache["redis_available"], cache["redis_failure_count"]) == (True, 0)
        assert await gateway.metric("llm_provider_redis_up") == 1
        await load.each_has_more(3)
    assert load.failed() == []
    assert sim.count() - paid_before == load.questions, "each question is paid for once: the local tier serves"
    assert load.slowest(struck, mended) <= before + DISCOVERY_SECONDS + NOISE_SECONDS
    return load


def test_a_standstill_that_a_request_sees_the_end_of_is_not_its_own_time() -> None:
    load = Load(shots=[Shot(began=10.0, seconds=0.6, status=200, cached=True)], lags=[(10.605, 0.59), (11.0, 0.2)])
    assert load.slowest() == pytest.approx(0.015)


async def nobody_waits(gateway: Gateway, load: Load) -> None:
    """Once the link is down, and who had asked before has been answered, no request asks Redis."""
    await load.each_has_more(1)
    asked = await look_ups(gateway)
    await load.each_has_more(3)
    assert await look_ups(gateway) == asked
    assert await gateway.metric("llm_provider_redis_up") == 0, "it was away all the time"


async def test_r01_without_redis_at_the_start_the_service_boots_and_serves(tmp_path: Path, sim: VendorSim) -> None:
    redis = RedisServer(tmp_path)
    began = perf_counter()
    async with running_gateway(**shared(sim, redis)) as gateway:
        assert perf_counter() - began < 3
        cache = await cache_health(gateway)
        assert cache.pop("redis_failure_count") >= 1
        assert cache == {"cache_mode": "degraded", "local_cache_available": True, "redis_available": False}
        answers = [await gateway.compare() for _ in range(3)]
        assert [answer.body["cached"] for answer in answers] == [False, True, True]
        await redis.start()
        await until(gateway, "healthy", within=RECOVERY_SECONDS)
        await gateway.compare(sample_index=1)
        await redis.holds(1)
        redis.kill()


async def test_r02_it_dies_and_comes_back_empty(redis: RedisServer, sim: VendorSim) -> None:
    async def die() -> None:
        redis.kill()

    async with running_gateway(**shared(sim, redis)) as gateway:
        await live_through(gateway, sim, die, redis.start)


async def test_r03_it_hangs_and_goes_on(redis: RedisServer, sim: VendorSim) -> None:
    async def freeze() -> None:
        redis.freeze()

    async def thaw() -> None:
        redis.thaw()

    async with running_gateway(**shared(sim, redis)) as gateway:
        await live_through(gateway, sim, freeze, thaw)


async def test_r03_while_it_hangs_a_request_takes_no_longer_than_without_it(redis: RedisServer, sim: VendorSim) -> None:
    """A busy machine makes a hundred requests slower, never quicker, so the quickest of a few hundreds counts."""
    questions = count(100)

    async def p99(gateway: Gateway) -> float:
        times = []
        for question in islice(questions, 100):
            began = perf_counter()
            await gateway.compare(sample_index=question)
            times.append(perf_counter() - began)
        return quantiles(times, n=100)[-1]

    async with running_gateway(**shared(sim, redis)) as gateway:
        bound = await p99(gateway) + 0.005 + 0.02  # 5 ms, and 20 for a machine that is shared
        redis.freeze()
        await until(gateway, "degraded", within=RECOVERY_SECONDS)
        asked = await look_ups(gateway)
        frozen = [await p99(gateway)]
        while min(frozen) > bound and len(frozen) < 5:
            frozen.append(await p99(gateway))
        assert await look_ups(gateway) == asked
        assert min(frozen) <= bound, frozen
        redis.thaw()
        await until(gateway, "healthy", within=RECOVERY_SECONDS)


async def test_r04_it_is_slow_and_no_reply_reaches_anybody_else(redis: RedisServer, sim: VendorSim) -> None:
    """A line that holds replies back, because `CLIENT PAUSE` cannot be ended before its time and keeps its own."""
    async with slow_line(redis.port) as line:

        async def hold_back() -> None:
            line.seconds = 2 * LinkPolicy().budget_seconds

        async def let_go() -> None:
            line.seconds = 0.0

        async with running_gateway(**shared(sim, redis, REDIS_URL=f"redis://127.0.0.1:{line.port}/0")) as gateway:
            await live_through(gateway, sim, hold_back, let_go)
            stats = (await gateway.get("/api/v1/cache/stats")).body["tiers"]["redis"]
            assert stats["damaged"] == 0, "a reply that belongs to another question would not fit its key"


async def test_r05_it_is_full_and_reads_go_on(redis: RedisServer, sim: VendorSim) -> None:
    async def fill() -> None:
        await redis.say("CONFIG", "SET", "maxmemory", "1mb")

    async def empty() -> None:
        assert await gateway.metric("llm_provider_redis_operations_total", operation="set", result="dropped") > 0
        assert (await young.compare(sample_index=1)).body["cached"] is True
        await redis.say("CONFIG", "SET", "maxmemory", 0)

    async with running_gateway(**shared(sim, redis)) as gateway, running_gateway(**shared(sim, redis)) as young:
        await gateway.compare(sample_index=1)
        await redis.holds(1)
        await live_through(gateway, sim, fill, empty, away=False)


async def test_r08_it_becomes_a_replica_and_reads_go_on(redis: RedisServer, sim: VendorSim) -> None:
    async def demote() -> None:
        await redis.say("REPLICAOF", "127.0.0.1", 1)

    async def promote() -> None:
        assert (await young.compare(sample_index=1)).body["cached"] is True
        await redis.say("REPLICAOF", "NO", "ONE")

    async with running_gateway(**shared(sim, redis)) as gateway, running_gateway(**shared(sim, redis)) as young:
        await gateway.compare(sample_index=1)
        await redis.holds(1)
        await live_through(gateway, sim, demote, promote, away=False)


async def test_r09_its_master_is_down(redis: RedisServer, sim: VendorSim) -> None:
    async def orphan() -> None:
        await redis.say("CONFIG", "SET", "replica-serve-stale-data", "no")
        await redis.say("REPLICAOF", "127.0.0.1", 1)

    async def promote() -> None:
        await redis.say("REPLICAOF", "NO", "ONE")

    async with running_gateway(**shared(sim, redis)) as gateway:
        await live_through(gateway, sim, orphan, promote)


async def test_r10_a_script_keeps_it_busy(redis: RedisServer, sim: VendorSim) -> None:
    running: list[asyncio.Task[Any]] = []

    async def loop() -> None:
        await redis.say("CONFIG", "SET", "lua-time-limit", 300)
        running.append(asyncio.create_task(redis.say("EVAL", "while true do end", 0)))

    async def stop() -> None:
        await asyncio.sleep(0.5)
        await redis.say("SCRIPT", "KILL")
        with pytest.raises(RedisError):
            await running[0]

    async with running_gateway(**shared(sim, redis)) as gateway:
        await live_through(gateway, sim, loop, stop)


async def test_r11_a_wrong_password_is_said_once_and_not_tried_again_and_again(
    redis: RedisServer, sim: VendorSim
) -> None:
    await redis.say("CONFIG", "SET", "requirepass", "right")
    with log_lines() as lines:
        await _live_with_a_wrong_password(redis, sim)
    said = [(one["event"], one.get("reason")) for one in lines.events if one["event"].startswith("redis")]
    assert said == [("redis_away", "AuthenticationError"), ("redis_back", None)]
    assert b"wrong" not in lines.raw


async def _live_with_a_wrong_password(redis: RedisServer, sim: VendorSim) -> None:
    async with running_gateway(**shared(sim, redis, REDIS_URL=redis.url("wrong"))) as gateway:
        await until(gateway, "degraded", within=RECOVERY_SECONDS)
        async with redis.operator("right") as operator:
            before = (await operator.info("stats"))["total_connections_received"]
            async with under_load(gateway) as load:
                await asyncio.sleep(3)
            after = (await operator.info("stats"))["total_connections_received"]
            assert load.failed() == []
            assert sim.count() == load.questions
            assert after - before <= 8, "a ping, and the one retry, in growing steps"
            await operator.config_set("requirepass", "wrong")
        await until(gateway, "healthy", within=RECOVERY_SECONDS)


async def test_r12_it_has_too_many_clients(redis: RedisServer, sim: VendorSim) -> None:
    crowd = [Redis.from_url(redis.url(), protocol=2) for _ in range(4)]

    async def crowd_in() -> None:
        await crowd[0].config_set("maxclients", len(crowd))
        for _ in range(50):
            if all([await is_in(one) for one in crowd]):
                return
            inside = [await one.client_id() for one in crowd if await is_in(one)]
            for client in await crowd[0].client_list():
                if int(client["id"]) not in inside:
                    await crowd[0].client_kill_filter(_id=client["id"])

    async def is_in(client: Redis) -> bool:
        try:
            return bool(await client.ping())
        except RedisError:
            return False

    async def go_home() -> None:
        for one in crowd:
            await one.aclose()

    async with running_gateway(**shared(sim, redis)) as gateway:
        await live_through(gateway, sim, crowd_in, go_home)


async def test_r13_of_two_hundred_cancelled_commands_no_reply_reaches_another(redis: RedisServer) -> None:
    link = RedisLink(redis.url(), LinkPolicy(budget_seconds=2.0), BackgroundWork())
    try:
        for number in range(50):
            await link.run("SET", f"k{number}", f"v{number}")
        for turn in range(4):
            await redis.say("CLIENT", "PAUSE", 60, "ALL")
            asked = [asyncio.create_task(link.run("GET", f"k{number}")) for number in range(50)]
            await asyncio.sleep(0.005 * turn)
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
            await asyncio.sleep(0.1)
            answers = await asyncio.gather(*(link.run("GET", f"k{number}") for number in range(50)))
            assert answers == [f"v{number}".encode() for number in range(50)]
        assert link.available, "a caller who leaves says nothing about Redis"
        async with redis.operator() as operator:
            assert len(await operator.client_list()) <= 2 + 1
    finally:
        await link.close()


async def test_r13_callers_who_hang_up_disturb_nobody(redis: RedisServer, sim: VendorSim) -> None:
    async with running_gateway(**shared(sim, redis)) as gateway:
        async with under_load(gateway) as load:
            await load.each_has_more(1)
            await redis.say("CLIENT", "PAUSE", 100, "ALL")
            leaving = [asyncio.create_task(gateway.compare(sample_index=one)) for one in range(40)]
            await asyncio.sleep(0.05)
            for one in leaving:
                one.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)
            await load.each_has_more(3)
        assert load.failed() == []
        stats = (await gateway.get("/api/v1/cache/stats")).body["tiers"]["redis"]
        assert stats["damaged"] == 0
        await until(gateway, "healthy", within=RECOVERY_SECONDS)


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "random bytes": lambda sealed: b"\xff\x00\xfe not an entry",
    "nothing": lambda sealed: b"",
    "an old version": lambda sealed: b"LPS0" + sealed[4:],
    "cut": lambda sealed: sealed[:-1],
    "one bit": lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
    "another tenant's": lambda sealed: sealed.replace(b"\x00\x05local", b"\x00\x05lokal"),
}


@pytest.mark.parametrize("kind", SPOILED)
async def test_r07_and_r15_a_spoiled_entry_is_a_miss_and_is_overwritten(
    redis: RedisServer, sim: VendorSim, kind: str
) -> None:
    async with running_gateway(**shared(sim, redis)) as gateway, running_gateway(**shared(sim, redis)) as young:
        good = (await gateway.compare()).body
        (name,) = await redis.holds(1)
        spoiled = SPOILED[kind](await redis.say("GET", name))
        await redis.say("SET", name, spoiled)
        answer = await young.compare(cache="use", sample_index=0)
        assert (answer.status, answer.body["cached"], answer.body["winner"]) == (200, False, good["winner"])
        assert sim.count() == 2
        tier = (await young.get("/api/v1/cache/stats")).body["tiers"]["redis"]
        assert (tier["damaged"], tier["hits"]) == (1, 0)
        await redis.wait_for("GET", name, holds=lambda sealed: sealed not in {None, spoiled})
        async with running_gateway(**shared(sim, redis)) as third:
            assert (await third.compare()).body["cached"] is True, "the new answer has taken its place"


async def test_r15_an_entry_under_another_key_or_tenant_is_never_served(redis: RedisServer, sim: VendorSim) -> None:
    async with running_gateway(**shared(sim, redis)) as gateway, running_gateway(**shared(sim, redis)) as young:
        await gateway.compare()
        await gateway.compare(sample_index=1)
        one, other = await redis.holds(2)
        await redis.say("SET", one, await redis.say("GET", other))
        answers = [(await young.compare(sample_index=index)).body["cached"] for index in (0, 1)]
        assert sorted(answers) == [False, True]
        assert sim.count() == 3


async def test_r06_a_key_of_another_type_is_a_miss_and_is_overwritten(redis: RedisServer, sim: VendorSim) -> None:
    async with running_gateway(**shared(sim, redis)) as gateway, running_gateway(**shared(sim, redis)) as young:
        await gateway.compare()
        (name,) = await redis.holds(1)
        await redis.say("DEL", name)
        await redis.say("LPUSH", name, "x")
        answer = await young.compare()
        assert (answer.status, answer.body["cached"]) == (200, False)
        await redis.wait_for("TYPE", name, holds=lambda kind: kind in {b"string", b"none"})
        assert (await cache_health(young))["cache_mode"] == "healthy"


async def test_r14_there_is_no_script_that_could_be_lost(redis: RedisServer, sim: VendorSim) -> None:
    async with running_gateway(**shared(sim, redis)) as gateway, running_gateway(**shared(sim, redis)) as young:
        await gateway.compare()
        (name,) = await redis.holds(1)
        await redis.say("SCRIPT", "FLUSH")
        assert (await young.compare()).body["cached"] is True
        await redis.say("SET", name, b"spoiled")
        await gateway.compare(cache="refresh")
        await redis.wait_for("GET", name, holds=lambda sealed: sealed != b"spoiled")
        assert (await gateway.ask("DELETE", "/api/v1/cache?all=true")).body["removed"] == 1
        stats = str(await redis.say("INFO", "commandstats"))
        assert "cmdstat_get" in stats
        assert "cmdstat_eval" not in stats


async def test_more_callers_than_connections_are_served_in_turn(redis: RedisServer) -> None:
    link = RedisLink(redis.url(), LinkPolicy(budget_seconds=2.0), BackgroundWork())
    callers, rounds, served, most_before_me = 100, 50, 0, 0

    async def caller(number: int) -> None:
        nonlocal served, most_before_me
        for _ in range(rounds):
            asked_at = served
            await link.run("SET", f"k{number}", "v")
            most_before_me = max(most_before_me, served - asked_at)
            served += 1

    try:
        await asyncio.gather(*map(caller, range(callers)))
        assert served == callers * rounds
        assert most_before_me <= 2 * callers, "each of the others once, not some of them fifty times"
    finally:
        await link.close()


async def test_one_moment_without_answers_does_not_take_the_link_down(redis: RedisServer) -> None:
    link = RedisLink(redis.url(), LinkPolicy(), BackgroundWork())
    try:
        await link.run("SET", "k", "v")
        asked = [asyncio.create_task(link.run("GET", "k")) for _ in range(100)]
        await asyncio.sleep(0)
        sleep(0.3)  # noqa: ASYNC251  # the event loop stands still: nobody can read what Redis has answered long ago
        await asyncio.gather(*asked, return_exceptions=True)
        assert link.available
        assert await link.run("GET", "k") == b"v"
    finally:
        await link.close()


async def test_while_it_hangs_a_budget_holds_for_all_that_one_caller_asks(redis: RedisServer) -> None:
    link = RedisLink(redis.url(), LinkPolicy(), BackgroundWork())
    try:
        await link.run("SET", "k", "v")
        redis.freeze()
        began = perf_counter()
        results = await asyncio.gather(*(link.run("GET", "k") for _ in range(100)), return_exceptions=True)
        assert {type(result) for result in results} == {RedisAway}
        assert perf_counter() - began <= DISCOVERY_SECONDS + NOISE_SECONDS, "waiting for a connection is in the budget"
        for _ in range(LinkPolicy().failures_in_row - 1):
            with pytest.raises(RedisAway):
                await link.run("GET", "k")
        async with asyncio.timeout(RECOVERY_SECONDS):
            while link.available:  # noqa: ASYNC110 -- it tells its owner, who is not here
                await asyncio.sleep(0.01)
        began = perf_counter()
        for _ in range(1000):
            with pytest.raises(RedisAway):
                await link.run("GET", "k")
        assert perf_counter() - began < 2, "nobody waits: with a budget for each it would be 150"
    finally:
        redis.thaw()
        await link.close()


async def test_the_service_stops_although_redis_hangs(redis: RedisServer, sim: VendorSim) -> None:
    async with running_gateway(**shared(sim, redis)) as gateway:
        await gateway.compare()
        redis.freeze()
        await gateway.compare(cache="refresh")
        stopping = perf_counter()
    assert perf_counter() - stopping < 4, "it would wait for ever"
