"""Promise P5: however a fault drags on, the caller is answered within the deadline and 250 ms."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import aiohttp

from tests.faults.observing import HEALTHY_MODEL, Place
from tests.faults.rows import Stage
from tests.faults.world import OTHER, open_world
from tests.support.gateway import Gateway
from tests.support.service_process import ServiceProcess
from tests.vendor_sim import Drip, Scenario, Status, Success, VendorSim

DEADLINE_MS = 1500
LATEST_MS = 250
AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowFault:
    """A fault that can take longer than the caller has; `play` is for the simulated vendor."""

    name: str
    vendor: str
    model: str
    play: Scenario | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """Milliseconds beyond the deadline of `AT_ONCE` answers, and the statuses that were given."""

    fault: SlowFault
    late_ms: tuple[float, ...]
    statuses: frozenset[int]

    @property
    def p99_ms(self) -> float:
        """Of so few, the worst."""
        return max(self.late_ms)


# Each line is asked for at once; no two of one line share a vendor.
WAVES: tuple[tuple[SlowFault, ...], ...] = (
    (
        SlowFault(name="hangs before the headers", vendor="openai", model="fault-hang"),
        SlowFault(name="SYN black hole", vendor="anthropic", model="black-hole"),
    ),
    (
        SlowFault(name="hangs after the headers", vendor="openai", model="fault-hang-body"),
        SlowFault(name="429, Retry-After: 1, for ever", vendor="openrouter", model="somebody/limited",
                  play=Status(429, headers={"Retry-After": "1"})),
    ),
    (
        SlowFault(name="drips its body", vendor="openai", model="fault-drip"),
        SlowFault(name="503 after 400 ms, for ever", vendor="openrouter", model="somebody/failing",
                  play=Status(503, delay=0.4)),
    ),
    (
        SlowFault(name="drips its headers", vendor="openai", model="fault-drip-headers"),
        SlowFault(name="answers after five seconds", vendor="openrouter", model="somebody/slow",
                  play=Success(delay=5)),
    ),
    (
        SlowFault(name="RST, for ever", vendor="openai", model="fault-rst"),
        SlowFault(name="TLS handshake that nobody answers", vendor="google", model="silent"),
    ),
    (
        SlowFault(name="body of 300 MB", vendor="openai", model="fault-huge"),
        SlowFault(name="drips a chunked body", vendor="openrouter", model="somebody/drip", play=Drip(interval=0.1)),
    ),
)  # fmt: skip


async def measure_lateness() -> list[Lateness]:
    """Ask for every slow fault, `AT_ONCE` times at once, with the breakers off."""
    async with open_world() as world, VendorSim() as sim:
        places, silent = world.addresses[Stage.PLACES], world.addresses[Stage.NARROW]["google"]
        settings = world.settings(Stage.TRANSPORT, sim) | {
            "CIRCUIT_BREAKER_ENABLED": False,
            "ANTHROPIC_BASE_URL": places["anthropic"],
            "GOOGLE_BASE_URL": silent,
        }
        async with ServiceProcess(**settings) as service, aiohttp.ClientSession() as http:
            place = Place(world=world, sim=sim, service=service, gateway=Gateway(service.url, http))
            await asyncio.gather(*(place.ask(OTHER, HEALTHY_MODEL) for _ in range(AT_ONCE)))
            return [late for wave in WAVES for late in await _wave(place, wave)]


async def _wave(place: Place, faults: tuple[SlowFault, ...]) -> list[Lateness]:
    for fault in faults:
        if fault.play is not None:
            place.sim.always(fault.vendor, fault.play, model=fault.model)
    return await asyncio.gather(*(_lateness(place, fault) for fault in faults))


async def _lateness(place: Place, fault: SlowFault) -> Lateness:
    answers = await asyncio.gather(*(_one(place, fault) for _ in range(AT_ONCE)))
    return Lateness(
        fault=fault,
        late_ms=tuple(late for late, _ in answers),
        statuses=frozenset(status for _, status in answers),
    )


async def _one(place: Place, fault: SlowFault) -> tuple[float, int]:
    started = time.monotonic()
    answer = await place.ask(fault.vendor, fault.model, deadline_ms=DEADLINE_MS)
    return (time.monotonic() - started) * 1000 - DEADLINE_MS, answer.status
