"""`WORKERS=2`, the whole service: replaced under load, counted together, cleared together, stopped together."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio

from services.llm_provider_service import policies
from services.llm_provider_service.config import Settings
from services.llm_provider_service.metrics import GAUGE_MERGES, GatewayMetrics, SharedTierMetrics
from tests.support.crowd import Caller, Crowd, Reply
from tests.support.gateway import vendors
from tests.support.processes import all_gone, children
from tests.support.service_process import ServiceProcess
from tests.vendor_sim import Status, Success, VendorSim

pytestmark = pytest.mark.asyncio(loop_scope="module")

READY = '"event":"worker_ready"'
PATH = "/api/v1/comparison"
GRACE_SECONDS = 20
ASKED = {
    "user_prompt": "Which essay argues better?",
    "essay_a": "Because it is so.",
    "essay_b": "It is.",
    "cache": "bypass",
}
TOTAL = re.compile(r'^llm_provider_http_requests_total\{endpoint="/api/v1/comparison",.*\} (\S+)$', re.MULTILINE)


@asynccontextmanager
async def service(**settings: Any) -> AsyncIterator[ServiceProcess]:
    """Two workers of the service with the mock."""
    async with ServiceProcess(WORKERS=2, USE_MOCK_LLM=True, **settings) as running:
        yield running


async def ask(url: str, method: str, path: str, body: Any = None) -> Reply:
    """One request on a connection of its own."""
    caller = Caller(url)
    try:
        return await caller.ask(method, path, body)
    finally:
        caller.hang_up()


async def comparisons_counted(url: str) -> float:
    """What the metrics say, whichever worker is asked."""
    text = (await ask(url, "GET", "/metrics")).body.decode()
    return sum(map(float, TOTAL.findall(text)))


async def series(url: str, name: str) -> float:
    """The sum of all series of one name."""
    lines = (await ask(url, "GET", "/metrics")).body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{name}(\{{| )", line))


async def until_under_way(url: str, calls: int) -> None:
    """Wait until all workers together have so many calls at the provider."""
    async with asyncio.timeout(20):
        while await series(url, "llm_provider_concurrent_requests") != calls:  # noqa: ASYNC110 -- metrics tell nobody
            await asyncio.sleep(0.02)


async def logged(running: ServiceProcess, event: str, count: int, *, within: float = 20.0) -> None:
    """Wait for so many log lines."""
    end = monotonic() + within
    while running.log().count(f'"event":"{event}"') < count:
        assert monotonic() < end, event
        await asyncio.sleep(0.05)


def exit_codes(running: ServiceProcess) -> dict[int, int]:
    """Of the workers that have ended."""
    lines = map(json.loads, running.log().splitlines())
    return {line["pid"]: line["exit_code"] for line in lines if line["event"] == "worker_ended"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[ServiceProcess]:
    """One service for all tests that leave it as they found it: two workers that serve."""
    async with service(MOCK_LATENCY_MS=25) as made:
        yield made
        workers = children(made.pid)
        assert await made.end() == 0
        assert await all_gone(workers, within=10)


async def test_a_rolling_restart_under_load_refuses_and_loses_nothing(running: ServiceProcess) -> None:
    before = children(running.pid)
    counted_before = await comparisons_counted(running.url)
    rarely = Crowd(running.url, callers=4, path=PATH, body=ASKED, pause_seconds=0.7)
    async with Crowd(running.url, callers=16, path=PATH, body=ASKED) as crowd, rarely:
        await crowd.has_sent(200)
        running.send_signal(signal.SIGHUP)
        await logged(running, "rolling_restart_finished", 1)
        await crowd.has_sent(2000)
    assert (crowd.tally.lost, rarely.tally.lost) == ([], [])
    assert set(crowd.tally.statuses) | set(rarely.tally.statuses) == {200}
    assert crowd.tally.reconnected >= 16, "retiring workers said so to everybody who asked them"
    after = children(running.pid)
    assert len(after) == 2
    assert set(after).isdisjoint(before)
    sent = crowd.tally.sent + rarely.tally.sent
    counted = await comparisons_counted(running.url)
    assert counted == counted_before + sent, "what the old workers counted stays counted"
    providers = (await ask(running.url, "GET", "/api/v1/providers")).json()
    assert providers["total_requests_today"] == counted


async def test_a_replacement_that_refuses_its_settings_changes_nothing(running: ServiceProcess) -> None:
    before = children(running.pid)
    running.write_dotenv("LLM_PROVIDER_SERVICE_LLM_QUEUE_LIMIT=-1")
    running.send_signal(signal.SIGHUP)
    await logged(running, "rolling_restart_given_up", 1)
    running.write_dotenv("")
    assert children(running.pid) == before
    assert (await ask(running.url, "POST", PATH, ASKED)).status == 200
    assert "LLM_QUEUE_LIMIT" in running.log()


async def test_no_counter_decreases_when_a_worker_is_killed_under_load(running: ServiceProcess) -> None:
    victim = children(running.pid)[0]
    ready_before = running.log().count(READY)
    restarts_before = await series(running.url, "llm_provider_worker_restarts_total")
    first = await comparisons_counted(running.url)
    scrapes = [first]
    async with Crowd(running.url, callers=8, path=PATH, body=ASKED) as crowd:
        await crowd.has_sent(200)
        await asyncio.sleep(2.0)  # every worker has told its counts by now
        os.kill(victim, signal.SIGKILL)
        while running.log().count(READY) == ready_before:
            scrapes.append(await comparisons_counted(running.url))
            await asyncio.sleep(0.1)
        await crowd.has_sent(crowd.tally.sent + 100)
    assert len(crowd.tally.lost) <= 8
    assert set(crowd.tally.statuses) == {200}
    assert scrapes == sorted(scrapes)
    counted = await comparisons_counted(running.url)
    assert scrapes[-1] <= counted <= first + crowd.tally.sent
    assert await series(running.url, "llm_provider_worker_restarts_total") == restarts_before + 1


async def test_no_count_falls_while_the_supervisor_stands_still(running: ServiceProcess) -> None:
    """Each caller keeps its connection, so it asks the worker that it asked before."""
    for _ in range(20):
        assert (await ask(running.url, "POST", PATH, ASKED)).status == 200
    counted = await comparisons_counted(running.url)
    async with standing_still(running, "/api/v1/providers") as (callers, before):
        scrapes = await of_all(callers, "/metrics")
        shown = await of_all(callers, "/api/v1/providers")
    assert [one.json()["total_requests_today"] for one in shown] == [counted] * len(callers)
    assert {one.json()["total_requests_today"] for one in before} == {counted}
    assert all(one.json()["partial"] for one in shown)
    assert {(one.status, one.json()["title"]) for one in scrapes} == {(503, "The counts are not known")}
    assert await comparisons_counted(running.url) == counted


@asynccontextmanager
async def standing_still(running: ServiceProcess, path: str) -> AsyncIterator[tuple[list[Caller], list[Reply]]]:
    """Callers, what they were told on *path* while all was well, and a supervisor that is stopped from then on."""
    callers = [Caller(running.url) for _ in range(12)]
    before = await of_all(callers, path)
    os.kill(running.pid, signal.SIGSTOP)
    try:
        yield callers, before
    finally:
        os.kill(running.pid, signal.SIGCONT)
        for caller in callers:
            caller.hang_up()


async def of_all(callers: Sequence[Caller], path: str) -> list[Reply]:
    """What each caller is told."""
    return await asyncio.gather(*(caller.ask("GET", path) for caller in callers))


@pytest.mark.sockets
async def test_every_worker_answers_and_clears_for_all_and_a_stop_finishes_what_all_have_under_way() -> None:
    """One life of a service whose calls take 4 s and which has two slots in each of two workers."""
    settings = {"MOCK_LATENCY_MS": 4000, "LLM_MAX_CONCURRENT_REQUESTS": 4, "LLM_QUEUE_LIMIT": 0}
    async with service(SHUTDOWN_GRACE_SECONDS=GRACE_SECONDS, **settings) as running:
        await work_is_seen_and_cleared_by_all(running.url)
        await a_stop_flips_readiness_refuses_the_new_and_finishes_the_old(running)


async def work_is_seen_and_cleared_by_all(url: str) -> None:
    """Whichever worker is asked."""
    async with asyncio.TaskGroup() as group:
        bodies = (ASKED | {"cache": "use", "sample_index": number} for number in range(40))
        replies = [group.create_task(ask(url, "POST", PATH, body)) for body in bodies]
        await until_under_way(url, 4)
        seen = [(await ask(url, "GET", "/api/v1/providers")).json() for _ in range(6)]
        gauge = await series(url, "llm_provider_concurrent_requests")
    assert Counter(reply.result().status for reply in replies) == {200: 4, 503: 36}
    assert {one["providers"][0]["in_flight"] for one in seen} == {4}
    assert gauge == 4
    assert not any("partial" in one for one in seen)
    stats = [(await ask(url, "GET", "/api/v1/cache/stats")).json() for _ in range(6)]
    assert {one["entries"] for one in stats} == {4}
    assert (await ask(url, "DELETE", "/api/v1/cache?all=true")).json() == {"removed": 4}
    assert {(await ask(url, "GET", "/api/v1/cache/stats")).json()["entries"] for _ in range(6)} == {0}


@pytest.mark.sockets
async def test_what_one_worker_refreshes_all_forget_and_what_one_suffers_all_say() -> None:
    asked = ASKED | {"cache": "use"}
    async with VendorSim() as sim, ServiceProcess(WORKERS=2, **vendors(sim, "openai")) as running:
        sim.always("openai", Success(text='{"justification": "Old.", "winner": "Essay A", "confidence": 3}'))
        await until_all_have_it(running.url, asked)
        assert sim.count() == 2, "each worker has paid for its own"
        sim.always("openai", Success(text='{"justification": "New.", "winner": "Essay B", "confidence": 3}'))
        assert (await ask(running.url, "POST", PATH, ASKED | {"cache": "refresh"})).json()["winner"] == "Essay B"
        replies = [(await ask(running.url, "POST", PATH, asked)).json() for _ in range(30)]
        assert Counter(one["winner"] for one in replies) == {"Essay B": 30}
        assert Counter(one["cached"] for one in replies) == {True: 29, False: 1}
        assert sim.count() == 4, "who refreshed has it, the other asks once"
        await a_frozen_worker_is_missed_and_nobody_waits_for_it(running)
        sim.always("openai", Status(401))
        assert (await ask(running.url, "POST", PATH, ASKED)).status == 502
        seen = [await health(running.url) for _ in range(20)]
        assert [one["status"] for one in seen] == ["degraded"] * 20, "whichever worker is asked"
        assert {one["providers"]["openai"]["circuit_breaker_state"] for one in seen} == {"open"}
        async with standing_still(running, "/healthz") as (callers, _):
            heard = [one.json() for one in await of_all(callers, "/healthz")]
        assert {one["status"] for one in heard} == {"degraded"}, "as they heard when the supervisor last answered"
        assert all(one["warnings"][-1].startswith("1 of 2 workers") for one in heard)


async def a_frozen_worker_is_missed_and_nobody_waits_for_it(running: ServiceProcess) -> None:
    """Health says so as long as it is frozen, which it is until all have answered."""
    await nobody_is_missed(running.url)
    frozen = children(running.pid)[0]
    os.kill(frozen, signal.SIGSTOP)
    await logged(running, "worker_silent", 1)
    assert (await ask(running.url, "POST", PATH, ASKED | {"cache": "refresh"})).status == 200
    for _ in range(9):
        (warning,) = (await health(running.url))["warnings"]
        assert warning.startswith("1 of 2 workers")
    os.kill(frozen, signal.SIGCONT)
    await nobody_is_missed(running.url)


async def nobody_is_missed(url: str) -> None:
    """Wait until health has nothing to warn of."""
    async with asyncio.timeout(20):
        while (await health(url))["warnings"]:  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(0.02)


async def health(url: str) -> dict[str, Any]:
    """What one of the workers says of all."""
    reply = await ask(url, "GET", "/healthz")
    assert reply.status == 200
    answer: dict[str, Any] = reply.json()
    return answer


async def until_all_have_it(url: str, body: dict[str, Any]) -> None:
    """Ask until every worker has stored its answer."""
    while (await ask(url, "GET", "/api/v1/cache/stats")).json()["entries"] != 2:
        assert (await ask(url, "POST", PATH, body)).status == 200


async def a_stop_flips_readiness_refuses_the_new_and_finishes_the_old(running: ServiceProcess) -> None:
    """SIGTERM with work under way in every worker."""
    async with asyncio.TaskGroup() as group:
        under_way = [group.create_task(ask(running.url, "POST", PATH, ASKED)) for _ in range(40)]
        await until_under_way(running.url, 4)
        started = monotonic()
        running.send_signal(signal.SIGTERM)
        await logged(running, "supervisor_stopping", 1)
        ready = await not_ready(running.url)
        alive = await ask(running.url, "GET", "/healthz")
        refused = [await ask(running.url, "POST", PATH, ASKED) for _ in range(4)]
    assert Counter(one.result().status for one in under_way)[200] == 4
    assert (ready.status, ready.json()["detail"]) == (503, "The service is stopping.")
    assert alive.status == 200
    assert {(one.status, one.json()["title"], one.ends_connection) for one in refused} == {
        (503, "The service is stopping", True)
    }
    assert all("x-correlation-id" in one.headers for one in refused)
    assert await running.end(signal.SIGCONT) == 0
    assert monotonic() - started < GRACE_SECONDS, "it is over when the work is, not when the grace is"


async def not_ready(url: str) -> Reply:
    """What readiness says when every worker has its signal: whoever answers, it is no longer yes."""
    async with asyncio.timeout(20):
        while {(last := await ask(url, "GET", "/readyz")).status for _ in range(8)} != {503}:  # noqa: ASYNC110 -- asked
            await asyncio.sleep(0.01)
    return last


@pytest.mark.sockets
async def test_a_retiring_worker_finishes_and_books_the_calls_that_its_callers_have_left() -> None:
    """A call in each of two workers, longer than closing may take."""
    settings = {"MOCK_LATENCY_MS": 10_000, "LLM_MAX_CONCURRENT_REQUESTS": 2, "LLM_QUEUE_LIMIT": 0}
    async with service(**settings) as running:
        before = children(running.pid)
        callers = [asyncio.create_task(ask(running.url, "POST", PATH, ASKED)) for _ in range(40)]
        await until_under_way(running.url, 2)
        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers)
        running.send_signal(signal.SIGHUP)
        await logged(running, "rolling_restart_finished", 1, within=40)
        assert exit_codes(running) == dict.fromkeys(before, 0)
        assert "server_shutdown_failed" not in running.log()
        assert await series(running.url, "llm_provider_attempts_total") == 2
        assert await series(running.url, r'llm_provider_attempts_total\{.*outcome="success".*\}') == 2


@pytest.mark.sockets
async def test_what_a_second_signal_cancels_is_in_the_last_metrics_of_its_worker() -> None:
    """Both workers get both signals themselves, so that the supervisor stays and has what they said last."""
    async with service(MOCK_LATENCY_MS=50_000, SHUTDOWN_GRACE_SECONDS=60) as running:
        asked = asyncio.create_task(ask(running.url, "POST", PATH, ASKED))
        await until_under_way(running.url, 1)
        before = children(running.pid)
        for number in (signal.SIGTERM, signal.SIGINT):
            for pid in before:
                os.kill(pid, number)
        assert (await asked).status == 503
        await logged(running, "worker_ready", 4)
        assert exit_codes(running) == dict.fromkeys(before, 0)
        assert await series(running.url, "llm_provider_attempts_total") == 1


@pytest.mark.sockets
async def test_one_open_breaker_is_shown_by_all_and_a_frozen_worker_makes_answers_partial() -> None:
    async with service(MOCK_ERROR_RATE=1.0, LLM_CIRCUIT_BREAKER_FAILURE_THRESHOLD=1) as running:
        url = running.url
        assert (await ask(url, "POST", PATH, ASKED)).status == 503
        shown = [(await ask(url, "GET", "/api/v1/circuit-breakers")).json() for _ in range(6)]
        assert {one["state"] for answer in shown for one in answer["circuit_breakers"] if one["model"]} == {"open"}
        assert await series(url, "llm_provider_circuit_breaker_state") == 1
        counted = await series(url, "llm_provider_attempts_total")
        await asyncio.sleep(2.0)  # every worker has told its counts by now
        frozen = children(running.pid)[0]
        os.kill(frozen, signal.SIGSTOP)
        await logged(running, "worker_silent", 1)
        partial = (await ask(url, "GET", "/api/v1/circuit-breakers")).json()
        assert partial["partial"] is True
        assert await series(url, "llm_provider_attempts_total") == counted, "what it said last still counts"
        os.kill(frozen, signal.SIGCONT)
        async with asyncio.timeout(20):
            while "partial" in (await ask(url, "GET", "/api/v1/circuit-breakers")).json():  # noqa: ASYNC110 — nobody tells
                await asyncio.sleep(0.1)


async def test_embedded_limits_are_divided_among_the_workers() -> None:
    given: dict[str, Any] = {"_env_file": None, "LLM_MAX_CONCURRENT_REQUESTS": 10, "LLM_QUEUE_LIMIT": 7}
    shares = {workers: policies.gateway_slots(Settings(WORKERS=workers, **given)) for workers in (1, 4, 20)}
    assert {workers: share.slots for workers, share in shares.items()} == {1: 10, 4: 2, 20: 1}
    assert {workers: share.queue_limit for workers, share in shares.items()} == {1: 7, 4: 1, 20: 0}


async def test_it_is_said_of_every_gauge_how_several_become_one() -> None:
    registry = GatewayMetrics().registry
    SharedTierMetrics(registry)
    gauges = {family.name for family in registry.collect() if family.type == "gauge"}
    assert gauges == set(GAUGE_MERGES)
    worst = GAUGE_MERGES["llm_provider_circuit_breaker_state"]
    assert [worst([0, 2]), worst([2, 1]), worst([0, 0]), worst([1, 0])] == [2, 1, 0, 1]
