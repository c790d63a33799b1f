"""Promise P2: when a vendor fails every call, the retry budget bounds what retries add; the breaker is off."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

import aiohttp

from tests.support.gateway import Gateway, vendors
from tests.support.service_process import ServiceProcess
from tests.vendor_sim import Status, VendorSim

REQUESTS = 1000
IN_ONE_WAVE = 100
BUDGET_TOKENS = 500
TRANSIENT_COST = 14
THROTTLE_COST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What a vendor says to everybody; `least` and `most` are the upstream calls that `REQUESTS` requests may make."""

    name: str
    says: Status
    least: int
    most: int
    timeout_ms: int = 30_000
    statuses: frozenset[int] = frozenset({503})


OUTAGES = (
    Outage(name="503", says=Status(503), least=REQUESTS + 1, most=REQUESTS + BUDGET_TOKENS // TRANSIENT_COST + 1),
    Outage(
        name="429, Retry-After: 0.001",
        says=Status(429, headers={"Retry-After": "0.001"}),
        least=REQUESTS + 1,
        most=REQUESTS + BUDGET_TOKENS // THROTTLE_COST,
    ),
    # Without a header each 429 is a cooldown of a second, so most requests are refused without a call.
    Outage(
        name="429 without a header",
        says=Status(429),
        least=1,
        most=REQUESTS + BUDGET_TOKENS // THROTTLE_COST,
        timeout_ms=800,
        statuses=frozenset({503, 504}),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amplified:
    """What `REQUESTS` requests got during an outage, and what they cost."""

    outage: Outage
    statuses: Counter[int]
    calls: int

    def problems(self) -> list[str]:
        """What is not as promised."""
        found = {
            f"answered with {dict(self.statuses)}": not set(self.statuses) <= self.outage.statuses,
            f"{self.statuses.total()} answers": self.statuses.total() != REQUESTS,
            f"{self.calls} calls": not self.outage.least <= self.calls <= self.outage.most,
        }
        return [text for text, is_so in found.items() if is_so]


async def measure_amplification(outage: Outage) -> Amplified:
    """Ask one worker for a thousand comparisons, a hundred at a time."""
    async with VendorSim() as sim:
        sim.always("openai", outage.says)
        service = ServiceProcess(**vendors(sim, "openai"), CIRCUIT_BREAKER_ENABLED=False)
        async with service, aiohttp.ClientSession() as http:
            statuses = await _ask(Gateway(service.url, http), outage)
        return Amplified(outage=outage, statuses=statuses, calls=sim.count())


async def _ask(gateway: Gateway, outage: Outage) -> Counter[int]:
    statuses: Counter[int] = Counter()
    headers = {"X-Request-Timeout-Ms": str(outage.timeout_ms)}
    for start in range(0, REQUESTS, IN_ONE_WAVE):
        wave = (gateway.compare(sample_index=start + one, headers=headers) for one in range(IN_ONE_WAVE))
        statuses.update(answer.status for answer in await asyncio.gather(*wave))
    return statuses
