"""One row, through the front door, with everything written down that came of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.faults.fault_upstream.exchange import POISON
from tests.faults.rows import Observed, Row, in_the_words_of
from tests.faults.world import World
from tests.support.gateway import KEYS, Answer, Gateway
from tests.support.service_process import ServiceProcess
from tests.vendor_sim import VendorSim

HEALTHY_MODEL = "healthy"
AFTER_THE_BREAKER = 0.3
OCCUPIED_MS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A running service of one stage, and what is around it."""

    world: World
    sim: VendorSim
    service: ServiceProcess
    gateway: Gateway

    def calls(self, row: Row) -> int:
        """Upstream calls for the row's vendor and model so far."""
        return self.sim.count(row.vendor, row.asked_model) + self.world.calls(row.asked_model)

    async def ask(self, vendor: str, model: str, *, fallback: str = "none", deadline_ms: int | None = None) -> Answer:
        """One comparison, never from the cache."""
        return await self.gateway.compare(
            headers=None if deadline_ms is None else {"X-Request-Timeout-Ms": str(deadline_ms)},
            llm_config_overrides={"provider_override": vendor, "model_override": model},
            fallback=fallback,
            cache="bypass",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the service and the upstream say at one moment."""

    attempts: Counter[str]
    calls: int
    failures: dict[tuple[str, str | None], tuple[int, str]]
    alerts: int
    booked: float
    charged: float


async def read(place: Place, row: Row) -> Reading:
    """The counters, as they stand now."""
    breakers = (await place.gateway.get("/api/v1/circuit-breakers")).body["circuit_breakers"]
    metrics = (await place.gateway.get("/metrics")).body
    return Reading(
        attempts=_attempts(metrics, row.vendor),
        calls=place.calls(row),
        failures={(one["provider"], one["model"]): (one["failures"], one["state"]) for one in breakers},
        alerts=place.service.log().count('"alert":true'),
        booked=_sum(metrics, "llm_provider_tokens_used_total", row.vendor, 'token_type="completion"'),
        charged=place.sim.billed(row.vendor).output,
    )


async def observe(place: Place, row: Row) -> Observed:
    """Play *row* and report."""
    if row.plays:
        place.sim.script(row.vendor, row.plays[:-1], model=row.asked_model)
        place.sim.always(row.vendor, row.plays[-1], model=row.asked_model)
    before = await read(place, row)
    blocker = await _occupy(place, row) if row.occupied else None
    place.service.forget_peak()
    resident = place.service.resident_bytes()
    answers, seconds = await _asked(place, row)
    growth = place.service.peak_bytes() - resident
    after = await read(place, row)
    elsewhere = await _elsewhere(place, row)
    if blocker is not None:
        await blocker
    lives_on = await _lives_on(place, row)
    texts = [str(answer.body) for answer in answers]
    worst = max(answers, key=lambda answer: answer.status)
    retry_after = worst.headers.get("Retry-After")
    return Observed(
        status=worst.status,
        code=worst.body.get("code", ""),
        attempts=tuple(sorted((after.attempts - before.attempts).elements())),
        calls=after.calls - before.calls,
        breaker=breaker_effect(row, before, after),
        elsewhere=elsewhere,
        seconds=seconds,
        retry_after=None if retry_after is None else int(retry_after),
        fields={name: worst.body.get(name) for name in row.expected.fields},
        growth_bytes=max(0, growth),
        alert=after.alerts > before.alerts,
        tokens=(after.booked - before.booked, after.charged - before.charged),
        lives_on=lives_on,
        leaks=_leaks(place, texts),
    )


def breaker_effect(row: Row, before: Reading, after: Reading) -> str:
    """`model +3`: three calls count against the model; `provider open`: the provider's own breaker is; `–`: neither."""
    effects = []
    for name, key in (("provider", (row.vendor, None)), ("model", (row.vendor, row.asked_model))):
        failures, state = after.failures.get(key, (0, "closed"))
        counted = failures - before.failures.get(key, (0, "closed"))[0]
        if state != "closed":
            effects.append(f"{name} {state}")
        elif counted:
            effects.append(f"{name} +{counted}")
    return ", ".join(effects) or "–"


async def _asked(place: Place, row: Row) -> tuple[list[Answer], float]:
    """The answers, and the longest time that one took."""
    answers, longest = [], 0.0
    for number in range(row.asks):
        if number:
            await asyncio.sleep(row.pause)
        started = time.monotonic()
        answers.append(await place.ask(row.vendor, row.asked_model, deadline_ms=row.deadline_ms))
        longest = max(longest, time.monotonic() - started)
    return answers, longest


async def _occupy(place: Place, row: Row) -> asyncio.Task[Answer]:
    """A call that hangs and holds a slot by now."""
    blocker = asyncio.create_task(place.ask(row.vendor, "fault-hang", deadline_ms=OCCUPIED_MS))
    while not await _calls_under_way(place, row.vendor) and not blocker.done():  # noqa: ASYNC110 -- nobody tells
        await asyncio.sleep(0.01)
    return blocker


async def _calls_under_way(place: Place, vendor: str) -> int:
    providers = (await place.gateway.get("/api/v1/providers")).body["providers"]
    return sum(one["in_flight"] for one in providers if one["provider"] == vendor)


async def _elsewhere(place: Place, row: Row) -> bool | None:
    """Whether another vendor answers when it may."""
    if row.expected.elsewhere is None:
        return None
    answer = await place.ask(row.vendor, row.asked_model, fallback="any")
    return answer.status == 200 and bool(answer.body["provider"] != row.vendor)


async def _lives_on(place: Place, row: Row) -> bool:
    """Whether a healthy model of the same vendor is answered as if nothing had been."""
    if not row.lives_on:
        return False
    if row.expected.breaker == "provider open":
        await asyncio.sleep(AFTER_THE_BREAKER)
    answer = await place.ask(row.vendor, in_the_words_of(row.vendor, HEALTHY_MODEL))
    return answer.status == 200 and POISON not in str(answer.body)


def _leaks(place: Place, texts: list[str]) -> tuple[str, ...]:
    """What was seen where it must not be: upstream bytes, keys, cookies, requests at another origin."""
    shown = "".join(texts)
    written = shown + place.service.log()
    upstreams = place.world.upstreams
    found = {
        "upstream bytes in the answer": POISON in shown,
        "upstream bytes in the log": POISON in written,
        "a key": any(key in written for key in KEYS.values()),
        "a cookie": any(one.cookies for one in upstreams),
        "a request elsewhere": any(one.strays for one in upstreams),
        "a request that the vendor does not accept": bool(place.sim.violations()),
    }
    return tuple(name for name, leaked in found.items() if leaked)


def _attempts(metrics: str, vendor: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in metrics.splitlines():
        if line.startswith("llm_provider_attempts_total{") and f'provider="{vendor}"' in line:
            outcome = line.partition('outcome="')[2].partition('"')[0]
            found[outcome] += round(float(line.rpartition(" ")[2]))
    return found


def _sum(metrics: str, name: str, vendor: str, label: str) -> Any:
    return sum(
        float(line.rpartition(" ")[2])
        for line in metrics.splitlines()
        if line.startswith(name + "{") and f'provider="{vendor}"' in line and label in line
    )
