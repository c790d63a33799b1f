"""What a process holds: memory over time, and tasks, sockets and slots at rest."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression
from time import monotonic
from urllib.parse import urlsplit

from tests.soak.books import series
from tests.soak.stage import Stage

FEWEST_SAMPLES = 40
CALLERS = "with callers"
NO_POOLS: Mapping[str, int] = {}
_CLOSE_WAIT = "08"
_LISTENS = "0A"
_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident memory after so many requests."""

    seconds: float
    requests: int
    resident: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How resident memory grew over so many requests."""

    bytes_per_request: float
    requests: int

    @property
    def rise(self) -> float:
        """Bytes from the first of them to the last."""
        return self.bytes_per_request * self.requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """The service while nobody asks it for anything."""

    tasks: Mapping[str, int]
    sockets: Mapping[str, int]
    under_way: Mapping[str, float]


def growth(samples: Sequence[Sample]) -> Growth | None:
    """By a line through the second half of *samples*, if they are enough: the first half fills caches and pools."""
    second = samples[len(samples) // 2 :]
    if len(second) < FEWEST_SAMPLES:
        return None
    line = linear_regression([one.requests for one in second], [one.resident for one in second])
    return Growth(bytes_per_request=line.slope, requests=second[-1].requests - second[0].requests)


def leaks(before: Rest, after: Rest, pools: Mapping[str, int]) -> Iterator[str]:
    """What is held after the load and was not before it; *pools* says how many sockets of a kind may stay open."""
    for name, n in (Counter(after.tasks) - Counter(before.tasks)).items():
        yield f"{n} more tasks {name}"
    for kind, n in after.sockets.items():
        most = pools.get(kind, before.sockets.get(kind, 0))
        if n > most:
            yield f"{n} sockets {kind}, at most {most} expected"
    for name, value in after.under_way.items():
        yield f"{name} is {value:g}"


async def at_rest(
    stage: Stage, *, within: float = _PATIENCE_SECONDS, like: Rest | None = None, pools: Mapping[str, int] = NO_POOLS
) -> Rest:
    """The service once nothing is under way and, where another rest is given, nothing leaks that was not there then.

    Or as it is when so many seconds have passed: then the caller sees what is wrong.
    """
    end = monotonic() + within
    while True:
        rest = Rest(tasks=await tasks_of(stage), sockets=sockets_of(stage), under_way=await _under_way(stage))
        busy = rest.under_way or CALLERS in rest.sockets if like is None else [*leaks(like, rest, pools)]
        if not busy or monotonic() > end:
            return rest
        await asyncio.sleep(_LOOK_SECONDS)


async def tasks_of(stage: Stage) -> dict[str, int]:
    """The tasks of the service's event loop by the name of their coroutine; the request for them is none."""
    stage.tasks_file.unlink(missing_ok=True)
    stage.service.send_signal(signal.SIGUSR1)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not stage.tasks_file.exists():  # noqa: ASYNC110 — another process gives no event
            await asyncio.sleep(_LOOK_SECONDS / 20)
    found: dict[str, int] = json.loads(stage.tasks_file.read_text(encoding="utf-8"))
    return found


def sockets_of(stage: Stage) -> dict[str, int]:
    """The service's TCP sockets by whom they are with; `half closed`: the other side has gone and we have not."""
    mine = _inodes(stage.service.pid)
    peers = {_port(vendor.origin): f"with {name}" for name, vendor in stage.vendors.items()}
    peers |= {_port(stage.raw.url): "with the raw upstream", stage.redis.port: "with Redis"}
    kinds: Counter[str] = Counter()
    for line in Path(f"/proc/{stage.service.pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, _, remote, state, *rest = line.split()
        if rest[5] in mine:
            kinds[_kind(state, peers.get(int(remote.partition(":")[2], 16), CALLERS))] += 1
    return dict(kinds)


def _kind(state: str, peer: str) -> str:
    if state == _LISTENS:
        return "listening"
    return f"half closed {peer}" if state == _CLOSE_WAIT else peer


def _inodes(pid: int) -> set[str]:
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            name = os.readlink(entry)
        except OSError:  # closed meanwhile
            continue
        if name.startswith("socket:["):
            found.add(name[8:-1])
    return found


def _port(url: str) -> int:
    return urlsplit(url).port or 0


async def _under_way(stage: Stage) -> dict[str, float]:
    """CallSlots and places in line that are taken; empty at rest."""
    metrics = await stage.metrics()
    providers = (await stage.gateway.get("/api/v1/providers")).body["providers"]
    found = {f"slots held at {one['provider']}": float(one["in_flight"]) for one in providers}
    for labels, value in series(metrics, "concurrent_requests"):
        found[f"calls under way at {labels['provider']}"] = value
    for labels, value in series(metrics, "queue_depth"):
        found[f"waiting for {labels['gate']}"] = value
    return {name: value for name, value in found.items() if value}
