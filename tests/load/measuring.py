"""The run itself. Servers are pinned to one core, the load and the upstream to another; rounds go A B C, A B C, …"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http import HTTPStatus

import uvloop

from tests.load.figures import Measured, Subject, Tail, added
from tests.load.generator import Aim, LoadFailed, closed_loop, open_loop
from tests.load.nginx import plain_proxy
from tests.load.payload import comparisons, same_comparison
from tests.load.processes import Server, StartFailed, pinned, running

SERVICE = "services.llm_provider_service.tools.serve"
PREFIX = "LLM_PROVIDER_SERVICE_"
SETTLE_SECONDS = 1.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured."""

    rounds: int = 7
    requests: int = 3000
    warm_up: int = 600
    connections: int = 24
    starts: int = 3
    latency_rounds: int = 5
    latency_requests: int = 800
    rate: float = 200.0
    hold_ms: int = 50
    latency_connections: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Who runs where; with a single core all share it, and the figures are worth less."""

    servers: int
    load: int

    @classmethod
    def available(cls) -> Cores:
        """The first and the last core that this process may use."""
        cores = sorted(os.sched_getaffinity(0))
        return cls(servers=cores[0], load=cores[-1])


def service_settings(upstream: Server) -> dict[str, str]:
    """The service as it comes, with one vendor; everything that is on by default is on."""
    settings = {
        "PORT": "0",
        "OPENAI_ENABLED": "true",
        "OPENAI_API_KEY": "sk-bench-0123456789abcdef",
        "OPENAI_BASE_URL": upstream.url,
        "OPENAI_ALLOW_PRIVATE": "true",
        # A hit is measured on one entry for longer than the five minutes that an entry lives by default.
        "LOCAL_CACHE_TTL_SECONDS": "3600",
    }
    return {PREFIX + name: value for name, value in settings.items()}


@dataclass(slots=True, kw_only=True)
class _Contest:
    """One kind of request to one server."""

    server: Server
    aim: Aim
    bodies: Iterator[bytes]
    reaches_vendor: bool
    micros: list[float] = field(default_factory=list)
    disturbance: list[float] = field(default_factory=list)


def measure(extent: Extent, say: Say) -> Measured:
    """Measure everything; what was started is stopped again. Raises `StartFailed` or `LoadFailed`."""
    cores = Cores.available()
    with pinned(cores.load), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, ExitStack() as stack:
        upstream = stack.enter_context(running("tests.load.upstream", core=cores.load))
        resident, ready = _starts(extent, cores, upstream, say)
        service = stack.enter_context(running(SERVICE, core=cores.servers, settings=service_settings(upstream)))
        bare = stack.enter_context(running("tests.load.passthrough", upstream.url, core=cores.servers))
        nginx = stack.enter_context(plain_proxy(upstream, core=cores.servers))
        contests = _contests(service, bare, nginx)
        for contest in contests.values():
            _run(runner, contest, extent.connections, extent.warm_up)
        for number in range(extent.rounds):
            say(f"CPU per request, round {number + 1} of {extent.rounds}")
            for contest in contests.values():
                _cpu_round(runner, contest, upstream, extent)
        tails = _latencies(runner, contests, upstream, extent, say)
        return Measured(
            cpu={subject: contest.micros for subject, contest in contests.items()},
            disturbance=[share for contest in contests.values() for share in contest.disturbance],
            added_by_service=[added(one.service, one.direct) for one in tails],
            added_by_bare=[added(one.bare, one.direct) for one in tails],
            direct=[one.direct for one in tails],
            resident_mib=resident,
            ready_seconds=ready,
        )


def _starts(extent: Extent, cores: Cores, upstream: Server, say: Say) -> tuple[list[float], list[float]]:
    resident, ready = [], []
    for number in range(extent.starts):
        say(f"start {number + 1} of {extent.starts}")
        with running(SERVICE, core=cores.servers, settings=service_settings(upstream)) as service:
            status, body = service.get("/readyz")
            ready.append(time.monotonic() - service.spawned)
            if status != HTTPStatus.OK:
                raise StartFailed(f"/readyz said {status}: {body[:300]!r}")
            time.sleep(SETTLE_SECONDS)
            resident.append(service.resident_mib())
    return resident, ready


def _contests(service: Server, bare: Server, nginx: Server | None) -> dict[Subject, _Contest]:
    bodies = comparisons()
    contests = {
        Subject.BARE: _contest(bare, b'"chat.completion"', bodies),
        Subject.MISS: _contest(service, b'"cached":false', bodies),
        Subject.HIT: _contest(service, b'"winner":"Essay A"', same_comparison(), reaches_vendor=False),
    }
    if nginx is not None:
        contests[Subject.NGINX] = _contest(nginx, b'"chat.completion"', bodies)
    return contests


def _contest(server: Server, expects: bytes, bodies: Iterator[bytes], *, reaches_vendor: bool = True) -> _Contest:
    aim = Aim(host=server.host, port=server.port, path="/api/v1/comparison", expects=expects)
    return _Contest(server=server, aim=aim, bodies=bodies, reaches_vendor=reaches_vendor)


def _cpu_round(runner: asyncio.Runner, contest: _Contest, upstream: Server, extent: Extent) -> None:
    # The first of each round puts the one entry back that the misses of the round before have pushed out.
    _run(runner, contest, 1, 1)
    server = contest.server
    began, cpu, waited, given = time.monotonic(), server.cpu_micros(), server.waited_seconds(), _given(upstream)
    _run(runner, contest, extent.connections, extent.requests)
    contest.micros.append((server.cpu_micros() - cpu) / extent.requests)
    contest.disturbance.append((server.waited_seconds() - waited) / (time.monotonic() - began))
    expected = extent.requests if contest.reaches_vendor else 0
    if _given(upstream) - given != expected:
        raise LoadFailed(f"the upstream was to be called {expected} times by {contest.aim}")


def _run(runner: asyncio.Runner, contest: _Contest, connections: int, total: int) -> None:
    runner.run(closed_loop(contest.aim, contest.bodies, connections=connections, total=total))


def _given(upstream: Server) -> int:
    return int(upstream.get("/count")[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _LatencyRound:
    direct: Tail
    bare: Tail
    service: Tail


def _latencies(
    runner: asyncio.Runner, contests: dict[Subject, _Contest], upstream: Server, extent: Extent, say: Say
) -> list[_LatencyRound]:
    upstream.get(f"/hold/{extent.hold_ms}")
    bare = contests[Subject.BARE]
    direct = replace(bare, aim=replace(bare.aim, host=upstream.host, port=upstream.port))

    def tail(contest: _Contest) -> Tail:
        loop = open_loop(
            contest.aim,
            contest.bodies,
            connections=extent.latency_connections,
            total=extent.latency_requests,
            rate=extent.rate,
        )
        return Tail.of(runner.run(loop))

    rounds = []
    for number in range(extent.latency_rounds):
        say(f"latency at {extent.rate:g} requests/s, round {number + 1} of {extent.latency_rounds}")
        rounds.append(_LatencyRound(direct=tail(direct), bare=tail(bare), service=tail(contests[Subject.MISS])))
    return rounds
