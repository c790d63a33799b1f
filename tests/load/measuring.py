"""The run itself. Servers are pinned to one core, the load and the upstream to another; rounds go A B C, A B C, …"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http import HTTPStatus

import uvloop

from tests.load.contests import SERVICE, Contest, open_contests, service_settings
from tests.load.extent import Cores, Extent
from tests.load.figures import Measured, Subject, Tail, added
from tests.load.generator import LoadFailed, open_loop
from tests.load.processes import Server, StartFailed, pinned, running
from tests.load.second_worker import second_worker

SETTLE_SECONDS = 1.0
Say = Callable[[str], None]


def measure(extent: Extent, say: Say) -> Measured:
    """Measure everything; what was started is stopped again. Raises `StartFailed` or `LoadFailed`."""
    cores = Cores.available()
    with pinned(cores.load), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, ExitStack() as stack:
        upstream = stack.enter_context(running("tests.load.upstream", core=cores.load))
        resident, ready = _starts(extent, cores, upstream, say)
        subjects = stack.enter_context(open_contests(upstream, cores, extent))
        for contest in subjects.values():
            contest.run(runner, extent.connections, extent.warm_up)
        for number in range(extent.rounds):
            say(f"CPU per request, round {number + 1} of {extent.rounds}")
            for contest in subjects.values():
                contest.round(runner, upstream, extent)
        tails = _latencies(runner, subjects, upstream, extent, say)
        say("what a second worker is worth")
        worth = runner.run(second_worker(extent.worker_rounds))
        if upstream.get("/exports")[1] == b"0":
            raise LoadFailed("no spans came")
        return Measured(
            cpu={subject: contest.micros for subject, contest in subjects.items()},
            disturbance=[share for contest in subjects.values() for share in contest.disturbance],
            added_by_service=[added(one.service, one.direct) for one in tails],
            added_by_bare=[added(one.bare, one.direct) for one in tails],
            direct=[one.direct for one in tails],
            resident_mib=resident,
            ready_seconds=ready,
            second_worker=worth,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _LatencyRound:
    direct: Tail
    bare: Tail
    service: Tail


def _latencies(
    runner: asyncio.Runner, subjects: Mapping[Subject, Contest], upstream: Server, extent: Extent, say: Say
) -> list[_LatencyRound]:
    upstream.get(f"/hold/{extent.hold_ms}")
    bare = subjects[Subject.BARE]
    direct = replace(bare, aim=replace(bare.aim, host=upstream.host, port=upstream.port))

    def tail(contest: Contest) -> Tail:
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
        rounds.append(_LatencyRound(direct=tail(direct), bare=tail(bare), service=tail(subjects[Subject.MISS])))
    return rounds
