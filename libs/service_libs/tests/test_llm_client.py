"""The typed client repeats only what cannot have bought an answer; a scripted gateway counts its hits."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from common_core.config_enums import LLMProviderType
from common_core.error_enums import ErrorCode
from common_core.llm_contracts import LLMComparisonRequest
from huleedu_service_libs.llm_client import LLMProviderClient
from huleedu_service_libs.llm_client_errors import (
    LLMGatewayUnavailable,
    LLMProviderBadAnswer,
    LLMProviderClientError,
    LLMProviderConnectionLost,
    LLMProviderTimeout,
    LLMProviderUnreachable,
    LLMRateLimited,
    LLMRequestRefused,
)
from huleedu_service_libs.web.correlation import bind_correlation, correlation_from_header
from huleedu_service_libs.web.problem import AttemptSummary, Problem, problem_body, problem_headers
from libs.service_libs.tests.scripted_gateway import RESULT, Gateway, Pauses, gateway_app

REQUEST = LLMComparisonRequest(user_prompt="Which?", essay_a="a", essay_b="b", metadata={"kept": None})


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    scripted = Gateway()
    server = TestServer(gateway_app(scripted), host="127.0.0.1")
    await server.start_server()
    scripted.url = str(server.make_url("/"))
    yield scripted
    await server.close()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def client(gateway: Gateway, pauses: Pauses) -> AsyncIterator[LLMProviderClient]:
    async with LLMProviderClient(gateway.url, timeout=5, max_retries=2, sleep=pauses) as made:
        yield made


def _fine() -> web.Response:
    return web.json_response(RESULT)


def _problem(
    status: int,
    *,
    retryable: bool = False,
    retry_after: float | None = None,
    code: ErrorCode = ErrorCode.TIMEOUT,
    outcomes: tuple[str, ...] = (),
) -> web.Response:
    problem = Problem(
        status=status,
        code=code,
        title="t",
        detail="what to do",
        type_slug="s",
        retryable=retryable,
        retry_after=retry_after,
        attempts=tuple(AttemptSummary(provider="p", model="m", outcome=one, duration_ms=1) for one in outcomes),
    )
    body = problem_body(problem, instance="/", correlation_id="theirs", type_prefix="urn:x:")
    return web.Response(status=status, headers=problem_headers(problem), body=body)


async def test_a_comparison_comes_back_typed(gateway: Gateway, client: LLMProviderClient) -> None:
    gateway.script = [_fine()]
    result = await client.compare(REQUEST)
    assert (result.winner, result.confidence, result.metadata) == ("Essay A", 4.2, {"kept": None})
    request, body = gateway.requests[0]
    assert (request.method, request.path) == ("POST", "/api/v1/comparison")
    assert body == b'{"user_prompt":"Which?","essay_a":"a","essay_b":"b","metadata":{"kept":null}}'
    assert request.headers["Content-Type"] == "application/json"
    assert 4000 < int(request.headers["X-Request-Timeout-Ms"]) < 5000
    assert len(request.headers["X-Correlation-ID"]) == 36


async def test_the_answer_of_a_later_service_is_read_because_it_was_paid_for(
    gateway: Gateway, client: LLMProviderClient
) -> None:
    usage = {**RESULT["token_usage"], "audio_tokens": 3}
    gateway.script = [web.json_response({**RESULT, "token_usage": usage, "flags": ["fallback_used", "judged_twice"]})]
    result = await client.compare(REQUEST)
    assert (result.winner, result.token_usage.total_tokens) == ("Essay A", 10)
    assert result.flags == ["fallback_used", "judged_twice"]
    assert gateway.hits == 1


@pytest.mark.parametrize(
    ("own", "sent"),
    [(None, "from-context"), ("from-request", "from-request"), ("a\r\nb", "from-context")],
    ids=["none", "one", "one that the gateway would replace"],
)
async def test_the_correlation_id_of_the_request_is_sent_or_else_that_of_the_context(
    gateway: Gateway, client: LLMProviderClient, own: str | None, sent: str
) -> None:
    gateway.script = [_fine()]
    bind_correlation(correlation_from_header("from-context"))
    await client.compare(REQUEST.model_copy(update={"correlation_id": own}))
    assert gateway.header("X-Correlation-ID") == sent


async def test_a_vendor_that_a_later_service_adds_does_not_spoil_the_lists(
    gateway: Gateway, client: LLMProviderClient
) -> None:
    model: dict[str, Any] = {
        "id": "m",
        "capabilities": [],
        "context_window": None,
        "max_output_tokens": None,
        "prices": None,
    }
    gateway.script = [
        web.json_response(
            {
                "models": [{**model, "provider": "openai"}, {**model, "provider": "vendor-of-tomorrow"}],
                "capability_source": "s",
                "capability_date": "2027-01-01",
            }
        )
    ]
    assert [one.provider for one in (await client.models()).models] == [LLMProviderType.OPENAI, "vendor-of-tomorrow"]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_retryable_429_or_503_is_repeated_after_its_retry_after(
    gateway: Gateway, client: LLMProviderClient, pauses: Pauses, status: int
) -> None:
    gateway.script = [_problem(status, retryable=True, retry_after=2), _fine()]
    assert (await client.compare(REQUEST)).winner == "Essay A"
    assert gateway.hits == 2
    assert [2 <= seconds <= 2.2 for seconds in pauses.taken] == [True]
    assert gateway.header("X-Correlation-ID", 0) == gateway.header("X-Correlation-ID", 1)


async def test_a_503_after_attempts_that_no_vendor_charges_for_is_repeated(
    gateway: Gateway, client: LLMProviderClient
) -> None:
    tried = ("rate_limited", "server_error", "overloaded", "connect_failed", "not_sent")
    gateway.script = [_problem(503, retryable=True, outcomes=tried), _fine()]
    assert (await client.compare(REQUEST)).winner == "Essay A"
    assert gateway.hits == 2


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "outcome", ["connection_lost", "timed_out", "bad_response", "cancelled", "rejected", "an_outcome_of_tomorrow"]
)
async def test_an_attempt_that_may_be_billed_is_never_repeated(
    gateway: Gateway, client: LLMProviderClient, pauses: Pauses, status: int, outcome: str
) -> None:
    gateway.script = [_problem(status, retryable=True, retry_after=1, outcomes=(outcome, "server_error")), _fine()]
    with pytest.raises(LLMProviderClientError) as caught:
        await client.compare(REQUEST)
    assert (gateway.hits, pauses.taken) == (1, [])
    assert (caught.value.status, caught.value.retryable) == (status, True)


async def test_repeats_end_after_the_maximum(gateway: Gateway, client: LLMProviderClient, pauses: Pauses) -> None:
    gateway.script = [_problem(503, retryable=True, retry_after=1, code=ErrorCode.SERVICE_UNAVAILABLE)]
    with pytest.raises(LLMGatewayUnavailable) as caught:
        await client.compare(REQUEST)
    assert (gateway.hits, len(pauses.taken)) == (3, 2)
    error = caught.value
    assert (error.status, error.code, error.retryable, error.retry_after) == (503, "SERVICE_UNAVAILABLE", True, 1.0)
    assert error.correlation_id == "theirs"
    assert error.problem is not None
    assert error.problem.detail == "what to do"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_problem(503, retryable=False), LLMGatewayUnavailable),
        (_problem(500, retryable=True), LLMGatewayUnavailable),
        (_problem(502, retryable=True), LLMGatewayUnavailable),
        (_problem(504, retryable=True), LLMGatewayUnavailable),
        (_problem(429, retryable=False), LLMRateLimited),
        (_problem(400), LLMRequestRefused),
        (_problem(422, retryable=True), LLMRequestRefused),
        (web.Response(status=503, text="<html>proxy</html>"), LLMGatewayUnavailable),
        (web.Response(status=404, text=""), LLMRequestRefused),
    ],
)
async def test_what_may_have_been_bought_or_is_refused_is_asked_once(
    gateway: Gateway, client: LLMProviderClient, answer: web.Response, kind: type[LLMProviderClientError]
) -> None:
    gateway.script = [answer]
    with pytest.raises(kind) as caught:
        await client.compare(REQUEST)
    assert type(caught.value) is kind
    assert gateway.hits == 1
    assert caught.value.status == answer.status


async def test_a_retry_after_beyond_the_deadline_is_not_waited_for(
    gateway: Gateway, client: LLMProviderClient, pauses: Pauses
) -> None:
    gateway.script = [_problem(429, retryable=True, retry_after=60)]
    with pytest.raises(LLMRateLimited):
        await client.compare(REQUEST)
    assert (gateway.hits, pauses.taken) == (1, [])


async def test_a_connection_lost_in_mid_answer_is_asked_once(gateway: Gateway, client: LLMProviderClient) -> None:
    gateway.script = [None]
    with pytest.raises(LLMProviderConnectionLost) as caught:
        await client.compare(REQUEST)
    assert (gateway.hits, caught.value.retryable) == (1, False)


async def test_the_deadline_ends_the_call(gateway: Gateway, client: LLMProviderClient) -> None:
    gateway.script = [5.0]
    with pytest.raises(LLMProviderTimeout) as caught:
        await client.compare(REQUEST, timeout=0.8)
    assert (gateway.hits, caught.value.retryable) == (1, False)
    assert 300 <= int(gateway.header("X-Request-Timeout-Ms")) < 800


async def test_a_refused_connection_is_tried_again_until_the_gateway_is_there(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    server = TestServer(gateway_app(gateway), host="127.0.0.1", port=port)
    gateway.script = [_fine()]

    async def start_server(_seconds: float) -> None:
        await server.start_server()

    async with LLMProviderClient(f"http://127.0.0.1:{port}", sleep=start_server) as client:
        assert (await client.compare(REQUEST)).winner == "Essay A"
    assert gateway.hits == 1
    await server.close()


@pytest.mark.sockets
async def test_an_absent_gateway_is_unreachable(pauses: Pauses) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    async with LLMProviderClient(f"http://127.0.0.1:{port}", max_retries=2, sleep=pauses) as client:
        with pytest.raises(LLMProviderUnreachable) as caught:
            await client.compare(REQUEST)
    assert len(pauses.taken) == 2
    assert caught.value.retryable


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(text="{}"),
        web.Response(text="not json"),
        web.json_response({**RESULT, "winner": "Tie"}),
        web.Response(status=302, headers={"Location": "/elsewhere"}),
        web.Response(body=b" " * (8 * 1024 * 1024 + 1)),
    ],
)
async def test_an_answer_out_of_contract_is_a_bad_answer(
    gateway: Gateway, client: LLMProviderClient, answer: web.Response
) -> None:
    gateway.script = [answer]
    with pytest.raises(LLMProviderBadAnswer):
        await client.compare(REQUEST)
    assert gateway.hits == 1


async def test_the_reading_endpoints_are_typed(gateway: Gateway, client: LLMProviderClient) -> None:
    gateway.script = [
        web.json_response({"circuit_breakers": []}),
        web.json_response({"models": [], "capability_source": "s", "capability_date": "2026-11-01"}),
        web.json_response(
            {
                "providers": [],
                "default_provider": "mock",
                "selection_strategy": "priority",
                "total_requests_today": 1,
                "total_cost_today": "0",
            }
        ),
        web.json_response({"status": "healthy"}),
    ]
    assert (await client.circuit_breakers()).circuit_breakers == []
    assert (await client.models()).capability_date == "2026-11-01"
    assert (await client.providers()).total_cost_today == "0"
    assert await client.health() == {"status": "healthy"}
    assert [request.path for request, _ in gateway.requests] == [
        "/api/v1/circuit-breakers",
        "/api/v1/models",
        "/api/v1/providers",
        "/healthz",
    ]


async def test_a_session_that_was_passed_in_stays_open(gateway: Gateway) -> None:
    gateway.script = [_fine()]
    async with aiohttp.ClientSession() as session:
        async with LLMProviderClient(gateway.url, session=session) as client:
            await client.compare(REQUEST)
        assert not session.closed


def test_an_address_that_is_no_url_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="not an http"):
        LLMProviderClient("localhost:8090")
