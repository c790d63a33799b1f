"""`./dev serve` as its person sees it: a taken port, a misspelt variable, an address of IPv6."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from asyncio.subprocess import PIPE

import aiohttp
import pytest

from services.llm_provider_service.config import Settings
from services.llm_provider_service.tools.startup_banner import greeting
from tests.support.programs import start_tool
from tests.support.service_process import ServiceProcess

pytestmark = pytest.mark.sockets

SECRET = "hunter2-hunter2"


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_taken_port_is_a_line_for_the_log_and_a_sentence_for_the_person(workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        given = {"LLM_PROVIDER_SERVICE_PORT": str(port), "LLM_PROVIDER_SERVICE_WORKERS": workers}
        ended = await (await start_tool("serve", environment=given)).finish()
    logged, sentence = ended.err.splitlines()
    assert (ended.exit_code, ended.out) == (1, "")
    assert json.loads(logged)["event"] == "server_cannot_bind"
    assert sentence == f"Port {port} is taken; stop what listens there, or set LLM_PROVIDER_SERVICE_PORT."


@pytest.mark.parametrize("workers", [1, 2])
async def test_health_warns_of_a_misspelt_variable(workers: int) -> None:
    async with (
        ServiceProcess(PROT=SECRET, WORKERS=workers) as service,
        aiohttp.request("GET", f"{service.url}/healthz") as answer,
    ):
        said = await answer.text()
    health = json.loads(said)
    assert health["status"] == "healthy"
    assert health["warnings"][-1] == (
        "LLM_PROVIDER_SERVICE_PROT is no setting and is ignored; did you mean LLM_PROVIDER_SERVICE_PORT?"
    )
    assert SECRET not in said


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_line_of_curl_works_on_ipv6() -> None:
    async with ServiceProcess(HOST="::1") as service:
        assert service.url.startswith("http://[::1]:")
        said = greeting(Settings(_env_file=None), service.url)
        (line,) = (line for line in said.splitlines() if line.startswith("curl "))
        curl = await asyncio.create_subprocess_exec("bash", "-c", line, stdout=PIPE)
        out, _ = await curl.communicate()
    assert json.loads(out)["winner"] == "Essay A"
