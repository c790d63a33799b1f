"""The local tier against the simplest model of it: a list in order of use."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common_core.observability_enums import CacheOperation
from services.llm_provider_service.cache.entry import CachedAnswer, encode
from services.llm_provider_service.cache.key import CacheKey
from services.llm_provider_service.cache.local import (
    ENTRY_OVERHEAD,
    READ_OVERHEAD,
    LocalCache,
    NoCache,
)
from services.llm_provider_service.domain.completion import TextPart, ToolCallPart
from services.llm_provider_service.protocols import LLMCacheManagerProtocol
from services.llm_provider_service.tests.unit.cache import samples
from services.llm_provider_service.tests.unit.routing.samples import HandClock

TTL = 10.0


class Heard(list[tuple[CacheOperation, str]]):
    """What the cache said of its operations."""

    def __call__(self, operation: CacheOperation, outcome: str) -> None:
        self.append((operation, outcome))


@dataclass
class Bench:
    """A cache with its clock and its listener."""

    max_bytes: int = 1_000_000
    max_entries: int = 100
    clock: HandClock = field(default_factory=HandClock)
    heard: Heard = field(default_factory=Heard)

    def __post_init__(self) -> None:
        self.cache = LocalCache(
            max_bytes=self.max_bytes,
            max_entries=self.max_entries,
            ttl_seconds=TTL,
            clock=self.clock,
            coalesced=lambda: 7,
            on_operation=self.heard,
        )


def _key(number: int, tenant: str = "cj") -> CacheKey:
    return CacheKey(tenant, f"{number:064x}")


def _entry(text: str = "hej") -> CachedAnswer:
    return replace(samples.ENTRY, answer=replace(samples.ENTRY.answer, parts=(TextPart(text),)))


def _size(key: CacheKey, entry: CachedAnswer) -> int:
    return 2 * sys.getsizeof(encode(entry)) + sys.getsizeof(str(key)) + ENTRY_OVERHEAD + READ_OVERHEAD


async def test_what_was_stored_is_read_back_equal() -> None:
    bench = Bench()
    await bench.cache.put(_key(1), samples.ENTRY)
    assert await bench.cache.get(_key(1)) == samples.ENTRY
    assert await bench.cache.get(_key(2)) is None
    stats = bench.cache.stats()
    assert (stats.hits, stats.misses, stats.entries, stats.evictions) == (1, 1, 1, 0)
    assert (stats.backend, stats.coalesced, stats.bytes) == ("local", 7, _size(_key(1), samples.ENTRY))


async def test_one_tenant_never_reads_anothers_answer() -> None:
    bench = Bench()
    await bench.cache.put(_key(1, "a"), _entry())
    assert await bench.cache.get(_key(1, "b")) is None
    assert await bench.cache.get(_key(1, "a")) == _entry()


async def test_an_entry_lives_for_its_time_and_reading_does_not_prolong_it() -> None:
    bench = Bench()
    await bench.cache.put(_key(1), _entry())
    bench.clock.now += TTL - 0.001
    assert await bench.cache.get(_key(1)) == _entry()
    bench.clock.now += 0.001
    assert await bench.cache.get(_key(1)) is None
    assert bench.cache.stats().bytes == 0


async def test_an_entry_that_is_stored_again_lives_anew() -> None:
    bench = Bench()
    await bench.cache.put(_key(1), _entry("old"))
    bench.clock.now += TTL - 1
    await bench.cache.put(_key(2), _entry())
    await bench.cache.put(_key(1), _entry("new"))
    bench.clock.now += TTL - 0.5
    assert await bench.cache.get(_key(1)) == _entry("new")
    assert bench.cache.stats().entries == 2


async def test_expired_entries_make_room_before_live_ones() -> None:
    bench = Bench(max_entries=2)
    await bench.cache.put(_key(1), _entry())
    bench.clock.now += TTL / 2
    await bench.cache.put(_key(2), _entry())
    await bench.cache.get(_key(1))
    bench.clock.now += TTL / 2
    await bench.cache.put(_key(3), _entry())
    assert await bench.cache.get(_key(2)) == _entry()
    assert bench.cache.stats().evictions == 0


async def test_expired_entries_are_not_counted_and_take_no_memory() -> None:
    bench = Bench()
    await bench.cache.put(_key(1), _entry())
    bench.clock.now += TTL
    stats = bench.cache.stats()
    assert (stats.entries, stats.bytes, stats.evictions) == (0, 0, 0)
    assert await bench.cache.clear() == 0


async def test_the_least_recently_used_entry_goes_first() -> None:
    bench = Bench(max_entries=2)
    await bench.cache.put(_key(1), _entry())
    await bench.cache.put(_key(2), _entry())
    await bench.cache.get(_key(1))
    await bench.cache.put(_key(3), _entry())
    assert [await bench.cache.get(_key(n)) is not None for n in (1, 2, 3)] == [True, False, True]
    assert bench.cache.stats().evictions == 1


async def test_an_entry_as_large_as_the_bound_fits_and_a_larger_one_is_dropped_with_what_it_replaces() -> None:
    size = _size(_key(1), _entry("x" * 100))
    bench = Bench(max_bytes=size)
    await bench.cache.put(_key(1), _entry("x" * 100))
    assert bench.cache.stats().bytes == size
    await bench.cache.put(_key(1), _entry("x" * 101))
    assert await bench.cache.get(_key(1)) is None
    assert bench.heard[:2] == [(CacheOperation.SET, "ok"), (CacheOperation.SET, "dropped")]


async def test_one_byte_too_many_pushes_the_oldest_out() -> None:
    size = _size(_key(1), _entry())
    for max_bytes, left in ((2 * size, 2), (2 * size - 1, 1)):
        bench = Bench(max_bytes=max_bytes)
        await bench.cache.put(_key(1), _entry())
        await bench.cache.put(_key(2), _entry())
        assert bench.cache.stats().entries == left
        assert await bench.cache.get(_key(2)) == _entry()


async def test_a_large_entry_that_is_dropped_pushes_nobody_out() -> None:
    bench = Bench(max_bytes=2 * _size(_key(1), _entry()))
    await bench.cache.put(_key(1), _entry())
    await bench.cache.put(_key(2), _entry("x" * 10_000))
    assert await bench.cache.get(_key(1)) == _entry()
    assert bench.cache.stats().evictions == 0


async def test_an_answer_that_cannot_be_encoded_is_dropped_and_the_request_goes_on() -> None:
    bench = Bench()
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"x": deep}
    part = ToolCallPart(call_id="c", name="n", arguments=deep)
    await bench.cache.put(_key(1), replace(_entry(), answer=replace(_entry().answer, parts=(part,))))
    assert bench.cache.stats().entries == 0
    assert bench.heard == [(CacheOperation.SET, "dropped")]
    assert bench.cache.tier_stats().dropped == 1


async def test_a_damaged_entry_is_a_miss_and_is_removed() -> None:
    bench = Bench()
    await bench.cache.put(_key(1), _entry())
    damage(bench.cache)
    assert await bench.cache.get(_key(1)) is None
    stats = bench.cache.stats()
    assert (stats.entries, stats.bytes, stats.hits, stats.misses) == (0, 0, 0, 1)
    assert bench.heard[1:] == [(CacheOperation.DELETE, "dropped"), (CacheOperation.GET, "miss")]
    tier = bench.cache.tier_stats()
    assert (tier.hits, tier.misses, tier.dropped, tier.damaged) == (0, 1, 0, 1)
    await bench.cache.put(_key(1), _entry())
    assert await bench.cache.get(_key(1)) == _entry()


def damage(cache: LocalCache) -> None:
    """Cut the last byte of every entry, as a defect in memory would."""
    for text, stored in cache._by_use.items():
        cache._by_use[text] = replace(stored, raw=stored.raw[:-1], entry=None)


async def test_clearing_takes_a_key_or_a_tenant_or_everything() -> None:
    bench = Bench()
    for tenant in ("a", "a:b", "b"):
        for number in (1, 2):
            await bench.cache.put(_key(number, tenant), _entry())
    assert await bench.cache.clear(key=str(_key(1, "a"))) == 1
    assert await bench.cache.clear(key=str(_key(1, "a"))) == 0
    assert await bench.cache.clear(key=str(_key(2, "a")), tenant="b") == 0
    assert await bench.cache.clear(tenant="a:b") == 2
    assert await bench.cache.get(_key(2, "a")) == _entry()
    assert await bench.cache.clear() == 3
    assert (bench.cache.stats().entries, bench.cache.stats().bytes) == (0, 0)
    assert bench.cache.stats().evictions == 0
    assert [heard for heard in bench.heard if heard[0] in (CacheOperation.DELETE, CacheOperation.CLEAR)] == [
        (CacheOperation.DELETE, "ok"),
        (CacheOperation.DELETE, "miss"),
        (CacheOperation.DELETE, "miss"),
        (CacheOperation.CLEAR, "ok"),
        (CacheOperation.CLEAR, "ok"),
    ]


@pytest.mark.parametrize("bound", ["max_bytes", "max_entries", "ttl_seconds"])
def test_a_bound_of_nothing_is_refused(bound: str) -> None:
    bounds: dict[str, Any] = {"max_bytes": 1, "max_entries": 1, "ttl_seconds": 1.0} | {bound: 0}
    with pytest.raises(ValueError, match="positive"):
        LocalCache(**bounds, clock=HandClock(), coalesced=lambda: 0)


class Model:
    """The same promises in the simplest way: (text, entry, size, stored at), least recently used first."""

    def __init__(self, max_bytes: int, max_entries: int) -> None:
        self.rows: list[tuple[str, CachedAnswer, int, float]] = []
        self.bounds = (max_bytes, max_entries)
        self.evictions = 0

    def expire(self, now: float) -> None:
        self.rows = [row for row in self.rows if now - row[3] < TTL]

    def get(self, key: CacheKey) -> CachedAnswer | None:
        for row in self.rows:
            if row[0] == str(key):
                self.rows.remove(row)
                self.rows.append(row)
                return row[1]
        return None

    def put(self, key: CacheKey, entry: CachedAnswer, now: float) -> None:
        self.rows = [row for row in self.rows if row[0] != str(key)]
        size = _size(key, entry)
        if size > self.bounds[0]:
            return
        self.rows.append((str(key), entry, size, now))
        while sum(row[2] for row in self.rows) > self.bounds[0] or len(self.rows) > self.bounds[1]:
            del self.rows[0]
            self.evictions += 1

    def clear(self, tenant: str | None) -> int:
        kept = [row for row in self.rows if tenant is not None and not row[0].startswith(f"{tenant}:")]
        removed = len(self.rows) - len(kept)
        self.rows = kept
        return removed


keys = st.builds(_key, st.integers(0, 5), st.sampled_from(["cj", "åäö"]))
operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, st.integers(0, 1500)),
        st.tuples(st.just("get"), keys, st.just(0)),
        st.tuples(st.just("wait"), st.none(), st.integers(1, 6)),
        st.tuples(st.just("clear"), st.sampled_from(["cj", None]), st.just(0)),
    ),
    max_size=60,
)


@given(operations, st.integers(500, 8000), st.integers(1, 6))
async def test_it_behaves_like_the_model_and_keeps_its_bounds(
    steps: Sequence[tuple[str, Any, int]], max_bytes: int, max_entries: int
) -> None:
    bench, model = Bench(max_bytes, max_entries), Model(max_bytes, max_entries)
    for what, subject, number in steps:
        model.expire(bench.clock.now)
        match what:
            case "put":
                await bench.cache.put(subject, _entry("x" * number))
                model.put(subject, _entry("x" * number), bench.clock.now)
            case "get":
                assert await bench.cache.get(subject) == model.get(subject)
            case "wait":
                bench.clock.now += number
                model.expire(bench.clock.now)
            case "clear":
                assert await bench.cache.clear(tenant=subject) == model.clear(subject)
        stats = bench.cache.stats()
        assert stats.entries == len(model.rows) <= max_entries
        assert stats.bytes == sum(row[2] for row in model.rows) <= max_bytes
        assert stats.evictions == model.evictions


async def test_the_counted_bytes_are_the_bytes_in_memory() -> None:
    bench = Bench(max_bytes=2_000_000, max_entries=100_000)
    tracemalloc.start(1)
    try:
        for number in range(3000):
            await bench.cache.put(_key(number), _entry("x" * (number % 1500)))
            await bench.cache.get(_key(number))
        gc.collect()  # empties the interpreter's lists of freed tuples, which would count
        files = [tracemalloc.Filter(True, "*/llm_provider_service/cache/*.py")]
        held = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(files).traces)
    finally:
        tracemalloc.stop()
    counted = bench.cache.stats().bytes
    assert bench.cache.stats().evictions > 0
    assert 0.8 * counted <= held <= counted <= 2_000_000


async def test_the_cache_that_is_off_keeps_nothing_and_says_so() -> None:
    cache: LLMCacheManagerProtocol = NoCache()
    await cache.put(_key(1), _entry())
    assert await cache.get(_key(1)) is None
    assert await cache.clear() == 0
    stats = cache.stats().model_dump()
    assert stats.pop("backend") == "off"
    assert set(stats.values()) == {0}
