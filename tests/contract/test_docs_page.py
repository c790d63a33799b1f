"""The page at /docs: what it may load, and how that is served. That it works is seen in a browser, by `./dev prove`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest

from services.llm_provider_service.api.docs_files import DOCS_FILES, ORIGIN, SWAGGER_UI, content_of
from tests.support.gateway import Gateway, running_gateway

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
NO_MORE_THAN_BYTES = 2_000_000


class Elements(HTMLParser):
    """The start tags of a page with their attributes, and the text within scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.inline = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note it, where it is code."""
        if self.tags and self.tags[-1][0] in self.CDATA_CONTENT_ELEMENTS:
            self.inline += data.strip()

    def loaded(self) -> list[str]:
        """The addresses that a browser asks for without being told to."""
        named = [attributes.get("href" if tag == "link" else "src") for tag, attributes in self.tags if tag != "a"]
        return [address for address in named if address is not None and not address.startswith("data:")]


async def elements(gateway: Gateway) -> Elements:
    """Those of the page."""
    return Elements((await gateway.get("/docs")).body)


@pytest.mark.sockets
async def test_the_page_may_load_and_run_only_what_is_a_file_of_this_service() -> None:
    async with running_gateway() as gateway:
        answer = await gateway.get("/docs")
    assert answer.status == 200
    policy = dict(one.strip().split(" ", 1) for one in answer.headers["Content-Security-Policy"].split(";"))
    assert policy == POLICY
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.sockets
async def test_nothing_on_the_page_is_inline() -> None:
    async with running_gateway() as gateway:
        page = await elements(gateway)
    assert page.inline == ""
    assert [name for _, given in page.tags for name in given if name == "style" or name.startswith("on")] == []
    assert {tag for tag, _ in page.tags} & {"style", "iframe", "object", "embed", "base", "form"} == set()


@pytest.mark.sockets
async def test_every_file_that_the_page_names_is_served_here_and_may_be_kept() -> None:
    async with running_gateway() as gateway:
        addresses = (await elements(gateway)).loaded()
        served = [(address, await gateway.get(address)) for address in addresses]
    assert {urlsplit(address).path.rpartition("/")[2] for address in addresses} == set(DOCS_FILES)
    for address, answer in served:
        name = urlsplit(address).path.rpartition("/")[2]
        assert urljoin("http://here/docs", address).startswith("http://here/docs/")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == TYPES[DOCS_FILES[name].path.suffix]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.body.encode() == DOCS_FILES[name].path.read_bytes()
    assert sum(len(answer.body.encode()) for _, answer in served) < NO_MORE_THAN_BYTES


@pytest.mark.sockets
@pytest.mark.parametrize("query", ["", "?v=", "?v=000000000000"])
async def test_a_file_under_another_version_is_the_one_of_today_and_not_kept(query: str) -> None:
    async with running_gateway() as gateway:
        answer = await gateway.get(f"/docs/page.js{query}")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_a_version_is_another_one_for_another_content() -> None:
    assert all(sha256(file.path.read_bytes()).hexdigest() == file.sha256 for file in DOCS_FILES.values())
    assert all(file.url == f"/docs/{name}?v={file.sha256[:12]}" for name, file in DOCS_FILES.items())


@pytest.mark.sockets
@pytest.mark.parametrize("path", ["/docs", *(file.url for file in DOCS_FILES.values())])
async def test_head_says_what_get_would_and_sends_no_body(path: str) -> None:
    async with running_gateway() as gateway:
        got, head = await gateway.get(path), await gateway.ask("HEAD", path)
    own = {"date", "x-correlation-id"}
    assert {name.lower(): value for name, value in head.headers.items() if name.lower() not in own} == {
        name.lower(): value for name, value in got.headers.items() if name.lower() not in own
    }
    assert (head.status, head.body) == (200, "")
    assert int(head.headers["Content-Length"]) == len(got.body.encode())


@pytest.mark.sockets
@pytest.mark.parametrize(
    "path",
    [
        "/docs/",
        "/docs/page.html",
        "/docs/LICENSE",
        "/docs/origin.json",
        "/docs/swagger_ui/origin.json",
        "/docs/..%2fconfig.py",
        "/docs/%2e%2e/%2e%2e/config.py",
        "/docs/..%5cconfig.py",
        "/docs/page.js%00",
        "/docs/PAGE.JS",
    ],
)
async def test_any_other_name_is_a_404_problem(path: str) -> None:
    async with running_gateway() as gateway:
        asked = f"{gateway.url}{path}"
        async with gateway.http.get(asked, headers={"Accept": "*/*"}) as response:
            problem = await response.json(content_type="application/problem+json")
    assert response.status == 404
    assert problem["code"] == "RESOURCE_NOT_FOUND"


def test_what_is_of_the_package_is_what_is_recorded() -> None:
    recorded = ORIGIN["sha256"]
    there = {path.name: sha256(path.read_bytes()).hexdigest() for path in SWAGGER_UI.iterdir()}
    assert {name: there[name] for name in recorded} == recorded
    assert set(there) - set(recorded) == {"origin.json"}
    assert {"LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"} < set(recorded)
    assert f'"{ORIGIN["version"]}"' in (SWAGGER_UI / "swagger-ui-bundle.js").read_text(encoding="utf-8")


def test_the_page_reads_the_document_of_this_service_and_nobody_can_say_otherwise() -> None:
    script = content_of(DOCS_FILES["page.js"]).decode()
    options = dict(re.findall(r"^  (\w+): (.+?),(?: //.*)?$", script, re.MULTILINE))
    assert options["url"] == '"/openapi.json"'
    assert options["queryConfigEnabled"] == "false"
    assert options["validatorUrl"] == '"none"'
    assert re.findall(r"https?://", re.sub(r"^//.*$", "", script, flags=re.MULTILINE)) == []


@pytest.mark.sockets
async def test_a_service_holds_the_files_only_once_somebody_has_asked_for_them() -> None:
    content_of.cache_clear()
    async with running_gateway() as gateway:
        await gateway.get("/docs")
        assert content_of.cache_info().currsize == 0
        await gateway.get("/docs/swagger-ui.css")
        await gateway.get("/docs/swagger-ui.css")
        await gateway.get("/docs/nothing.css")
    assert (content_of.cache_info().currsize, content_of.cache_info().misses) == (1, 1)


@pytest.mark.sockets
async def test_whatever_file_is_asked_for_the_metrics_know_one_route() -> None:
    async with running_gateway() as gateway:
        for name in ("page.js", "swagger-ui.css", "anything"):
            await gateway.get(f"/docs/{name}")
        found = await gateway.metric("llm_provider_http_requests_total", endpoint="/docs/<file>", status_code="200")
        missed = await gateway.metric("llm_provider_http_requests_total", endpoint="/docs/<file>", status_code="404")
    assert (found, missed) == (2, 1)
