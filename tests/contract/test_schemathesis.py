"""schemathesis against the live service: what the document allows is served, what it forbids is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from services.llm_provider_service.api.openapi.document import openapi_document
from services.llm_provider_service.exceptions import TYPE_PREFIX
from tests.support.gateway import running_gateway

pytestmark = pytest.mark.sockets

EXAMPLES_OF_EACH_ROUTE = 40
# What one model cannot do and another can is no matter of the schema.
UNSUPPORTED = f"{TYPE_PREFIX}unsupported-override"
START_SECONDS = 10
CONFIG = SchemathesisConfig.from_dict(
    {
        # U+0000 in a string is refused, which the description says and no JSON schema that people can read does.
        "generation": {"allow-x00": False},
        # A request may leave the mock too little time (504) or too few tokens (502); any other 5xx is a bug.
        "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", "502", "504"]}},
    }
)
schema = schemathesis.openapi.from_dict(openapi_document(), config=CONFIG)


@pytest.fixture(scope="module")
def live_url() -> Iterator[str]:
    """The address of a service in mock mode that runs in a loop and thread of its own, as the client blocks."""
    url: Future[str] = Future()
    stop: Future[None] = Future()

    async def serve() -> None:
        # A machine that stands still for a second makes readiness say 503, which is right and not what is looked for.
        async with running_gateway(EVENT_LOOP_LAG_LIMIT_SECONDS=60) as gateway:
            url.set_result(gateway.url)
            await asyncio.wrap_future(stop)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield url.result(START_SECONDS)
    finally:
        stop.set_result(None)
        thread.join()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES_OF_EACH_ROUTE,
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_schemathesis_finds_nothing(case: schemathesis.Case[Any], live_url: str) -> None:
    response = case.call(base_url=live_url)
    beyond_schemas = response.status_code == 400 and response.json()["type"] == UNSUPPORTED
    case.validate_response(response, excluded_checks=[positive_data_acceptance] if beyond_schemas else [])
