"""One GET, or one sentence that says why not."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from services.llm_provider_service.tools.http_get import PageProblem, fetch

pytestmark = pytest.mark.sockets


async def echo(request: web.BaseRequest) -> web.Response:
    """Method, path and body."""
    status = 503 if request.path == "/broken" else 200
    return web.Response(status=status, text=f"{request.method} {request.path} {await request.text()}")


async def test_a_page_is_asked_for_and_a_body_is_posted() -> None:
    async with RawTestServer(echo) as server:
        assert await fetch(str(server.make_url("/page"))) == b"GET /page "
        assert await fetch(str(server.make_url("/page")), json_body=b"{}") == b"POST /page {}"


async def test_any_other_status_is_a_problem_that_names_the_page() -> None:
    async with RawTestServer(echo) as server:
        with pytest.raises(PageProblem, match="/broken answered 503"):
            await fetch(str(server.make_url("/broken")))


async def test_nobody_there_is_a_problem_that_names_the_page() -> None:
    async with RawTestServer(echo) as server:
        gone = str(server.make_url("/page"))
    with pytest.raises(PageProblem, match="/page did not answer"):
        await fetch(gone)
