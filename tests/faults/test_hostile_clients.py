"""Slow, greedy and hostile callers over raw sockets, and a process that is short of memory or descriptors.

What a head, a body or a JSON text may look like is tested with the server and with the front door; here is what only
shows in bulk, over time, or under the limits of the operating system.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter
from typing import Any

import pytest

from huleedu_service_libs.http_server.protocol import HttpLimits
from huleedu_service_libs.http_server.server import HttpServer, bind
from tests.support.crowd import Caller, read_reply, request_bytes
from tests.support.gateway import ESSAY_A, ESSAY_B, running_gateway, vendors
from tests.support.processes import children, let_grow
from tests.support.service_process import ROOT, ServiceProcess
from tests.vendor_sim import Status, Success, VendorSim

pytestmark = pytest.mark.sockets

PATH = "/api/v1/comparison"
IDLE = 3000
OTHER_DESCRIPTORS = 200
ASKED: dict[str, Any] = {"user_prompt": "Which is better?", "essay_a": ESSAY_A, "essay_b": ESSAY_B}


@pytest.fixture
async def sim() -> AsyncIterator[VendorSim]:
    """Plays every vendor and counts every call."""
    async with VendorSim() as running:
        yield running
        assert running.violations() == []


class BigAnswers:
    """An application whose answers fill every buffer on the way; it knows which of them it is still sending."""

    def __init__(self) -> None:
        self.sending = 0
        self.begun = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Four megabytes in pieces."""
        self.sending += 1
        self.begun.set()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for left in range(63, -1, -1):
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": left > 0})
        finally:
            self.sending -= 1


@asynccontextmanager
async def serving(app: Any, limits: HttpLimits) -> AsyncIterator[tuple[str, int]]:
    """*app* behind the real server."""
    listener = bind("127.0.0.1", 0)
    server = HttpServer(app, type_prefix="urn:test:", limits=limits)
    await server.start(listener)
    try:
        yield listener.getsockname()[:2]
    finally:
        await server.stop(1.0)
        listener.close()


async def test_a_caller_who_does_not_read_is_cut_off_and_its_task_ends() -> None:
    app = BigAnswers()
    async with serving(app, HttpLimits(write_seconds=0.5)) as address:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, address)
            await asyncio.get_running_loop().sock_sendall(deaf, request_bytes("GET", "/"))
            await asyncio.wait_for(app.begun.wait(), 5)
            assert app.sending == 1
            async with asyncio.timeout(5):
                while app.sending:  # noqa: ASYNC110 — the server tells nobody
                    await asyncio.sleep(0.05)


async def test_a_slow_reader_who_goes_on_reading_gets_everything() -> None:
    app = BigAnswers()
    async with serving(app, HttpLimits(write_seconds=2.0)) as (host, port):
        reader, writer = await asyncio.open_connection(host, port, limit=65536)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        received, started = 0, monotonic()
        while chunk := await reader.read(65536):
            received += len(chunk)
            await asyncio.sleep(0.04)
        writer.close()
    assert received > 4 * 1024 * 1024
    assert monotonic() - started > 2.0, "longer than the write time in all, never without progress"


@pytest.mark.parametrize(
    "head",
    [
        b"Transfer-Encoding: chunked\r\n , identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2;\x00=1\r\n{}\r\n0\r\n\r\n",
        b"Content-Length: +2\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length : 3\r\n\r\n{}",
        b"Content-Length: 18446744073709551618\r\n\r\n{}",
    ],
    ids=range(6),
)
async def test_a_body_whose_end_two_readers_could_see_differently_is_refused(head: bytes) -> None:
    async with running_gateway() as gateway:
        host, port = gateway.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        smuggled = request_bytes("GET", "/healthz")
        writer.write(
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode() + head + smuggled
        )
        async with asyncio.timeout(5):
            reply = await read_reply(reader)
            rest = await reader.read()
        writer.close()
    assert (reply.status, reply.ends_connection, rest) == (400, True, b"")


