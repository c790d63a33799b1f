"""What the service really answers is what the API document says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from multidict import CIMultiDict

from huleedu_service_libs.http_server.lifespan import Lifespan
from services.llm_provider_service.api.openapi.document import openapi_bytes, openapi_document
from services.llm_provider_service.config import Settings
from services.llm_provider_service.startup_setup import ANSWERED_WHILE_STOPPING, create_app, start_draining
from tests.contract.documents import PROBLEM, errors_of, example_path, examples_of, operations, resolved, response_of
from tests.support.gateway import ESSAY_A, ESSAY_B, Answer, running_gateway, vendors
from tests.vendor_sim import VendorSim

COMPARISON = "/api/v1/comparison"
BODY = {"user_prompt": "Which essay argues better?", "essay_a": ESSAY_A, "essay_b": ESSAY_B}


def check_answer(method: str, path: str, answer: Answer) -> None:
    """Hold *answer* to the document: its media type, its headers, its body."""
    documented = response_of(method, path, answer.status)
    content = documented["content"][answer.headers["Content-Type"]]
    assert errors_of(content["schema"], answer.body) == []
    for name, header in documented["headers"].items():
        if name not in answer.headers and not resolved(header)["required"]:
            continue
        schema = resolved(header)["schema"]
        value = answer.headers[name]
        assert errors_of(schema, int(value) if schema["type"] == "integer" else value) == []


def check_problem(method: str, path: str, answer: Answer, *, pointer: str | None = None) -> None:
    """Hold a problem to the document: one of the examples has the same type, title and code."""
    check_answer(method, path, answer)
    examples = examples_of(response_of(method, path, answer.status)["content"][PROBLEM])
    said = {name: answer.body[name] for name in ("type", "title", "code", "status", "retryable")}
    assert said in [{name: example[name] for name in said} for example in examples]
    if pointer is not None:
        assert [error["pointer"] for error in answer.body["errors"]] == [pointer]


@pytest.mark.sockets
async def test_the_document_is_served_as_json_with_its_exact_bytes() -> None:
    async with running_gateway() as gateway:
        answer = await gateway.get("/openapi.json")
        check_answer("get", "/openapi.json", answer)
        assert answer.body == json.loads(openapi_bytes())


@pytest.mark.sockets
async def test_every_documented_request_example_is_accepted() -> None:
    content = openapi_document()["paths"][COMPARISON]["post"]["requestBody"]["content"]["application/json"]
    async with running_gateway() as gateway:
        for example in examples_of(content):
            answer = await gateway.ask("POST", COMPARISON, json=example)
            assert answer.status == 200
            check_answer("post", COMPARISON, answer)


@pytest.mark.sockets
@pytest.mark.parametrize("path", [example_path(*one) for one in operations() if one[0] == "get"])
async def test_what_is_read_is_as_documented(path: str) -> None:
    async with running_gateway() as gateway:
        answer = await gateway.get(path)
        assert answer.status == 200
        check_answer("get", path, answer)


@pytest.mark.sockets
async def test_what_is_done_is_as_documented() -> None:
    async with running_gateway() as gateway:
        await gateway.compare()
        for method, path, query in (
            ("POST", "/api/v1/providers/mock/test", ""),
            ("DELETE", "/api/v1/cache", "?all=true"),
        ):
            answer = await gateway.ask(method, path + query)
            assert answer.status == 200
            check_answer(method, path, answer)


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/api/v1/comparisons", {}, 404),
        ("GET", "/docs/page.html", {}, 404),
        ("POST", "/api/v1/providers/nobody/test", {}, 404),
        ("GET", COMPARISON, {}, 405),
        ("PUT", "/healthz", {}, 405),
        ("POST", COMPARISON, {"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", COMPARISON, {"json": {**BODY, "essay_a": ""}}, 400),
        ("POST", COMPARISON, {"json": {**BODY, "winner": "Essay A"}}, 400),
        ("POST", COMPARISON, {"json": {**BODY, "sample_index": "0"}}, 400),
        ("POST", COMPARISON, {"json": {**BODY, "sample_index": False}}, 400),
        ("POST", COMPARISON, {"json": BODY, "headers": {"X-Request-Timeout-Ms": "0000060000999999"}}, 400),
        ("POST", COMPARISON, {"json": BODY, "headers": {"X-Request-Timeout-Ms": "soon"}}, 400),
        ("POST", COMPARISON, {"data": b"essay", "headers": {"Content-Type": "text/plain"}}, 415),
        ("POST", COMPARISON, {"json": {**BODY, "essay_a": "e" * 5000}}, 413),
        ("DELETE", "/api/v1/cache", {}, 400),
        ("DELETE", "/api/v1/cache?all=true&key=k", {}, 400),
        ("DELETE", "/api/v1/cache?all=true&dry_run=1", {}, 400),
        ("DELETE", "/api/v1/cache?all=yes", {}, 400),
    ],
)
async def test_what_is_refused_is_refused_as_documented(
    method: str, path: str, options: dict[str, Any], status: int
) -> None:
    async with running_gateway(MAX_BODY_BYTES=4096) as gateway:
        answer = await gateway.ask(method, path, **options)
        assert answer.status == status
        check_problem(method, path.partition("?")[0], answer)


@pytest.mark.sockets
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_service_without_providers_says_so_as_documented(path: str) -> None:
    async with running_gateway(ENVIRONMENT="production") as gateway:
        answer = await gateway.get(path)
        assert answer.status == 503
        check_problem("get", path, answer)


@pytest.mark.parametrize(
    ("overrides", "pointer"),
    [
        ({"provider_override": "mock"}, "/llm_config_overrides/provider_override"),
        ({"model_override": "a-model-of-nobody"}, "/llm_config_overrides/model_override"),
        (
            {"provider_override": "ollama", "model_override": "llama3.3", "reasoning_effort": "high"},
            "/llm_config_overrides/reasoning_effort",
        ),
    ],
)
async def test_an_override_that_cannot_be_honoured_is_refused_as_documented(
    sim: VendorSim, overrides: dict[str, Any], pointer: str
) -> None:
    async with running_gateway(**vendors(sim, "ollama")) as gateway:
        answer = await gateway.compare(llm_config_overrides=overrides)
        assert answer.status == 400
        check_problem("post", COMPARISON, answer, pointer=pointer)
        assert sim.count() == 0


async def test_a_service_that_stops_refuses_what_is_new_as_documented() -> None:
    app = create_app(Settings(_env_file=None))
    lifespan = Lifespan(app)
    await lifespan.startup()
    try:
        start_draining(app)
        for method, path, _ in operations():
            response = await getattr(app.test_client(), method)(path)
            if path in ANSWERED_WHILE_STOPPING - {"/readyz"}:
                assert response.status_code == 200
            else:
                assert response.status_code == 503
                answer = Answer(503, CIMultiDict(response.headers), await response.get_json(force=True))
                check_answer(method, path, answer)
                if path != "/readyz":
                    check_problem(method, path, answer)
    finally:
        await lifespan.shutdown()
