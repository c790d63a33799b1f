"""`python -m tests.load.passthrough URL`: what the service is compared with, the least that a Quart gateway can do.

It parses the body, validates it as a comparison, forwards it with aiohttp and answers with what came back: no prompt,
no verdict, no cache, no retry, no limits, no metrics, no errors. Quart and aiohttp are as they come; the server under
it is the service's own, frozen garbage collector included, so that both differ in the application alone.
"""

from __future__ import annotations

import sys

import aiohttp
import orjson
from quart import Quart, Response, request

from common_core.llm_contracts import LLMComparisonRequest
from huleedu_service_libs.http_server.run import ServerOptions, serve
from huleedu_service_libs.observability.logging import configure_logging


def create_app(upstream: str) -> Quart:
    """The application in front of *upstream*."""
    app = Quart("passthrough")
    url = f"{upstream}/v1/chat/completions"

    @app.before_serving
    async def open_session() -> None:
        app.extensions["session"] = aiohttp.ClientSession()

    @app.after_serving
    async def close_session() -> None:
        await app.extensions["session"].close()

    @app.post("/api/v1/comparison")
    async def compare() -> Response:
        raw = await request.get_data()
        LLMComparisonRequest.model_validate(orjson.loads(raw))
        headers = {"Content-Type": "application/json", "Authorization": "Bearer sk-bench"}
        async with app.extensions["session"].post(url, data=raw, headers=headers) as answer:
            return Response(await answer.read(), answer.status, content_type="application/json")

    return app


if __name__ == "__main__":
    configure_logging(service="passthrough")
    options = ServerOptions(type_prefix="urn:bench:", port=0)
    sys.exit(serve(create_app(sys.argv[1]), options, on_ready=lambda at: print(f"http://{at[0]}:{at[1]}", flush=True)))