@contextmanager
def many_descriptors(wanted: int) -> Iterator[int]:
    """As many descriptors as *wanted* for this process, or as its hard limit allows; how many there are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    allowed = most if soft != resource.RLIM_INFINITY and soft < most else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    try:
        yield most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.serial
async def test_three_thousand_idle_connections_slow_nobody_down() -> None:
    """Both ends are in this process; where its hard limit is too low for 6,000 descriptors, as many as fit."""
    with many_descriptors(2 * IDLE + OTHER_DESCRIPTORS) as descriptors:
        async with running_gateway() as gateway, AsyncExitStack() as crowd:
            host, _, port = gateway.url.removeprefix("http://").partition(":")
            held: list[asyncio.StreamReader] = []
            size = min(IDLE, (descriptors - OTHER_DESCRIPTORS) // 2)
            for start in range(0, size, 100):
                some = (asyncio.open_connection(host, int(port)) for _ in range(min(100, size - start)))
                for reader, writer in await asyncio.gather(*some):
                    crowd.callback(writer.close)
                    held.append(reader)
            seconds = []
            for index in range(20):
                started = perf_counter()
                assert (await gateway.compare(sample_index=index)).status == 200
                seconds.append(perf_counter() - started)
            assert sum(not reader.at_eof() for reader in held) == size, "nobody was sent away meanwhile"
            assert median(seconds) < 0.1, f"with {size} idle connections"


async def test_five_hundred_equal_questions_are_one_call(sim: VendorSim) -> None:
    sim.always("openai", Success(delay=1.0))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        callers = [Caller(gateway.url) for _ in range(500)]
        replies = await asyncio.gather(*(caller.ask("POST", PATH, ASKED) for caller in callers))
        for caller in callers:
            caller.hang_up()
    assert Counter(reply.status for reply in replies) == {200: 500}
    assert len({reply.json()["winner"] for reply in replies}) == 1
    assert sim.count() == 1


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_process_without_descriptors_survives_and_recovers(workers: int) -> None:
    async with ServiceProcess(USE_MOCK_LLM=True, WORKERS=workers) as service:
        for pid in [service.pid, *children(service.pid)]:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (64, 64))
        kept = Caller(service.url)
        assert (await kept.ask("GET", "/healthz")).status == 200
        crowd = [Caller(service.url) for _ in range(200)]
        outcomes = Counter(await asyncio.gather(*(_outcome(caller, "GET", "/healthz") for caller in crowd)))
        assert outcomes["lost"] > 0, "not all of them can have had a descriptor"
        assert outcomes[200] >= 30
        assert (await kept.ask("GET", "/healthz")).status == 200
        for caller in crowd:
            caller.hang_up()
        await _answered(service.url)
        assert [await _outcome(Caller(service.url), "GET", "/healthz", last=True) for _ in range(10)] == [200] * 10
        kept.hang_up()


async def test_a_flood_of_large_bodies_is_refused_before_memory_ends() -> None:
    """300 bodies of 1.9 MB would take 770 MB; the process may grow by 250 MB, and holds 16 MiB of bodies at once."""
    flood = ASKED | {"essay_a": "x" * 1_900_000, "cache": "bypass"}
    async with ServiceProcess(USE_MOCK_LLM=True, MOCK_LATENCY_MS=3000, MAX_BODIES_MB=16) as service:
        assert await _outcome(Caller(service.url), "POST", PATH, ASKED, last=True) == 200
        let_grow(service.pid, 250_000_000)
        callers = [Caller(service.url) for _ in range(300)]
        outcomes = Counter(
            await asyncio.gather(*(_outcome(caller, "POST", PATH, flood, last=True) for caller in callers))
        )
        assert outcomes == {200: 8, 503: 292}
        assert service.exit_code is None
        assert await _outcome(Caller(service.url), "POST", PATH, flood, last=True) == 200


JUMPING_CLOCK = """
import os, time
_real, _path = time.time, os.environ["CLOCK_OFFSET_FILE"]
def _jumping():
    with open(_path) as file:
        return _real() + float(file.read() or 0)
time.time = _jumping
"""


async def test_a_wall_clock_that_jumps_moves_no_deadline_breaker_cooldown_or_cache(
    sim: VendorSim, tmp_path: Path
) -> None:
    """The process gets a `sitecustomize` that lies about the time of day; the monotonic clock is the kernel's."""
    (tmp_path / "sitecustomize.py").write_text(JUMPING_CLOCK)
    offset = tmp_path / "offset"
    offset.write_text("0")
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "CLOCK_OFFSET_FILE": str(offset)}
    settings = {
        **vendors(sim, "openai", "anthropic", "google"),
        "LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": 60,
        "LLM_REQUEST_TIMEOUT": 10,
    }
    sim.always("openai", Status(503))
    sim.always("google", Status(429, headers={"Retry-After": "50"}))
    async with ServiceProcess(environment=environment, **settings) as service:
        caller = Caller(service.url)
        for index in range(3):
            assert (await caller.ask("POST", PATH, ASKED | {"sample_index": index})).json()["provider"] == "anthropic"
        to_google = ASKED | {"llm_config_overrides": {"provider_override": "google"}, "fallback": "none"}
        assert (await caller.ask("POST", PATH, to_google)).status == 503
        calls = sim.count("openai"), sim.count("google")
        sim.always("anthropic", Success(delay=1.0))
        for number, jump in enumerate((3600, -3600), start=1):
            slow = Caller(service.url)
            under_way = asyncio.create_task(slow.ask("POST", PATH, ASKED | {"sample_index": 100 * number}))
            await sim.has_read(sim.count() + 1)
            offset.write_text(str(jump))
            finished = await under_way
            assert (finished.status, finished.json()["provider"]) == (200, "anthropic")
            assert 900 <= finished.json()["response_time_ms"] <= 3000
            slow.hang_up()
            breakers = (await caller.ask("GET", "/api/v1/circuit-breakers")).json()["circuit_breakers"]
            (broken,) = [one for one in breakers if one["state"] != "closed"]
            assert (broken["provider"], broken["state"]) == ("openai", "open")
            assert 0 < broken["retry_in_ms"] <= 66_000
            assert (await caller.ask("POST", PATH, ASKED | {"sample_index": 0})).json()["cached"] is True
            assert (await caller.ask("POST", PATH, to_google | {"sample_index": number})).status == 503
        assert (sim.count("openai"), sim.count("google")) == calls, "neither was asked again early"
        caller.hang_up()


async def _answered(url: str) -> None:
    """Wait until the descriptors of a crowd that hung up are free again."""
    async with asyncio.timeout(5):
        while await _outcome(Caller(url), "GET", "/healthz", last=True) != 200:  # noqa: ASYNC110 — nobody tells
            await asyncio.sleep(0.05)


async def _outcome(caller: Caller, method: str, path: str, body: Any = None, *, last: bool = False) -> int | str:
    """The status, or `lost`."""
    try:
        return (await caller.ask(method, path, body)).status
    except (OSError, EOFError):
        return "lost"
    finally:
        if last:
            caller.hang_up()
