"""Redis in cluster mode: everything works on a node that owns all slots, and one that does not is as good as away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest
from prometheus_client import CollectorRegistry

from huleedu_service_libs.background_work import BackgroundWork
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.local import LocalCache
from services.llm_provider_service.cache.redis_keys import entry_name
from services.llm_provider_service.cache.two_tiers import TwoTierCache
from services.llm_provider_service.replicas.replicas import open_replicas
from services.llm_provider_service.replicas.report_messages import AccountNames
from services.llm_provider_service.settings.accounts import ProviderAccounts
from services.llm_provider_service.tests.unit.cache.samples import ENTRY
from tests.support.gateway import running_gateway, vendors
from tests.support.log_lines import log_lines
from tests.support.redis_server import RedisServer, cluster_is_ok, cluster_node
from tests.vendor_sim import Status, VendorSim

pytestmark = pytest.mark.sockets

ALL_SLOTS = range(16384)
OURS = [CacheKey("cj", f"{number:064x}") for number in range(40)]
THEIRS = [CacheKey("dk", f"{number:064x}") for number in range(40)]


@asynccontextmanager
async def cache(redis: RedisServer) -> AsyncIterator[TwoTierCache]:
    """Both tiers, with nothing in memory."""
    local = LocalCache(max_bytes=1_000_000, max_entries=100, ttl_seconds=60, clock=monotonic, coalesced=lambda: 0)
    async with open_replicas(
        redis.url(), AccountNames(ProviderAccounts([])), CollectorRegistry(), BackgroundWork()
    ) as replicas:
        tiers = replicas.behind(local, ttl_seconds=60)
        assert isinstance(tiers, TwoTierCache)
        yield tiers


async def found(redis: RedisServer, keys: list[CacheKey]) -> int:
    """How many of them a replica that has nothing in memory gets."""
    async with cache(redis) as young:
        return sum([await young.get(key) == ENTRY for key in keys])


async def test_entries_of_tenants_in_different_slots_are_stored_read_and_cleared(tmp_path: Path) -> None:
    async with cluster_node(tmp_path, ALL_SLOTS) as redis, cache(redis) as one:
        slots = {await redis.say("CLUSTER", "KEYSLOT", entry_name(key)) for key in (*OURS, *THEIRS)}
        assert len(slots) == 2
        for key in (*OURS, *THEIRS):
            await one.put(key, ENTRY)
        await one.writer.write_waiting()
        assert await found(redis, OURS + THEIRS) == 80
        assert await one.clear(key=str(OURS[0])) == 1
        assert await one.clear(tenant="cj") == 39
        assert (await found(redis, OURS), await found(redis, THEIRS)) == (0, 40)
        await one.put(OURS[0], ENTRY)
        await one.writer.write_waiting()
        assert await one.clear() == 41
        assert await redis.keys() == []
        assert not one.has_pending()


async def test_replicas_that_meet_in_a_cluster_of_one_share_everything(sim: VendorSim, tmp_path: Path) -> None:
    async with cluster_node(tmp_path, ALL_SLOTS) as redis:
        settings = {**vendors(sim, "openai", "anthropic"), "REDIS_URL": redis.url()}
        async with running_gateway(**settings) as one, running_gateway(**settings) as other:
            await one.compare()
            await redis.holds(1)
            assert (await other.compare()).body["cached"] is True
            await one.compare(cache="refresh")
            assert (await one.ask("DELETE", "/api/v1/cache?all=true")).body == {"removed": 1}
            sim.script("openai", [Status(429, headers={"Retry-After": "60"})])
            assert (await one.compare(sample_index=1)).body["provider"] == "anthropic"
            index = 2
            async with asyncio.timeout(5):
                while (await other.compare(sample_index=index)).body["provider"] == "openai":
                    index += 1
            assert (await other.compare()).body["cached"] is False, "it has heard of the clear too"
            cache = (await one.get("/healthz")).body["dependencies"]["cache"]
            assert (cache["cache_mode"], cache["redis_available"]) == ("healthy", True)


async def test_a_node_that_does_not_have_the_key_is_as_good_as_away(sim: VendorSim, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        lines = stack.enter_context(log_lines())
        asked = await stack.enter_async_context(cluster_of_two(tmp_path))
        gateway = await stack.enter_async_context(running_gateway(**vendors(sim, "openai"), REDIS_URL=asked.url()))
        for index in range(12):
            answer = await gateway.compare(sample_index=index)
            assert (answer.status, answer.body["cached"]) == (200, False)
            again = await gateway.compare(sample_index=index)
            assert again.body["cached"] is True, "memory serves"
        tier = (await gateway.get("/api/v1/cache/stats")).body["tiers"]["redis"]
        assert (tier["hits"], tier["damaged"]) == (0, 0)
        assert (await gateway.ask("DELETE", "/api/v1/cache?key=local:0")).body["pending"] is True
    assert {one["reason"] for one in lines.events if one["event"] == "redis_away"} == {"MOVED"}
    assert sim.count() == 12


@asynccontextmanager
async def cluster_of_two(folder: Path) -> AsyncIterator[RedisServer]:
    """The node that owns everything but the slot of the tenant `local`, which the other one has."""
    (folder / "one").mkdir()
    (folder / "other").mkdir()
    async with cluster_node(folder / "one") as one, cluster_node(folder / "other") as other:
        slot = await one.say("CLUSTER", "KEYSLOT", entry_name(CacheKey("local", "0")))
        await other.say("CLUSTER", "ADDSLOTS", slot)
        for owned in (range(slot), range(slot + 1, ALL_SLOTS.stop)):
            await one.say("CLUSTER", "ADDSLOTSRANGE", owned.start, owned.stop - 1)
        bus = (await one.say("CONFIG", "GET", "cluster-port"))[1]
        await other.say("CLUSTER", "MEET", "127.0.0.1", one.port, bus)
        await one.wait_for("CLUSTER", "INFO", holds=cluster_is_ok)
        yield one
