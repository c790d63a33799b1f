"""SIGTERM to the real process: what is under way is answered, nothing new is let in, and the exit code says so."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.collector import collector
from tests.support.crowd import Caller, Reply
from tests.support.gateway import ESSAY_A, ESSAY_B
from tests.support.redis_server import redis_server
from tests.support.service_process import ServiceProcess

pytestmark = pytest.mark.sockets
BODY = {"user_prompt": "Which essay argues better?", "essay_a": ESSAY_A, "essay_b": ESSAY_B}
SLOW_MS = 4000  # what is done meanwhile takes a tenth of it where nothing else runs


async def until_in_flight(url: str, http: aiohttp.ClientSession, calls: int = 1) -> None:
    """Wait until the provider works on so many calls."""
    async with asyncio.timeout(10):
        while True:
            async with http.get(f"{url}/api/v1/providers") as response:
                if (await response.json())["providers"][0]["in_flight"] >= calls:
                    return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_is_under_way_is_answered_and_what_is_new_is_sent_elsewhere(number: signal.Signals) -> None:
    async with ServiceProcess(MOCK_LATENCY_MS=SLOW_MS) as service, aiohttp.ClientSession() as http:
        working = asyncio.create_task(http.post(f"{service.url}/api/v1/comparison", json=BODY))
        await until_in_flight(service.url, http)
        service.send_signal(number)
        ready = await not_ready(service.url)
        refused = [await ask(service.url, "POST", "/api/v1/comparison", BODY) for _ in range(3)]
        alive, metrics = await ask(service.url, "GET", "/healthz"), await ask(service.url, "GET", "/metrics")
        assert not working.done()
        async with await working as response:
            assert response.status == 200
            assert (await response.json())["winner"] == "Essay A"
        assert await service.end() == 0
        assert "Traceback" not in service.log()
    assert (ready.json()["detail"], ready.ends_connection) == ("The service is stopping.", True)
    for reply in refused:
        assert (reply.status, reply.json()["title"], reply.ends_connection) == (503, "The service is stopping", True)
        assert reply.headers["content-type"] == "application/problem+json"
    assert (alive.status, metrics.status) == (200, 200)
    assert "llm_provider_concurrent_requests{" in metrics.body.decode()


async def ask(url: str, method: str, path: str, body: Any = None) -> Reply:
    """One request on a connection of its own."""
    caller = Caller(url)
    try:
        return await caller.ask(method, path, body)
    finally:
        caller.hang_up()


async def not_ready(url: str) -> Reply:
    """What readiness says once the signal has come."""
    async with asyncio.timeout(20):
        while (reply := await ask(url, "GET", "/readyz")).status != 503:  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(0.01)
    return reply


async def test_a_kept_connection_hears_at_once_that_traffic_should_go_elsewhere() -> None:
    async with ServiceProcess(MOCK_LATENCY_MS=SLOW_MS) as service, aiohttp.ClientSession() as http:
        host, port = service.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in await reader.readline()
        await reader.readuntil(b'{"ready":true}')
        working = asyncio.create_task(http.post(f"{service.url}/api/v1/comparison", json=BODY))
        await until_in_flight(service.url, http)
        service.send_signal(signal.SIGTERM)
        await not_ready(service.url)
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        heard = await reader.read()
        assert not working.done()
        assert heard.startswith(b"HTTP/1.1 503 ")
        writer.close()
        async with await working as response:
            assert response.status == 200
        assert await service.end() == 0


async def test_a_call_whose_caller_has_gone_ends_before_the_process_does() -> None:
    async with ServiceProcess(MOCK_LATENCY_MS=SLOW_MS) as service:
        async with aiohttp.ClientSession() as http:
            working = asyncio.create_task(http.post(f"{service.url}/api/v1/comparison", json=BODY))
            await until_in_flight(service.url, http)
            working.cancel()
        started = time.monotonic()
        assert await service.end() == 0
        assert time.monotonic() - started > 0.5, "it waited for the call"


async def test_a_call_that_outlasts_the_grace_is_cancelled_and_everything_is_closed() -> None:
    async with ServiceProcess(MOCK_LATENCY_MS=30_000, SHUTDOWN_GRACE_SECONDS=0.5) as service:
        async with aiohttp.ClientSession() as http:
            working = [asyncio.create_task(ask(service.url, "POST", "/api/v1/comparison", BODY)) for _ in range(2)]
            await until_in_flight(service.url, http)
        working.pop().cancel()
        started = time.monotonic()
        assert await service.end() == 0
        assert time.monotonic() - started < 20, "not the calls' 30 s"
        assert (await working[0]).status == 503


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_second_signal_cancels_and_books_what_is_under_way_and_closes_everything(workers: int) -> None:
    """The spans go out last of all; one of the two callers has gone."""
    settings: dict[str, Any] = {"WORKERS": workers, "USE_MOCK_LLM": True, "SHUTDOWN_GRACE_SECONDS": 60}
    async with collector() as there, aiohttp.ClientSession() as http:
        exported = {"OTEL_EXPORTER_OTLP_ENDPOINT": there.url}
        async with ServiceProcess(environment=exported, MOCK_LATENCY_MS=50_000, **settings) as service:
            body = BODY | {"cache": "bypass"}
            leaves, stays = (asyncio.create_task(ask(service.url, "POST", "/api/v1/comparison", body)) for _ in "ab")
            await until_in_flight(service.url, http, calls=2)
            leaves.cancel()
            service.send_signal(signal.SIGTERM)
            await not_ready(service.url)
            # A worker whose only caller has gone closes its socket, and the other one accepts for both.
            assert {(await ask(service.url, "GET", "/readyz")).status for _ in range(20)} == {503}
            started = time.monotonic()
            assert await service.end(signal.SIGINT) == 0
            assert time.monotonic() - started < 20, "neither the calls' 50 s nor the grace's 60"
            assert (await stays).status == 503
            assert "server_shutdown_failed" not in service.log()
        calls = [span for span in there.spans if span.name == "chat"]
    assert [call.attributes["huleedu.attempt.outcome"] for call in calls] == ["cancelled"] * 2


@pytest.mark.parametrize(("call_ms", "status"), [(3000, 200), (30_000, 503)])
async def test_a_frozen_redis_does_not_hold_up_the_end(tmp_path: Path, call_ms: int, status: int) -> None:
    """A single process and two workers side by side, with a call that ends in the grace and one that does not."""
    grace = 10.0 if status == 200 else 1.0
    settings: dict[str, Any] = {"USE_MOCK_LLM": True, "MOCK_LATENCY_MS": call_ms, "SHUTDOWN_GRACE_SECONDS": grace}
    async with (
        redis_server(tmp_path) as redis,
        ServiceProcess(REDIS_URL=redis.url(), **settings) as single,
        ServiceProcess(REDIS_URL=redis.url(), WORKERS=2, **settings) as several,
        aiohttp.ClientSession() as http,
    ):
        both = (single, several)
        assert [await cache_health(one.url) for one in both] == ["healthy"] * 2
        working = [asyncio.create_task(ask(one.url, "POST", "/api/v1/comparison", BODY)) for one in both]
        for one in both:
            await until_in_flight(one.url, http)
        redis.freeze()
        started = time.monotonic()
        for one in both:
            one.send_signal(signal.SIGTERM)
        ended = await asyncio.gather(*(one.end(signal.SIGCONT) for one in both))
        assert time.monotonic() - started < 25, "neither the call's 30 s nor for ever"
        assert ended == [0, 0], "both ended by themselves, with everything closed"
        assert [(await one).status for one in working] == [status] * 2


async def cache_health(url: str) -> str:
    """What health says of the cache."""
    answer = (await ask(url, "GET", "/healthz")).json()
    assert answer["dependencies"]["cache"]["redis_available"] is True
    return str(answer["dependencies"]["cache"]["cache_mode"])
