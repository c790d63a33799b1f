"""Promise P7: a provider that hangs takes its own slots, and nothing from the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from statistics import median

import aiohttp

from tests.faults.observing import Place
from tests.faults.overload import FLAT_BYTES, ROUNDS
from tests.faults.rows import MEBIBYTE, Stage
from tests.faults.world import World, open_world
from tests.support.gateway import Gateway
from tests.support.service_process import ServiceProcess
from tests.vendor_sim import VendorSim

PAIRS = 5
RATE = 40.0  # requests a second
HANGING_CALLERS = 130
SLOTS = 30
GATEWAY_SLOTS = 60  # all of them could hang, if waiting for a provider took one
SLOWER_AT_MOST = 1.10
HANG = "fault-hang"
SLOW = "slow"
HANGING_MS = 1500
UNTIL_FULL = 0.3
COME_BACK = 0.2  # whoever finds no slot is refused at once; without a pause this would measure a hot loop of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The other provider's p99 in seconds, before a provider hangs and while it does."""

    calm: float
    hanging: float

    @property
    def ratio(self) -> float:
        """How much longer."""
        return self.hanging / self.calm


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulkhead:
    """`peak` is the most calls that ever hung at once; `growth_bytes` is the memory from the first pair to the last."""

    pairs: tuple[Pair, ...]
    requests: int
    failed: int
    peak: int
    growth_bytes: int

    @property
    def ratio(self) -> float:
        """The median of the pairs."""
        return median(pair.ratio for pair in self.pairs)

    def problems(self) -> list[str]:
        """What is not as promised."""
        return self.wrong() + ([f"{self.ratio:.2f} times as long"] if self.ratio > SLOWER_AT_MOST else [])

    def wrong(self) -> list[str]:
        """What no other work on the machine can excuse."""
        found = {
            f"{self.failed} failed": self.failed > 0,
            f"{self.peak} calls hung at one time": not 0 < self.peak <= SLOTS,
            f"{self.growth_bytes / MEBIBYTE:.1f} MiB more": self.growth_bytes >= FLAT_BYTES,
        }
        return [text for text, is_so in found.items() if is_so]


async def measure_bulkhead(*, requests: int) -> Bulkhead:
    """The first of `ROUNDS` whose ratio is as promised, else the last: other work on the machine makes p99 longer."""
    for _ in range(ROUNDS):
        measured = await play_bulkhead(requests=requests, pairs=PAIRS)
        if measured.wrong() or not measured.problems():
            break
    return measured


async def play_bulkhead(*, requests: int, pairs: int) -> Bulkhead:
    """Interleaved pairs of *requests* each to a provider that answers after 500 ms."""
    async with open_world() as world, VendorSim() as sim:
        settings = world.settings(Stage.TRANSPORT, sim) | {
            "OPENROUTER_BASE_URL": world.raw.url,
            "LLM_MAX_CONCURRENT_PER_PROVIDER": SLOTS,
            "LLM_MAX_CONCURRENT_REQUESTS": GATEWAY_SLOTS,
            "CIRCUIT_BREAKER_ENABLED": False,
        }
        async with ServiceProcess(**settings) as service, aiohttp.ClientSession() as http:
            place = Place(world=world, sim=sim, service=service, gateway=Gateway(service.url, http))
            await _load(place, requests)
            return await _pairs(place, world, requests, pairs)


async def _pairs(place: Place, world: World, requests: int, number_of_pairs: int) -> Bulkhead:
    pairs, failed, first = [], 0, 0
    for number in range(number_of_pairs):
        seconds = {}
        for hangs in (number % 2 == 1, number % 2 == 0):  # neither of the two always comes first
            async with _hanging(place) if hangs else nullcontext():
                seconds[hangs], lost = await _load(place, requests)
            failed += lost
        pairs.append(Pair(calm=seconds[False], hanging=seconds[True]))
        first = first or place.service.resident_bytes()
    return Bulkhead(
        pairs=tuple(pairs),
        requests=requests,
        failed=failed,
        peak=world.raw.peak[HANG],
        growth_bytes=place.service.resident_bytes() - first,
    )


async def _load(place: Place, requests: int) -> tuple[float, int]:
    """The p99 of *requests* to the healthy provider, sent at a fixed rate, and how many of them failed."""

    async def caller(number: int) -> tuple[float, bool]:
        await asyncio.sleep(number / RATE)
        started = time.monotonic()
        answer = await place.ask("openrouter", SLOW)
        return time.monotonic() - started, answer.status != 200

    asked = await asyncio.gather(*(caller(number) for number in range(requests)))
    seconds = sorted(took for took, _ in asked)
    return seconds[int(requests * 0.99)], sum(failed for _, failed in asked)


@asynccontextmanager
async def _hanging(place: Place) -> AsyncIterator[None]:
    """Meanwhile more callers than it has slots ask a provider that hangs."""

    async def caller(number: int) -> None:
        await asyncio.sleep(UNTIL_FULL * number / HANGING_CALLERS)  # strangers do not march in step
        while True:
            await place.ask("openai", HANG, deadline_ms=HANGING_MS)
            await asyncio.sleep(COME_BACK)

    callers = [asyncio.create_task(caller(number)) for number in range(HANGING_CALLERS)]
    await asyncio.sleep(UNTIL_FULL)
    try:
        yield
    finally:
        for task in callers:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*callers)
