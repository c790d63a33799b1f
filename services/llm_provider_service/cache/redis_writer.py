"""Writes to Redis in the background: stores answers, and carries out removals.

Answers are collected for a few milliseconds and sent together; an answer that cannot be sent now is dropped and
counted. A removal is never dropped: it stays owed until Redis has carried it out and has stored the message that tells
the other replicas.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from common_core.observability_enums import CacheOperation
from huleedu_service_libs.redis_link.link import RedisLink
from huleedu_service_libs.redis_link.values import RedisAway, RedisRefused, Word
from services.llm_provider_service.cache.integrity import seal
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.pending_removals import PendingRemovals, Removal
from services.llm_provider_service.cache.redis_keys import entry_name
from services.llm_provider_service.cache.redis_removals import remove
from services.llm_provider_service.metrics import SharedTierMetrics
from services.llm_provider_service.resilience.deadline import Clock

GATHER_SECONDS = 0.02
MOST_IN_ONE_BATCH = 64
MOST_WAITING_BYTES = 16 * 1024 * 1024
# A larger answer could use up a reader's whole budget on a slow network, and would take the link down.
LARGEST_ENTRY_BYTES = 1024 * 1024
# Other replicas learn of a removal within half a second. A write in that time may reach Redis after the removal.
LATE_SECONDS = 2.0
MOST_REMEMBERED = 1000

Command = Sequence[Word]


@dataclass(frozen=True, slots=True)
class _Waiting:
    key: CacheKey
    raw: bytes
    ticket: int | None


class RedisWriter:
    """Writes answers and carries out removals in the background; an entry expires *ttl_seconds* after its write.

    *telling* returns the command that tells the other replicas of a removal. Metric: set `ok | dropped`.
    """

    def __init__(
        self,
        link: RedisLink,
        owed: PendingRemovals,
        *,
        removal_command: Callable[[Removal], Command],
        ttl_seconds: float,
        metrics: SharedTierMetrics,
        clock: Clock,
    ) -> None:
        self._link = link
        self._owed = owed
        self._removal_command = removal_command
        self._ttl_ms = max(1, int(ttl_seconds * 1000))
        self._metrics = metrics
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._filled = asyncio.Event()
        self._turn = asyncio.Lock()
        self._lately: dict[CacheKey, float] = {}
        self._under_way: set[int] = set()
        self.dropped = 0

    def put(self, key: CacheKey, raw: bytes | None, *, replaces: bool) -> None:
        """Write *raw* soon; `None` is an answer that cannot be stored.

        With *replaces*, the present entry is owed as a removal until *raw* is stored in its place.
        """
        ticket = self._owed.add_pending(Removal(key=key)) if replaces else None
        if raw is None or not self._has_room_for(raw):
            self._drop(1)
            return
        self._waiting.append(_Waiting(key, raw, ticket))
        self._waiting_bytes += len(raw)
        self._filled.set()

    async def write(self) -> None:
        """Wait until there is something to write, collect more for a moment, and write it."""
        await self._filled.wait()
        await asyncio.sleep(GATHER_SECONDS)
        await self.write_waiting()

    async def write_waiting(self) -> None:
        """Write everything that waits now, batch by batch."""
        self._filled.clear()
        while self._waiting:
            async with self._turn:
                await self._write(self._next_batch())

    async def remove(self, removal: Removal) -> int:
        """Carry *removal* out, now or when Redis is back; returns how many entries were removed now."""
        ticket = self._owed.add_pending(removal)
        await self._forget_waiting(removal)
        return await self._carry_out(removal, ticket) or 0

    async def carry_out_all(self) -> None:
        """Carry out all removals that are owed, the oldest first, until Redis goes away.

        It skips a removal that a `remove` call is carrying out: that call returns the number of removed entries, and a
        second run would take some of them from its count.
        """
        for removal, ticket in self._owed.pending():
            if ticket not in self._under_way and await self._carry_out(removal, ticket) is None:
                return

    async def removed_elsewhere(self, removal: Removal) -> None:
        """Remove this replica's latest writes, as they may have reached Redis after the other's *removal*."""
        await self._forget_waiting(removal)
        since = self._clock() - LATE_SECONDS
        written = list(self._lately) if removal.key is None else [removal.key]
        for key in filter(removal.covers, written):
            if self._lately.pop(key, -inf) >= since:
                self._owed.add_pending(Removal(key=key))

    def _has_room_for(self, raw: bytes) -> bool:
        fits = len(raw) <= LARGEST_ENTRY_BYTES and self._waiting_bytes + len(raw) <= MOST_WAITING_BYTES
        return fits and self._link.available

    async def _forget_waiting(self, removal: Removal) -> None:
        """Drop waiting writes that *removal* covers; when it returns, none of them is being written any more."""
        self._waiting = deque(one for one in self._waiting if not removal.covers(one.key))
        self._waiting_bytes = sum(len(one.raw) for one in self._waiting)
        async with self._turn:
            return

    async def _carry_out(self, removal: Removal, ticket: int) -> int | None:
        """Carry *removal* out; returns how many entries were removed, or `None` if it stays owed."""
        if not self._link.available:
            return None
        self._under_way.add(ticket)
        try:
            removed = await remove(self._link, removal)
            (told,) = await self._link.run_all([self._removal_command(removal)])
        except (RedisAway, RedisRefused):
            return None
        finally:
            self._under_way.discard(ticket)
        return removed if self._settle(removal, ticket, told) else None

    def _settle(self, removal: Removal, ticket: int, told: Any) -> bool:
        """Settle *removal*, unless Redis cannot store the message now; on a key of another type it never can."""
        if isinstance(told, RedisRefused) and not told.wrong_type:
            return False
        self._owed.settle(removal, ticket)
        return True

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < MOST_IN_ONE_BATCH and size < LARGEST_ENTRY_BYTES:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].raw)
        self._waiting_bytes -= size
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        if not self._link.state.writable:
            self._drop(len(batch))
            return
        self._remember(batch)
        try:
            answers = iter(await self._link.run_all([command for one in batch for command in self._commands(one)]))
        except RedisAway:
            self._drop(len(batch))
            return
        for one in batch:
            self._written(one, next(answers), None if one.ticket is None else next(answers))

    def _commands(self, one: _Waiting) -> list[Command]:
        written = ("SET", entry_name(one.key), seal(one.key, one.raw), "PX", self._ttl_ms)
        return [written] if one.ticket is None else [written, self._removal_command(Removal(key=one.key))]

    def _written(self, one: _Waiting, answer: Any, told: Any) -> None:
        if isinstance(answer, RedisRefused):
            self._drop(1)
            return
        self._metrics.operation(CacheOperation.SET, "ok")
        if one.ticket is not None:
            self._settle(Removal(key=one.key), one.ticket, told)

    def _remember(self, batch: Iterable[_Waiting]) -> None:
        """Remember what was sent: it may reach Redis later, even if no reply says so."""
        for one in batch:
            self._lately.pop(one.key, None)
            self._lately[one.key] = self._clock()
            if len(self._lately) > MOST_REMEMBERED:
                del self._lately[next(iter(self._lately))]

    def _drop(self, answers: int) -> None:
        self.dropped += answers
        for _ in range(answers):
            self._metrics.operation(CacheOperation.SET, "dropped")
