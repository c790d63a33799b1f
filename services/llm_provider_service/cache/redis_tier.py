"""The shared tier of the cache: sealed answers in Redis, read within a request's budget, written behind its back.

Nothing here fails a request. What cannot be read in time, is damaged or belongs to somebody else is absent; what cannot
be written is dropped and counted. Writes are gathered for a few milliseconds and sent together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

from common_core.llm_status_contracts import CacheTierStats
from common_core.observability_enums import CacheOperation
from huleedu_service_libs.redis_link.link import RedisLink
from huleedu_service_libs.redis_link.values import RedisAway, RedisRefused
from services.llm_provider_service.cache.entry import CachedAnswer, DamagedEntry, decode
from services.llm_provider_service.cache.integrity import seal, unseal
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.pending_removals import PendingRemovals, Removal
from services.llm_provider_service.cache.redis_keys import entry_name
from services.llm_provider_service.metrics import SharedTierMetrics
from services.llm_provider_service.resilience.deadline import Clock
from services.llm_provider_service.resilience.time_budget import TimeBudget

GATHER_SECONDS = 0.02
MOST_IN_ONE_BATCH = 64
MOST_WAITING_BYTES = 16 * 1024 * 1024
MOST_DISCARDS = 256
# A larger answer could use up a reader's whole budget on a slow line, and would take the link down.
LARGEST_ENTRY_BYTES = 1024 * 1024

# A damaged entry is removed only as it was read: a replica may have put a good one there in the meantime.
REMOVE_AS_READ = """
if redis.sha1hex(redis.call('GET', KEYS[1]) or '') == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
return 0
"""


@dataclass(frozen=True, slots=True)
class _Waiting:
    key: CacheKey
    raw: bytes
    ticket: int | None


class RedisTier:
    """Answers of all replicas; an entry lives *ttl_seconds* from when it was stored.

    What *owed* covers is neither read nor, until the removal is done, written. *on_removed* hears of a refreshed
    key when its new answer lies in Redis, *on_dropped* of an answer that could not be written now. The operations that
    are counted: get `hit | miss | damaged | away`, set `ok | dropped`, and delete `ok` for a damaged entry.
    """

    def __init__(
        self,
        link: RedisLink,
        *,
        ttl_seconds: float,
        owed: PendingRemovals,
        on_removed: Callable[[Removal], None],
        on_dropped: Callable[[CacheKey], None],
        metrics: SharedTierMetrics,
        clock: Clock,
    ) -> None:
        self._link = link
        self._ttl_ms = max(1, int(ttl_seconds * 1000))
        self._owed = owed
        self._on_removed = on_removed
        self._on_dropped = on_dropped
        self._metrics = metrics
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._filled = asyncio.Event()
        self._writing = asyncio.Lock()
        self._discards: dict[str, bytes | None] = {}
        self._hits = self._misses = self._dropped = self._damaged = 0

    async def get(self, key: CacheKey, budget: TimeBudget | None) -> tuple[CachedAnswer, bytes] | None:
        """The stored answer and its plain bytes; waits no longer than *budget*, and not at all while Redis is away."""
        if not self._link.available or self._owed.covers(key) or (budget is not None and budget.left <= 0):
            self._misses += 1
            return None
        started = self._clock()
        try:
            found, result = await self._look_up(key, None if budget is None else budget.left)
        finally:
            seconds = self._clock() - started
            if budget is not None:
                budget.spend(seconds)
        self._hits += found is not None
        self._misses += found is None
        self._metrics.operation(CacheOperation.GET, result)
        self._metrics.look_up.observe(seconds)
        return found

    def put(self, key: CacheKey, raw: bytes, *, replaces: bool) -> None:
        """Store *raw* soon. If it *replaces*, what lies there now is owed as a removal until *raw* is there instead."""
        ticket = self._owed.owe(Removal(key=key)) if replaces else None
        if len(raw) > LARGEST_ENTRY_BYTES:
            self._count_dropped()
            return
        if self._waiting_bytes + len(raw) > MOST_WAITING_BYTES or not self._link.available:
            self._drop(key)
            return
        self._waiting.append(_Waiting(key, raw, ticket))
        self._waiting_bytes += len(raw)
        self._filled.set()

    async def forget_waiting(self, removal: Removal) -> None:
        """Nothing that was put until now and that *removal* covers will be written after this returns."""
        kept = deque(one for one in self._waiting if not removal.covers(one.key))
        self._waiting = kept
        self._waiting_bytes = sum(len(one.raw) for one in kept)
        async with self._writing:
            return

    async def write(self) -> None:
        """Wait until something was put, gather more for a moment, and write it."""
        await self._filled.wait()
        await asyncio.sleep(GATHER_SECONDS)
        await self.write_waiting()

    async def write_waiting(self) -> None:
        """Write what is waiting now, a batch at a time, and remove what was found damaged."""
        self._filled.clear()
        while self._waiting:
            async with self._writing:
                await self._write(self._next_batch())
        await self._remove_damaged()

    def stats(self) -> CacheTierStats:
        """Counters since the start; what lies in Redis is everybody's, so its size is not counted here."""
        return CacheTierStats(
            hits=self._hits,
            misses=self._misses,
            dropped=self._dropped,
            damaged=self._damaged,
        )

    async def _look_up(self, key: CacheKey, seconds: float | None) -> tuple[tuple[CachedAnswer, bytes] | None, str]:
        name = entry_name(key)
        try:
            sealed = await self._link.run("GET", name, seconds=seconds)
            if sealed is None:
                return None, "miss"
            raw = unseal(key, sealed)
            return (decode(raw), raw), "hit"
        except RedisAway:
            return None, "away"
        except RedisRefused as refused:
            if not refused.wrong_type:
                return None, "away"
            self._discard(name, None)
        except DamagedEntry:
            self._discard(name, sealed)
        return None, "damaged"

    def _discard(self, name: str, sealed: bytes | None) -> None:
        """Have what lies under *name* removed, if it still is *sealed*; `None`: whatever it is, it is no entry."""
        self._damaged += 1
        if len(self._discards) < MOST_DISCARDS:
            self._discards[name] = sealed
            self._filled.set()

    async def _remove_damaged(self) -> None:
        while self._discards:
            name, sealed = self._discards.popitem()
            try:
                if sealed is None:
                    await self._link.run("UNLINK", name)
                else:
                    as_read = sha1(sealed, usedforsecurity=False).hexdigest()
                    await self._link.run_script(REMOVE_AS_READ, [name], [as_read])
            except (RedisAway, RedisRefused):
                continue  # it stays a miss, and whoever reads it next tries again
            self._metrics.operation(CacheOperation.DELETE, "ok")

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < MOST_IN_ONE_BATCH and size < LARGEST_ENTRY_BYTES:
            one = self._waiting.popleft()
            size += len(one.raw)
            batch.append(one)
        self._waiting_bytes -= size
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        if not self._link.state.writable:
            self._drop(*(one.key for one in batch))
            return
        commands = [("SET", entry_name(one.key), seal(one.key, one.raw), "PX", self._ttl_ms) for one in batch]
        try:
            answers = await self._link.run_all(commands)
        except (RedisAway, RedisRefused):
            self._drop(*(one.key for one in batch))
            return
        for one, answer in zip(batch, answers, strict=True):
            self._settle(one, answer)

    def _settle(self, one: _Waiting, answer: Any) -> None:
        if isinstance(answer, RedisRefused):
            self._drop(one.key)
            return
        self._metrics.operation(CacheOperation.SET, "ok")
        if one.ticket is not None:
            removal = Removal(key=one.key)
            self._owed.settle(removal, one.ticket)
            self._on_removed(removal)

    def _drop(self, *keys: CacheKey) -> None:
        for key in keys:
            self._count_dropped()
            self._on_dropped(key)

    def _count_dropped(self) -> None:
        self._dropped += 1
        self._metrics.operation(CacheOperation.SET, "dropped")
