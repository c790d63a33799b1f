"""Whose CPU is compared: each subject's server, what it is asked, and who has to have given the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import cycle, islice

import orjson

from tests.load.extent import Cores, Extent
from tests.load.figures import Subject
from tests.load.generator import Aim, LoadFailed, closed_loop
from tests.load.nginx import plain_proxy
from tests.load.payload import comparisons, same_comparison
from tests.load.processes import Server, running
from tests.load.redis import redis

SERVICE = "services.llm_provider_service.tools.serve"
PREFIX = "LLM_PROVIDER_SERVICE_"
TRIES = 3


class Source(Enum):
    """Where the answers of a subject come from."""

    VENDOR = auto()
    MEMORY = auto()
    REDIS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What a server has used so far, and how many answers the vendor has given, and Redis where the subject has it."""

    at: float
    cpu_micros: float
    waited_seconds: float
    given: Mapping[Source, int]


@dataclass(slots=True, kw_only=True)
class Contest:
    """One kind of request to one server, and what it cost in each round; see `Measured`."""

    server: Server
    aim: Aim
    bodies: Iterator[bytes]
    source: Source
    micros: list[float] = field(default_factory=list)
    disturbance: list[float] = field(default_factory=list)

    def run(self, runner: asyncio.Runner, connections: int, total: int) -> None:
        """Send so many requests; raises `LoadFailed`."""
        runner.run(closed_loop(self.aim, self.bodies, connections=connections, total=total))

    def round(self, runner: asyncio.Runner, upstream: Server, extent: Extent) -> None:
        """Measure one round; raises `LoadFailed` where answers came from elsewhere `TRIES` times.

        A request waits 200 ms for Redis; while other work stalls the machine for longer, the vendor answers.
        """
        for _ in range(TRIES):
            # The first of each round puts the one entry back that the misses of the round before have pushed out.
            self.run(runner, 1, 1)
            before = self._read(upstream)
            self.run(runner, extent.connections, extent.requests)
            after = self._read(upstream)
            given = {source: count - before.given[source] for source, count in after.given.items()}
            if all(count == extent.requests * (source is self.source) for source, count in given.items()):
                self.micros.append((after.cpu_micros - before.cpu_micros) / extent.requests)
                self.disturbance.append((after.waited_seconds - before.waited_seconds) / (after.at - before.at))
                return
        raise LoadFailed(f"{self.aim} was to answer {extent.requests} requests from {self.source}, not {given}")

    def _read(self, upstream: Server) -> _Reading:
        given = {Source.VENDOR: int(upstream.get("/count")[1])}
        if self.source is Source.REDIS:
            given[Source.REDIS] = orjson.loads(self.server.get("/api/v1/cache/stats")[1])["tiers"]["redis"]["hits"]
        return _Reading(
            at=time.monotonic(),
            cpu_micros=self.server.cpu_micros(),
            waited_seconds=self.server.waited_seconds(),
            given=given,
        )


def service_settings(upstream: Server, **more: str) -> dict[str, str]:
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
    return {PREFIX + name: value for name, value in (settings | more).items()}


def connected_settings(upstream: Server, shared: Server, **more: str) -> dict[str, str]:
    """The same with Redis, and with the spans of one request in a hundred, which the upstream takes too."""
    address = f"redis://{shared.host}:{shared.port}/0"
    settings = service_settings(upstream, REDIS_URL=address, TRACE_SAMPLE_RATIO="0.01", **more)
    return settings | {"OTEL_EXPORTER_OTLP_ENDPOINT": upstream.url}


@contextmanager
def open_contests(upstream: Server, cores: Cores, extent: Extent) -> Iterator[dict[Subject, Contest]]:
    """All subjects, with their servers running on one core; Redis has the core of the load."""
    bodies = comparisons()
    known = cycle(tuple(islice(bodies, extent.questions)))
    with ExitStack() as stack:

        def serve(settings: dict[str, str]) -> Server:
            return stack.enter_context(running(SERVICE, core=cores.servers, settings=settings))

        shared = stack.enter_context(redis(core=cores.load))
        service = serve(service_settings(upstream))
        connected = serve(connected_settings(upstream, shared))
        forgetful = serve(connected_settings(upstream, shared, LOCAL_CACHE_MAX_ENTRIES="1"))
        bare = stack.enter_context(running("tests.load.passthrough", upstream.url, core=cores.servers))
        nginx = stack.enter_context(plain_proxy(upstream, core=cores.servers))
        made = {
            Subject.BARE: _contest(bare, b'"chat.completion"', bodies),
            Subject.MISS: _contest(service, b'"cached":false', bodies),
            Subject.MISS_CONNECTED: _contest(connected, b'"cached":false', bodies),
            Subject.HIT: _contest(service, b'"winner":"Essay A"', same_comparison(), Source.MEMORY),
            Subject.HIT_REDIS: _contest(forgetful, b'"winner":"Essay A"', known, Source.REDIS),
        }
        if nginx is not None:
            made[Subject.NGINX] = _contest(nginx, b'"chat.completion"', bodies)
        yield made


def _contest(server: Server, expects: bytes, bodies: Iterator[bytes], source: Source = Source.VENDOR) -> Contest:
    aim = Aim(host=server.host, port=server.port, path="/api/v1/comparison", expects=expects)
    return Contest(server=server, aim=aim, bodies=bodies, source=source)
