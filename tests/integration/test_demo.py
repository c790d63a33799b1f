"""`./dev demo`: the whole of it, in processes of its own, as a person sees it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from tests.support.gateway import running_gateway, vendors
from tests.support.programs import ROOT, run_tool, start_tool
from tests.vendor_sim import Refusal, VendorSim

pytestmark = pytest.mark.sockets

NAMES = ("noor", "greta", "hugo", "oskar")
DEAD = "http://127.0.0.1:9"


@pytest.fixture
def essays(tmp_path: Path) -> str:
    """Four of the example essays, strongest first."""
    for name in ("question", *NAMES):
        shutil.copy(ROOT / "examples" / "essays" / f"{name}.txt", tmp_path)
    (tmp_path / "intended_ranking.txt").write_text("".join(f"{name}.txt\n" for name in NAMES))
    return str(tmp_path)


def taken_log(said: str) -> str:
    """The log that is kept where *said* says, and then no more."""
    kept = Path(re.findall(r"Its log is kept in (.+)\.$", said.strip())[0])
    text = kept.read_text()
    kept.unlink()
    return text


@asynccontextmanager
async def api_only(gateway_url: str) -> AsyncIterator[str]:
    """A proxy that hands on the API and health, as one in front of several services may."""

    async def hand_on(request: web.Request) -> web.Response:
        if request.path != "/healthz" and request.path != "/api/v1/comparison":
            return web.Response(status=404, text="no such page")
        async with ClientSession() as http:
            body, headers = await request.read(), {"Content-Type": "application/json"}
            async with http.request(request.method, gateway_url + request.path, data=body, headers=headers) as answer:
                return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hand_on)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    yield str(server.make_url("")).rstrip("/")
    await server.close()


async def test_a_vendor_dies_halfway_and_nobody_notices(essays: str) -> None:
    callers_own = {
        "OPENAI_API_KEY": "sk-real",
        "LLM_PROVIDER_SERVICE_OPENROUTER_API_KEY": "sk-or-real",
        "LLM_PROVIDER_SERVICE_PROVIDER_SELECTION_STRATEGY": "priority",
        "LLM_PROVIDER_SERVICE_PORT": "no port",
    }
    program = await start_tool("demo", "--essays", essays, environment=callers_own)
    done = await program.finish()
    assert (done.exit_code, done.err) == (0, "")
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) <= 100
    assert re.search(r"^killed openai \(pid \d+\) after 6 of 12$", done.out, re.MULTILINE)
    assert re.findall(r"^ +(\d)  (\w+) ", done.out, re.MULTILINE) == [
        (str(place), name) for place, name in enumerate(NAMES, start=1)
    ]
    assert "Rank correlation with the intended order: 1.00" in done.out
    assert "of 6 pairs" in done.out
    assert "0 of 12 comparisons failed for the caller: nobody noticed." in done.out
    assert "The books match" in done.out
    assert program.left_behind() == []
    rows = [line.split() for line in done.out.splitlines() if line.endswith("  yes  ")]
    assert [row[0] for row in rows] == ["anthropic", "google", "openai"]
    assert sum(int(row[-7]) for row in rows) == 12
    assert all(row[-3] == row[-2] for row in rows if row[0] != "openai")


@pytest.mark.parametrize(("moment", "number"), [("Comparing", signal.SIGINT), ("killed openai", signal.SIGTERM)])
async def test_whenever_it_is_stopped_nothing_is_left_running(moment: str, number: signal.Signals) -> None:
    program = await start_tool("demo")
    await program.line_with(moment)
    program.process.send_signal(number)
    done = await program.finish()
    assert done.exit_code == 128 + number
    assert done.err == "Stopped; nothing is left running.\n"
    assert program.left_behind() == []


async def test_a_reader_who_leaves_early_ends_it_quietly() -> None:
    one_line = ("bash", "-o", "pipefail", "-c", '"$@" | head -n 1', "_")
    program = await start_tool("demo", through=one_line)
    done = await program.finish()
    assert (done.exit_code, done.err) == (1, "")
    assert done.out.startswith("Comparing 12 essays")
    assert program.left_behind() == []


async def test_against_a_running_gateway_the_second_time_is_free(essays: str) -> None:
    async with running_gateway() as gateway:
        first = await run_tool("demo", "--url", gateway.url, "--essays", essays)
        assert (first.exit_code, first.err) == (0, "")
        assert "The mock provider answers everything" in first.out
        assert "0 of 12 comparisons failed for the caller." in first.out
        assert "cache and cost nothing" not in first.out
        second = await run_tool("demo", "--url", gateway.url + "/", "--essays", essays)
        assert second.exit_code == 0
        assert "12 of 12 answers came from the gateway's cache and cost nothing." in second.out
        assert await gateway.metric("llm_provider_attempts_total", outcome="success") == 12


async def test_a_base_url_that_leads_only_to_the_api_is_enough_for_the_ranking(essays: str) -> None:
    async with running_gateway() as gateway, api_only(gateway.url) as url:
        done = await run_tool("demo", "--url", url, "--essays", essays)
    assert (done.exit_code, done.err) == (0, "")
    assert "0 of 12 comparisons failed for the caller." in done.out
    assert "Rank correlation with the intended order" in done.out
    assert "Failed and sent: unknown" in done.out


async def test_a_service_that_dies_leaves_its_log() -> None:
    program = await start_tool("demo")
    await program.line_with("killed openai")
    (service,) = program.pids_of("tools.serve")
    log = Path(f"/proc/{service}/fd/2")
    async with asyncio.timeout(20):
        while "provider_attempt_failed" not in log.read_text():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)
    os.kill(service, signal.SIGKILL)
    done = await program.finish()
    assert done.exit_code == 2
    assert done.err.startswith("The service died on the way: ")
    assert "provider_attempt_failed" in taken_log(done.err)
    assert program.left_behind() == []


async def test_comparisons_without_a_verdict_are_counted_and_fail_the_demo(sim: VendorSim, essays: str) -> None:
    sim.always("openai", Refusal())
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        done = await run_tool("demo", "--url", gateway.url, "--essays", essays, "--concurrency", "2")
    assert done.exit_code == 1
    assert "12 x 422 CONTENT_REFUSED" in done.out
    assert "12 of 12 comparisons failed for the caller." in done.out
    assert sim.max_in_flight("openai") <= 2


async def test_an_address_without_a_gateway_is_said_in_a_sentence(sim: VendorSim) -> None:
    dead = await run_tool("demo", "--url", DEAD)
    assert (dead.exit_code, dead.out) == (2, "")
    assert dead.err == f"Nothing answers at {DEAD}. Start the service there first: ./dev serve\n"
    other = await run_tool("demo", "--url", sim.origin)
    assert (other.exit_code, other.out) == (2, "")
    assert other.err == f"What answers at {sim.origin} is not the LLM Provider Service.\n"
    none = await run_tool("demo", "--url", "gateway:8090")
    assert none.exit_code == 2
    assert "begins with http:// or https://" in none.err


async def test_without_the_repositorys_tests_there_are_no_vendors_to_start(essays: str, tmp_path: Path) -> None:
    service = Path("services", "llm_provider_service")
    shutil.copytree(ROOT / service, tmp_path / service, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    program = await start_tool("demo", "--essays", essays, folder=tmp_path)
    done = await program.finish()
    assert done.exit_code == 2
    assert done.err == "The simulated vendors are part of the repository's tests: run the demo from a clone.\n"


async def test_essays_that_cannot_be_used_are_said_in_a_sentence(tmp_path: Path) -> None:
    done = await run_tool("demo", "--essays", str(tmp_path / "missing"))
    assert (done.exit_code, done.out) == (2, "")
    assert done.err == f"{tmp_path / 'missing'} is not a folder.\n"
