"""Promise P6: an open breaker answers at once and calls nobody; half open, it lets exactly one request through."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.load.figures import Tail
from tests.support.crowd import Caller, Reply
from tests.support.gateway import ESSAY_A, ESSAY_B, vendors
from tests.support.service_process import ServiceProcess
from tests.vendor_sim import Status, Success, VendorSim

UNTIL_OPEN = 3
OPEN_SECONDS = 5.0
REFUSED = 200
WITHIN_MS = 5.0
AT_ONCE = 100
PROBE_SECONDS = 1.0
ROUNDS = 3
OPEN = "CIRCUIT_BREAKER_OPEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBreaker:
    """What one breaker did: while open, and when `AT_ONCE` callers came at once after its pause.

    Answers are counted by status and code.
    """

    refused: Counter[tuple[int, str]]
    refused_seconds: tuple[float, ...]
    calls_while_open: int
    probed: Counter[tuple[int, str]]
    calls_half_open: int
    state_after: str

    @property
    def tail(self) -> Tail:
        """How long a refusal took."""
        return Tail.of(self.refused_seconds)

    @property
    def is_late(self) -> bool:
        """Whether refusals took longer than promised; other work on the machine does that too."""
        return self.tail.p99 >= WITHIN_MS

    def problems(self) -> list[str]:
        """What is not as promised."""
        return self.wrong() + ([f"refused after {self.tail.p99:.1f} ms"] if self.is_late else [])

    def wrong(self) -> list[str]:
        """What no other work on the machine can excuse."""
        found = {
            f"open, it answered {dict(self.refused)}": set(self.refused) != {(503, OPEN)},
            f"open, {self.calls_while_open} calls": self.calls_while_open != 0,
            f"half open, it answered {dict(self.probed)}": self.probed != {(200, ""): 1, (503, OPEN): AT_ONCE - 1},
            f"half open, {self.calls_half_open} calls": self.calls_half_open != 1,
            f"{self.state_after} after a good probe": self.state_after != "closed",
        }
        return [text for text, is_so in found.items() if is_so]


async def measure_open_breaker() -> OpenBreaker:
    """The first of `ROUNDS` in which nothing was late, else the last."""
    for _ in range(ROUNDS):
        measured = await play_open_breaker(refused=REFUSED, probe_seconds=PROBE_SECONDS)
        if measured.wrong() or not measured.is_late:
            break
    return measured


async def play_open_breaker(*, refused: int, probe_seconds: float) -> OpenBreaker:
    """Break it, ask so often while it is open, wait until its pause is over, and let the crowd come."""
    async with VendorSim() as sim:
        sim.always("openai", Status(503))
        settings = vendors(sim, "openai") | {"LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": OPEN_SECONDS}
        async with ServiceProcess(**settings) as service:
            one = Caller(service.url)
            for number in range(UNTIL_OPEN):
                await _compare(one, number)
            broken = sim.count()
            timed = [await _timed(one, UNTIL_OPEN + number) for number in range(refused)]
            opened = sim.count()
            sim.always("openai", Success(delay=probe_seconds))
            await asyncio.sleep((await _breaker(one))["retry_in_ms"] / 1000 + 0.05)
            one.hang_up()
            crowd = await _come_at_once(service.url)
            after = await _breaker(one)
            one.hang_up()
        return OpenBreaker(
            refused=Counter(_said(reply) for reply, _ in timed),
            refused_seconds=tuple(seconds for _, seconds in timed),
            calls_while_open=opened - broken,
            probed=Counter(map(_said, crowd)),
            calls_half_open=sim.count() - opened,
            state_after=after["state"],
        )


async def _compare(caller: Caller, number: int) -> Reply:
    question = {"user_prompt": "Which is better?", "essay_a": ESSAY_A, "essay_b": ESSAY_B, "sample_index": number}
    return await caller.ask("POST", "/api/v1/comparison", question)


async def _timed(caller: Caller, number: int) -> tuple[Reply, float]:
    started = time.perf_counter()
    reply = await _compare(caller, number)
    return reply, time.perf_counter() - started


async def _breaker(caller: Caller) -> dict[str, Any]:
    """The model's."""
    views = (await caller.ask("GET", "/api/v1/circuit-breakers")).json()["circuit_breakers"]
    return next(view for view in views if view["model"] is not None)


async def _come_at_once(url: str) -> list[Reply]:
    """A crowd whose connections are there before the first of them asks."""
    callers = [Caller(url) for _ in range(AT_ONCE)]
    await asyncio.gather(*(caller.connect() for caller in callers))
    replies = await asyncio.gather(*(_compare(caller, 1000 + number) for number, caller in enumerate(callers)))
    for caller in callers:
        caller.hang_up()
    return replies


def _said(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json().get("code", "")
