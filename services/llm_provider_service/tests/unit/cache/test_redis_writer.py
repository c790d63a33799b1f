"""Removals in steps: who asked for one is told of every entry that it took away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from huleedu_service_libs.background_work import BackgroundWork
from huleedu_service_libs.redis_link.link import RedisLink
from huleedu_service_libs.redis_link.values import LinkPolicy, Word
from services.llm_provider_service.cache.pending_removals import EVERYTHING, PendingRemovals
from services.llm_provider_service.cache.redis_writer import RedisWriter
from services.llm_provider_service.metrics import SharedTierMetrics


class SmallRedis(RedisLink):
    """Holds some names, shows the next of them in each step of a scan, and takes a turn of the loop for a command."""

    def __init__(self, *names: bytes) -> None:
        super().__init__("redis://127.0.0.1:1/0", LinkPolicy(), BackgroundWork())
        self.names = list(names)
        self.told = 0

    async def run(self, *command: Word, seconds: float | None = None) -> Any:
        """SCAN and UNLINK."""
        await asyncio.sleep(0)
        if command[0] == "SCAN":
            self.names = self.names[1:] + self.names[:1]
            return (b"1" if self.names else b"0"), self.names[-1:]
        gone = [name for name in self.names if name in command[1:]]
        self.names = [name for name in self.names if name not in gone]
        return len(gone)

    async def run_all(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """What tells the others of a removal."""
        await asyncio.sleep(0)
        self.told += len(commands)
        return [b"1-1" for _ in commands]


def writer(redis: SmallRedis, owed: PendingRemovals) -> RedisWriter:
    """One that writes into *redis*."""
    metrics = SharedTierMetrics(CollectorRegistry())
    return RedisWriter(
        redis, owed, removal_command=lambda removal: ("XADD",), ttl_seconds=60, metrics=metrics, clock=lambda: 100.0
    )


async def test_who_asks_is_told_of_all_although_debts_are_paid_meanwhile() -> None:
    redis, owed = SmallRedis(*(b"llm-provider:1:answer:{local}:%d" % number for number in range(9))), PendingRemovals()
    removals = writer(redis, owed)
    asked = asyncio.create_task(removals.remove(EVERYTHING))
    for _ in range(20):
        await asyncio.sleep(0)
        await removals.carry_out_all()
    assert await asked == 9
    assert (redis.names, len(owed), redis.told) == ([], 0, 1)


async def test_what_nobody_is_paying_is_paid_with_the_other_debts() -> None:
    redis, owed = SmallRedis(b"llm-provider:1:answer:{local}:1"), PendingRemovals()
    owed.add_pending(EVERYTHING)
    await writer(redis, owed).carry_out_all()
    assert (redis.names, len(owed), redis.told) == ([], 0, 1)
