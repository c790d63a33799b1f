"""Every command and every piece of code in the README, run; and every page that it and the others point to."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from common_core.llm_contracts import LLMComparisonResponse
from services.llm_provider_service.config import Settings
from services.llm_provider_service.tools.startup_banner import greeting
from tests.support.gateway import running_gateway

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
WRITTEN_ADDRESS = "http://127.0.0.1:8090"
CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed; nothing else can run its lines")
LIVE = (["anthropic", "openai"], ["ollama"])
SAME = ("winner", "justification", "provider", "model", "pricing_status", "cost_usd", "metadata", "attempts", "flags")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a block ended, and what it printed."""

    exit_code: int
    out: str
    err: str


def blocks(language: str) -> list[str]:
    """The README's fenced blocks in *language*."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(*, of_dev: bool) -> list[str]:
    """The shell blocks that call `./dev`, or the others."""
    return [block for block in blocks("sh") if block.startswith("./dev") is of_dev]


async def run(program: str, *arguments: str) -> Ended:
    """Run a program at the root of the repository."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        program, *arguments, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())


async def shell(script: str) -> Ended:
    """Run a shell block; an error status of HTTP ends it, as it would not for a person."""
    strict = 'set -euo pipefail; curl() { command curl --fail-with-body "$@"; }; '
    return await run("bash", "-c", strict + script)


def test_no_block_is_left_untested() -> None:
    languages = set(re.findall(r"^```(\w+)$", README, re.MULTILINE))
    assert languages == {"sh", "json", "python", "env"}
    assert len(commands(of_dev=True)) + len(commands(of_dev=False)) == len(blocks("sh"))


@pytest.mark.sockets
async def test_every_command_of_dev_exists() -> None:
    """`./dev demo` has an integration test; `./dev test` is what runs this."""
    known = set(re.findall(r"^  ([\w-]+) ", (await run("bash", "dev", "help")).out, re.MULTILINE))
    named = set(re.findall(r"\./dev ([\w-]+)", README))
    assert {"demo", "test", "serve", "warm", "help"} <= named <= known
    for path in re.findall(r"\./dev warm (\S+?)`", README):
        assert (ROOT / path).is_file()


@pytest.mark.sockets
@CURL
@pytest.mark.parametrize("block", commands(of_dev=False), ids=["compare", "test", "watch"])
async def test_every_line_of_curl_is_answered(block: str) -> None:
    assert WRITTEN_ADDRESS in block
    async with running_gateway() as gateway:
        await gateway.compare()
        ended = await shell(block.replace(WRITTEN_ADDRESS, gateway.url))
    assert (ended.exit_code, ended.err) == (0, "")
    assert ended.out.count("\n") + ended.out.count("}{") >= block.count("curl") - 1
    if "api/v1/comparison" in block:
        assert json.loads(ended.out)["winner"] == "Essay A"


@pytest.mark.sockets
async def test_the_answer_that_is_shown_is_the_answer_that_comes() -> None:
    (shown,) = map(json.loads, blocks("json"))
    (command,) = (block for block in commands(of_dev=False) if "essay_a" in block)
    request = json.loads(command.split("-d '")[1].rsplit("'")[0])
    async with running_gateway() as gateway:
        answer = await gateway.ask("POST", "/api/v1/comparison", json=request)
    assert LLMComparisonResponse.model_validate(shown)
    assert shown.keys() == answer.body.keys()
    assert {name: shown[name] for name in SAME} == {name: answer.body[name] for name in SAME}
    assert shown["token_usage"].keys() == answer.body["token_usage"].keys()


@pytest.mark.sockets
@pytest.mark.parametrize("block", blocks("python"), ids=["client", "samples"])
async def test_every_piece_of_python_runs(block: str) -> None:
    assert WRITTEN_ADDRESS in block
    async with running_gateway() as gateway:
        ended = await run(sys.executable, "-W", "error", "-c", block.replace(WRITTEN_ADDRESS, gateway.url))
    assert (ended.exit_code, ended.err) == (0, "")
    assert "Essay A" in ended.out
    assert "True" not in ended.out, "separate samples never come from the cache"


@pytest.mark.parametrize(("block", "live"), list(zip(blocks("env"), LIVE, strict=True)), ids=["hosted", "local"])
def test_every_file_of_settings_makes_its_vendors_live(tmp_path: Path, block: str, live: list[str]) -> None:
    (tmp_path / ".env").write_text(block)
    settings = Settings(_env_file=tmp_path / ".env")
    assert [vendor.provider for vendor in settings.live_accounts] == live
    assert settings.mock_mode is False
    said = greeting(settings, WRITTEN_ADDRESS)
    for key in re.findall(r"_API_KEY=(\S+)", block):
        assert f"{key[-4:]}\n" in said
        assert key not in said


@pytest.mark.sockets
@CURL
async def test_the_line_that_serve_prints_works_when_it_is_pasted() -> None:
    async with running_gateway() as gateway:
        said = greeting(Settings(_env_file=None), gateway.url)
        (line,) = (line for line in said.splitlines() if line.startswith("curl "))
        ended = await shell(line)
    assert ended.exit_code == 0
    assert json.loads(ended.out)["winner"] == "Essay A"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert dead == []


def test_the_picture_shows_every_room() -> None:
    picture = (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    service = ROOT / "services" / "llm_provider_service"
    rooms = {path.name for path in service.iterdir() if (path / "__init__.py").exists()}
    shown = set(re.findall(r">(\w+)/<", picture))
    assert "<title" in picture
    assert shown == rooms - {"implementations", "tools"}
