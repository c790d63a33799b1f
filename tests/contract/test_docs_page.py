"""The page at /docs: complete, loads nothing, and its commands work."""

from __future__ import annotations

import re
import shlex
from html import unescape

import aiohttp

from services.llm_provider_service.api.openapi.document import openapi_document
from tests.contract.documents import operations
from tests.support.gateway import Answer, Gateway, running_gateway


async def docs_of(gateway: Gateway, host: str | None = None) -> Answer:
    """The page, asked for under *host*."""
    return await gateway.ask("GET", "/docs", headers={"Host": host} if host else {})


async def test_the_page_shows_every_route_and_every_schema() -> None:
    async with running_gateway() as gateway:
        page = (await docs_of(gateway)).body
    for _, path, operation in operations():
        section = page.partition(f'<section id="{operation["operationId"]}">')[2].partition("</section>")[0]
        assert path in section
        assert all(f"<strong>{status}</strong>" in section for status in operation["responses"] if status != "200")
    for name, schema in openapi_document()["components"]["schemas"].items():
        section = page.partition(f'<section id="{name}">')[2].partition("</section>")[0]
        assert section
        assert [field for field in schema.get("properties", {}) if f"<code>{field}</code>" not in section] == []


async def test_the_page_loads_nothing_and_may_not() -> None:
    async with running_gateway() as gateway:
        answer = await docs_of(gateway)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert re.findall(r"<(?:script|link|img|iframe|object|embed|base|form)\b|@import|url\(|style=", answer.body) == []
    links = set(re.findall(r'(?:href|src)="([^"]*)"', answer.body))
    assert {link for link in links if not link.startswith("#")} == {"/openapi.json"}
    anchors = set(re.findall(r'id="([^"]+)"', answer.body))
    assert {link[1:] for link in links if link.startswith("#")} <= anchors


async def test_every_command_on_the_page_works_when_pasted() -> None:
    async with running_gateway() as gateway:
        page = (await docs_of(gateway)).body
        commands = [unescape(one) for one in re.findall(r'<pre class="wrap">(curl [^<]+)</pre>', page)]
        assert len(commands) == len(list(operations()))
        for command in commands:
            assert await run(command, gateway.http) == 200, command


async def run(command: str, http: aiohttp.ClientSession) -> int:
    """Do what `curl` does with the options that the page uses, and return the status."""
    words = shlex.split(command)[2:]
    given = {words[index]: words[index + 1] for index in range(len(words) - 1) if words[index].startswith("-")}
    (url,) = (word for word in words if word.startswith("http://"))
    body = given.get("-d")
    headers = dict([given["-H"].split(": ")]) if "-H" in given else {}
    method = given.get("-X", "GET" if body is None else "POST")
    async with http.request(method, url, data=body, headers=headers) as response:
        await response.read()
        return response.status


async def test_the_commands_name_the_readers_own_address_and_never_a_hostile_one() -> None:
    async with running_gateway() as gateway:
        assert (
            "curl -s http://gateway.internal:8080/api/v1/comparison "
            in (await docs_of(gateway, "gateway.internal:8080")).body
        )
        for hostile in ("a;rm -rf x", "<b>x</b>", "$(id)", "a'b"):
            page = (await docs_of(gateway, hostile)).body
            assert hostile not in page
            assert "curl -s http://127.0.0.1:8090/api/v1/comparison " in page
