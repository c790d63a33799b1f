"""`./dev warm FILE`: the cache of a running gateway, filled from a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.gateway import running_gateway, vendors
from tests.support.programs import ROOT, run_tool
from tests.vendor_sim import Refusal, Success, VendorSim

pytestmark = pytest.mark.sockets

EXAMPLE = str(ROOT / "examples" / "warm.jsonl")
LINES = Path(EXAMPLE).read_text().splitlines()
DEAD = "http://127.0.0.1:9"


async def test_the_second_time_everything_is_there(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai"), LLM_CACHE_DEFAULT="bypass") as gateway:
        first = await run_tool("warm", EXAMPLE, "--url", gateway.url)
        assert (first.exit_code, first.out, first.err) == (0, "3 warmed, 0 already cached, 0 failed\n", "")
        second = await run_tool("warm", EXAMPLE, "--url", gateway.url)
        assert (second.exit_code, second.out) == (0, "0 warmed, 3 already cached, 0 failed\n")
        stats = (await gateway.get("/api/v1/cache/stats")).body
        assert (stats["hits"], stats["entries"]) == (3, 3)
        asked = json.loads(LINES[0])
        answer = await gateway.ask("POST", "/api/v1/comparison", json={**asked, "cache": "use"})
        assert answer.body["cached"] is True
    assert sim.count("openai") == 3


async def test_a_line_that_fails_is_named_and_the_others_are_kept(sim: VendorSim) -> None:
    sim.script("openai", [Success(), Refusal(), Success()])
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        done = await run_tool("warm", EXAMPLE, "--url", gateway.url, "--concurrency", "1")
        assert (await gateway.get("/api/v1/cache/stats")).body["entries"] == 2
    head, failure = done.out.splitlines()
    assert (done.exit_code, head) == (1, "2 warmed, 0 already cached, 1 failed")
    assert failure.startswith("line 2: 422 CONTENT_REFUSED")


async def test_a_bad_line_is_named_before_anything_is_sent(sim: VendorSim, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join([*LINES, '{"user_prompt": "Which?"}']))
    async with running_gateway(**vendors(sim, "openai")) as gateway:
        done = await run_tool("warm", str(path), "--url", gateway.url)
    assert (done.exit_code, done.out) == (2, "")
    assert "line 4: /essay_a" in done.err
    assert sim.count() == 0


async def test_a_cache_that_is_too_small_is_noticed() -> None:
    async with running_gateway(LOCAL_CACHE_MAX_ENTRIES=1) as gateway:
        done = await run_tool("warm", EXAMPLE, "--url", gateway.url)
    assert done.exit_code == 0
    assert "The cache is too small: it dropped 2 older answers meanwhile." in done.out


async def test_a_gateway_that_cannot_be_filled_is_said_in_a_sentence() -> None:
    dead = await run_tool("warm", EXAMPLE, "--url", DEAD)
    assert (dead.exit_code, dead.out) == (2, "")
    assert dead.err == f"Nothing answers at {DEAD}. Start the service there first: ./dev serve\n"
    async with running_gateway(LLM_CACHE_ENABLED=False) as gateway:
        off = await run_tool("warm", EXAMPLE, "--url", gateway.url)
        assert (off.exit_code, off.err) == (2, f"The gateway at {gateway.url} keeps no answers: its cache is off.\n")
