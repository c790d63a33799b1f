"""Promise P8: at three times what the slots can serve they stay busy, and who cannot be served hears so at once."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.faults.rows import MEBIBYTE
from tests.load.figures import Tail
from tests.load.generator import Aim, open_loop
from tests.load.payload import comparisons
from tests.load.processes import Server, running
from tests.support.crowd import Caller
from tests.support.gateway import KEYS
from tests.support.service_process import ServiceProcess

SLOTS = 20
HOLD_MS = 200
CAPACITY = SLOTS * 1000 / HOLD_MS  # requests a second: few enough that the processor is never the limit
TIMES = 3
RATE = CAPACITY * TIMES
GOODPUT_AT_LEAST = 0.90
REFUSED_WITHIN_MS = 20.0
HEALTH_WITHIN_MS = 100.0
FLAT_BYTES = 8 * MEBIBYTE
WARM_UP_SECONDS = 2.0
UNTIL_FULL_SECONDS = 1.0
CONNECTIONS = 400  # so that a stall of a second is measured, and does not end the load
ROUNDS = 5
GOOD = 200
BUSY = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How many may wait for a slot, and for how long."""

    name: str
    limit: int
    seconds: float


# The first is full before the wait is too long, the second is never full.
LINES = (
    Line(name="number: 20 may wait", limit=20, seconds=5.0),
    Line(name="time: 0.5 s at most", limit=200, seconds=0.5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """What *sent* requests and the polls of health got; `goodput` is a share of the capacity."""

    line: Line
    sent: int
    statuses: Counter[int]
    calls: int
    goodput: float
    refused_seconds: tuple[float, ...]
    without_retry_after: int
    health_seconds: tuple[float, ...]
    growth_bytes: int

    @property
    def refused(self) -> Tail:
        """How long a refusal took."""
        return Tail.of(self.refused_seconds)

    @property
    def health(self) -> Tail:
        """How long an answer about the health took."""
        return Tail.of(self.health_seconds)

    def problems(self) -> list[str]:
        """What is not as promised."""
        return self.wrong() + self.late()

    def wrong(self) -> list[str]:
        """What no other work on the machine can excuse."""
        found = {
            f"{self.statuses.total()} of {self.sent} were answered": self.statuses.total() != self.sent,
            f"answered with {dict(self.statuses)}": set(self.statuses) != {GOOD, BUSY},
            f"{self.calls} calls for {self.statuses[GOOD]} answers": self.calls != self.statuses[GOOD],
            f"{self.without_retry_after} refusals without Retry-After": self.without_retry_after > 0,
            f"{self.growth_bytes / MEBIBYTE:.1f} MiB more": self.growth_bytes >= FLAT_BYTES,
        }
        return [text for text, is_so in found.items() if is_so]

    def late(self) -> list[str]:
        """What took longer than promised; a stall of the machine does that too."""
        found = {
            f"goodput {self.goodput:.0%}": self.goodput < GOODPUT_AT_LEAST,
            f"refused after {self.refused.p99:.1f} ms": self.refused.p99 >= REFUSED_WITHIN_MS,
            f"health after {self.health.p99:.1f} ms": self.health.p99 >= HEALTH_WITHIN_MS,
        }
        return [text for text, is_so in found.items() if is_so]


@dataclass(slots=True, kw_only=True)
class _Heard:
    """The answers of one load; those with 200 by their moment on the monotonic clock."""

    statuses: Counter[int] = field(default_factory=Counter)
    good_at: list[float] = field(default_factory=list)
    refused_seconds: list[float] = field(default_factory=list)
    without_retry_after: int = 0

    def hear(self, answer: bytes, seconds: float) -> None:
        status = int(answer[9:12])
        self.statuses[status] += 1
        if status == GOOD:
            self.good_at.append(time.monotonic())
        else:
            self.refused_seconds.append(seconds)
            self.without_retry_after += b"\r\nretry-after: " not in answer.partition(b"\r\n\r\n")[0].lower()


async def measure_overload(line: Line, *, seconds: float) -> Overload:
    """The first of `ROUNDS` in which nothing was late, else the last: other work on the machine makes things late."""
    for _ in range(ROUNDS):
        measured = await play_overload(line, seconds=seconds)
        if measured.wrong() or not measured.late():
            break
    return measured


async def play_overload(line: Line, *, seconds: float) -> Overload:
    """So many seconds of it, after two that are not counted; the vendor is a process of its own."""
    with running("tests.load.upstream", core=max(os.sched_getaffinity(0))) as upstream:
        upstream.get(f"/hold/{HOLD_MS}")
        async with ServiceProcess(**_settings(upstream, line)) as service:
            bodies = comparisons()
            await _load(service, bodies, WARM_UP_SECONDS)
            calls, resident = _calls(upstream), service.resident_bytes()
            service.forget_peak()
            async with _asking_for_health(service) as health_seconds:
                began = time.monotonic()
                heard = await _load(service, bodies, seconds)
            return Overload(
                line=line,
                sent=_requests(seconds),
                statuses=heard.statuses,
                calls=_calls(upstream) - calls,
                goodput=_goodput(heard, began + UNTIL_FULL_SECONDS, began + seconds),
                refused_seconds=tuple(heard.refused_seconds),
                without_retry_after=heard.without_retry_after,
                health_seconds=tuple(health_seconds),
                growth_bytes=service.peak_bytes() - resident,
            )


def _settings(upstream: Server, line: Line) -> dict[str, Any]:
    return {
        "OPENAI_ENABLED": True,
        "OPENAI_API_KEY": KEYS["openai"],
        "OPENAI_BASE_URL": upstream.url,
        "OPENAI_ALLOW_PRIVATE": True,
        "LLM_MAX_CONCURRENT_REQUESTS": SLOTS,
        "LLM_QUEUE_LIMIT": line.limit,
        "LLM_QUEUE_SECONDS": line.seconds,
    }


def _requests(seconds: float) -> int:
    return int(RATE * seconds)


async def _load(service: ServiceProcess, bodies: Iterator[bytes], seconds: float) -> _Heard:
    """Requests at a fixed rate, no two alike, until the last of them has its answer."""
    heard = _Heard()
    aim = Aim(host="127.0.0.1", port=int(service.url.rpartition(":")[2]), path="/api/v1/comparison")
    total = _requests(seconds)
    await open_loop(aim, bodies, connections=CONNECTIONS, total=total, rate=RATE, hear=heard.hear)
    return heard


def _goodput(heard: _Heard, since: float, until: float) -> float:
    return sum(since <= at < until for at in heard.good_at) / (until - since) / CAPACITY


@asynccontextmanager
async def _asking_for_health(service: ServiceProcess) -> AsyncIterator[list[float]]:
    """Meanwhile one caller asks for the health again and again; the seconds of each answer."""
    caller = Caller(service.url)
    took: list[float] = []

    async def ask() -> None:
        while True:
            started = time.monotonic()
            assert (await caller.ask("GET", "/healthz")).status == GOOD
            took.append(time.monotonic() - started)
            await asyncio.sleep(0.02)

    asking = asyncio.create_task(ask())
    try:
        yield took
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        caller.hang_up()


def _calls(upstream: Server) -> int:
    return int(upstream.get("/count")[1])
