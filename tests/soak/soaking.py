"""One soak from beginning to end: calm, bad weather, calm again, the last wave, the books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from time import monotonic

from huleedu_service_libs.redis_link.values import LinkPolicy
from services.llm_provider_service.providers.transport.http_transport import KEEPALIVE_SECONDS
from tests.faults.page import commit
from tests.soak.books import FrontBooks, VendorBooks, answers_in
from tests.soak.callers import Callers, Tally
from tests.soak.load import Load
from tests.soak.playing import play
from tests.soak.questions import RAW_FAULTS, VENDORS, bursts
from tests.soak.result import Calm, Extent, Result
from tests.soak.stage import LIMITS, Stage, running_stage
from tests.soak.timeline import Event, timeline
from tests.soak.vitals import Rest, Sample, at_rest
from tests.soak.wave import last_wave

LOOK_SECONDS = 0.5
POOLS_EXPIRE_FROM_MINUTES = 2.0
POOLS_EMPTY_SECONDS = 2 * KEEPALIVE_SECONDS + 10  # aiohttp looks for idle connections only so often


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What somebody who watches wants to know."""

    seconds: float
    phase: str
    faults: Sequence[str]
    tally: Tally
    waiting: int
    resident: int
    vendors: Sequence[VendorBooks]


@dataclass(slots=True, kw_only=True)
class Soak:
    """The state of a run; `over` is set by whoever wants it to end now."""

    extent: Extent
    stage: Stage
    callers: Callers
    over: asyncio.Event
    watch: Callable[[Glance], None]
    phase: str = "warming up"
    faults: list[str] = field(default_factory=list)
    played: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    health_failures: list[str] = field(default_factory=list)
    started: float = field(default_factory=monotonic)

    async def run(self) -> Result:
        """All of it."""
        began, checked_out = datetime.now(UTC), commit()
        load = Load(self.callers, bursts(self.extent.seed), rate=self.extent.rate, dice=Random(self.extent.seed))
        await load.run(self.extent.warm_up_seconds, self.over)
        await self.callers.finish()
        before = await at_rest(self.stage)
        looking = asyncio.create_task(self._keep_looking())
        try:
            await self._bad_weather(load)
            asked, unanswered = await self._calm_down(load)
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
        calm = await self._last_look(asked, unanswered)
        return await self._result(began, checked_out, before, calm)

    async def _bad_weather(self, load: Load) -> None:
        self.phase = "bad weather"
        lines = timeline(self.extent.seed, self.extent.storm_seconds)
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run(self.extent.storm_seconds, self.over))
            for line in lines:
                group.create_task(self._line(line))

    async def _line(self, events: Sequence[Event]) -> None:
        """Those of one line, each at its moment, or as soon as the last one is over."""
        began = monotonic()
        for event in events:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), max(0.0, began + event.at - monotonic()))
            if self.over.is_set():
                return
            self.faults.append(event.name)
            await play(event, self.stage, self.over)
            self.faults.remove(event.name)
            self.played[event.fault] += 1

    async def _calm_down(self, load: Load) -> tuple[int, list[str]]:
        self.phase = "settling"
        await load.run(self.extent.settle_seconds, asyncio.Event())
        self.phase = "calm"
        proof = await load.prove(self.extent.proof_seconds)
        await self.callers.finish()
        return proof

    async def _keep_looking(self) -> None:
        while True:
            resident = self.stage.service.resident_bytes()
            self.samples.append(Sample(monotonic() - self.started, self.callers.tally.sent, resident))
            await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        health = await self.stage.gateway.get("/healthz")
        if health.status != 200:
            self.health_failures.append(f"health answered {health.status}: {health.body}")
        self.watch(
            Glance(
                seconds=monotonic() - self.started,
                phase=self.phase,
                faults=tuple(self.faults),
                tally=self.callers.tally,
                waiting=self.callers.waiting,
                resident=self.stage.service.resident_bytes(),
                vendors=self.stage.books(await self.stage.metrics()),
            )
        )

    async def _last_look(self, asked: int, unanswered: Sequence[str]) -> Calm:
        health = (await self.stage.gateway.get("/healthz")).body
        breakers = (await self.stage.gateway.get("/api/v1/circuit-breakers")).body["circuit_breakers"]
        wave, waited, peak = await last_wave(self.stage, self.callers)
        return Calm(
            asked=asked,
            unanswered=unanswered,
            health=health["status"],
            redis_available=health["dependencies"]["cache"]["redis_available"],
            not_closed=[
                f"{one['provider']} {one['model'] or ''} is {one['state']}"
                for one in breakers
                if one["state"] != "closed" and one["model"] not in RAW_FAULTS
            ],
            wave=wave,
            wave_waited=waited,
            wave_peak=peak,
        )

    async def _result(self, began: datetime, checked_out: str, before: Rest, calm: Calm) -> Result:
        most = LIMITS["LLM_MAX_CONCURRENT_PER_PROVIDER"]
        self.phase = "coming to rest"
        await self._look()
        pools = {f"with {name}": most for name in (*VENDORS, "the raw upstream")}
        if self.extent.minutes >= POOLS_EXPIRE_FROM_MINUTES and not self.over.is_set():
            pools = dict.fromkeys(pools, 0)
        pools["with Redis"] = LinkPolicy().connections  # how many of them the calm needed before is chance
        after = await at_rest(self.stage, like=before, pools=pools, within=POOLS_EMPTY_SECONDS)
        metrics = await self.stage.metrics()
        tally = self.callers.tally
        return Result(
            extent=self.extent,
            commit=checked_out,
            began=began,
            seconds=monotonic() - self.started,
            ended_early=self.over.is_set(),
            played=self.played,
            tally=tally,
            front=FrontBooks(
                sent=tally.sent,
                answered={str(status): n for status, n in tally.statuses.items()},
                hung_up=tally.hung_up,
                lost=len(tally.lost),
                counted=answers_in(metrics),
            ),
            vendors=self.stage.books(metrics),
            calm=calm,
            before=before,
            after=after,
            pools=pools,
            samples=self.samples,
            log=self.stage.service.log(),
            health_failures=self.health_failures,
        )


async def soak(extent: Extent, *, watch: Callable[[Glance], None], over: asyncio.Event) -> Result:
    """Start everything, let it run, and stop everything."""
    async with running_stage() as stage:
        return await Soak(extent=extent, stage=stage, callers=Callers(stage.service.url), over=over, watch=watch).run()
