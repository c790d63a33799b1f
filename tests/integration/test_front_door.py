"""The front door: correlation, strict bodies, problems everywhere, logs without content, labels from closed sets."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import ESSAY_A, ESSAY_B, KEYS, running_gateway, vendors
from tests.support.log_lines import log_lines
from tests.vendor_sim import ERRORS, Status, VendorSim

pytestmark = pytest.mark.sockets

MEBIBYTE = 1024 * 1024
BODY = {"user_prompt": "p", "essay_a": "a", "essay_b": "b"}


async def test_a_correlation_id_comes_back_from_the_header_or_the_body() -> None:
    async with running_gateway() as gateway:
        from_header = await gateway.compare(headers={"X-Correlation-ID": "batch-7.pair_3"}, correlation_id="other")
        assert from_header.headers["X-Correlation-ID"] == from_header.body["correlation_id"] == "batch-7.pair_3"
        from_body = await gateway.compare(correlation_id="11111111-2222-3333-4444-555555555555")
        assert from_body.headers["X-Correlation-ID"] == "11111111-2222-3333-4444-555555555555"
        fresh = await gateway.compare()
        assert uuid.UUID(fresh.body["correlation_id"]).version == 4


@pytest.mark.parametrize("hostile", ["x" * 10_000, "a b", "\u2028", "{}", "-->"])
async def test_a_hostile_correlation_id_is_replaced(hostile: str) -> None:
    async with running_gateway() as gateway:
        answer = await gateway.compare(headers={"X-Correlation-ID": hostile})
        assert answer.status in {200, 400, 431}
        assert hostile not in answer.headers["X-Correlation-ID"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (BODY | {"essay_a": ""}, "/essay_a"),
        (BODY | {"essay_a": "  \n"}, "/essay_a"),
        (BODY | {"essay_b": None}, "/essay_b"),
        (BODY | {"essay_b": 7}, "/essay_b"),
        (BODY | {"surprise": 1}, "/surprise"),
        (BODY | {"callback_topic": "t"}, "/callback_topic"),
        (BODY | {"llm_config_overrides": {"surprise": 1}}, "/llm_config_overrides/surprise"),
        (BODY | {"llm_config_overrides": {"temperature_override": 9}}, "/llm_config_overrides/temperature_override"),
        (BODY | {"llm_config_overrides": {"max_tokens_override": -1}}, "/llm_config_overrides/max_tokens_override"),
        (BODY | {"llm_config_overrides": {"max_tokens_override": 1.5}}, "/llm_config_overrides/max_tokens_override"),
        (BODY | {"llm_config_overrides": {"provider_override": "x"}}, "/llm_config_overrides/provider_override"),
        (BODY | {"llm_config_overrides": {"model_override": "../x"}}, "/llm_config_overrides/model_override"),
        (BODY | {"cache": "maybe"}, "/cache"),
        (BODY | {"fallback": "maybe"}, "/fallback"),
        (BODY | {"sample_index": -1}, "/sample_index"),
        (BODY | {"metadata": {"x": "y" * 20_000}}, "/metadata"),
        (BODY | {"tags": ["x"] * 33}, "/tags"),
        ([], ""),
        ("text", ""),
    ],
    ids=str,
)
async def test_a_bad_body_gets_a_pointer(body: Any, pointer: str) -> None:
    async with running_gateway() as gateway:
        answer = await gateway.ask("POST", "/api/v1/comparison", json=body)
        assert (answer.status, answer.body["code"]) == (400, "VALIDATION_ERROR"), answer.body
        assert pointer in [error["pointer"] for error in answer.body["errors"]]
        assert (answer.body["error"], answer.body["error_type"]) == (answer.body["title"], answer.body["code"])


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(BODY),
        json.dumps(BODY | {"essay_a": ""}),
        json.dumps(BODY | {"llm_config_overrides": {"provider_override": "google"}}),
        "{",
        '{"a": 1, "a": 2}',
        "",
    ],
)
async def test_a_request_in_pieces_gets_the_answer_of_one_that_came_whole(sim: VendorSim, body: str) -> None:
    """The first comes through Quart, the second before it; what may differ is what differs each time."""
    headers = {"Content-Type": "application/json", "X-Correlation-ID": "same", "X-Request-Timeout-Ms": "5000"}

    async def in_pieces() -> AsyncIterator[bytes]:
        yield body.encode()

    async with running_gateway(**vendors(sim, "openai")) as gateway:
        first = await gateway.ask("POST", "/api/v1/comparison", data=in_pieces(), headers=headers)
        second = await gateway.ask("POST", "/api/v1/comparison", data=body.encode(), headers=headers)
    varies = {"request_id", "response_time_ms", "cached", "cost_usd", "cost_estimate", "pricing_status", "attempts"}
    assert first.status == second.status
    assert {k: v for k, v in first.body.items() if k not in varies} == {
        k: v for k, v in second.body.items() if k not in varies
    }
    names = [{name.lower() for name in answer.headers} for answer in (first, second)]
    assert names[0] == names[1]


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
async def test_a_body_may_be_as_large_as_the_setting_says_and_no_larger(content_type: str, in_pieces: bool) -> None:
    """So large a body comes through Quart, with a length and without."""

    async def answer_to(size: int) -> tuple[int, str | None]:
        body = body_of(size)
        data = pieces_of(body) if in_pieces else io.BytesIO(body)
        answer = await gateway.ask("POST", "/api/v1/comparison", data=data, headers={"Content-Type": content_type})
        return answer.status, answer.body.get("title")

    async with running_gateway(MAX_BODY_BYTES=8 * MEBIBYTE) as gateway:
        assert await answer_to(3 * MEBIBYTE) == (200, None)
    async with running_gateway(MAX_BODY_BYTES=3 * MEBIBYTE) as gateway:
        assert await answer_to(3 * MEBIBYTE) == (200, None)
        assert await answer_to(3 * MEBIBYTE + 1) == (413, "The body is too large")


def body_of(size: int) -> bytes:
    """A comparison of so many bytes."""
    rest = len(json.dumps(BODY | {"essay_a": ""}))
    return json.dumps(BODY | {"essay_a": "e" * (size - rest)}).encode()


async def pieces_of(body: bytes) -> AsyncIterator[bytes]:
    """What is sent in chunks, without a length."""
    for start in range(0, len(body), MEBIBYTE):
        yield body[start : start + MEBIBYTE]


async def test_null_says_not_given_even_for_unknown_fields() -> None:
    nothing = dict.fromkeys(("llm_config_overrides", "cache", "fallback", "tags", "callback_topic", "of_tomorrow"))
    async with running_gateway() as gateway:
        answer = await gateway.ask("POST", "/api/v1/comparison", json=BODY | nothing)
        assert answer.status == 200, answer.body
        overrides = dict.fromkeys(("provider_override", "temperature_override", "of_tomorrow"))
        answer = await gateway.ask("POST", "/api/v1/comparison", json=BODY | {"llm_config_overrides": overrides})
        assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"null", 400),
        (b"{", 400),
        (b'{"essay_a": "\xff"}', 400),
        (b'{"essay_a": NaN}', 400),
        (b'{"essay_a": 1e999}', 400),
        (b'{"essay_a": "a", "essay_a": "b"}', 400),
        (b'{"essay_a": "\\ud800"}', 400),
        (b'{"essay_a": "\\u0000"}', 400),
        (b'{"n": ' + b"9" * 5000 + b"}", 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"essay_a": "' + b"x" * (3 * 1024 * 1024) + b'"}', 413),
    ],
    ids=range(12),
)
async def test_hostile_json_is_refused_as_a_problem(raw: bytes, status: int) -> None:
    async with running_gateway() as gateway:
        headers = {"Content-Type": "application/json"}
        answer = await gateway.ask("POST", "/api/v1/comparison", data=io.BytesIO(raw), headers=headers)
        assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
        assert answer.body["correlation_id"] == answer.headers["X-Correlation-ID"]
        assert (await gateway.get("/healthz")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing-here", 404),
        ("GET", "/api/v1/comparison", 405),
        ("TRACE", "/api/v1/comparison", 405),
        ("POST", "/api/v1/comparison", 415),
        ("POST", "/api/v1/providers/nobody/test", 404),
        ("POST", "/api/v1/providers/google/test", 404),
    ],
)
async def test_the_frameworks_own_errors_are_problems_too(method: str, path: str, status: int) -> None:
    async with running_gateway() as gateway:
        answer = await gateway.ask(method, path)
        assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
        assert answer.body["status"] == status


async def test_a_provider_test_is_one_counted_attempt_of_a_fixed_prompt(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
        answer = await gateway.ask("POST", "/api/v1/providers/anthropic/test")
        assert answer.status == 200
        assert (answer.body["success"], answer.body["provider"]) == (True, "anthropic"), answer.body
        assert (sim.count("anthropic"), sim.count("openai")) == (1, 0)
        sim.always("anthropic", ERRORS["anthropic-bad-key"])
        answer = await gateway.ask("POST", "/api/v1/providers/anthropic/test")
        assert (answer.status, answer.body["success"]) == (200, False)


async def test_the_list_of_providers_shows_what_is_live(sim: VendorSim) -> None:
    settings = vendors(sim, "openai", "anthropic") | {"DEFAULT_LLM_PROVIDER": "anthropic", "GOOGLE_ENABLED": True}
    async with running_gateway(**settings) as gateway:
        answer = await gateway.compare()
        assert answer.body["provider"] == "anthropic"
        body = (await gateway.get("/api/v1/providers")).body
        assert (body["default_provider"], body["selection_strategy"]) == ("anthropic", "priority")
        states = {one["provider"]: (one["enabled"], one["configured"]) for one in body["providers"]}
        assert states["anthropic"] == states["openai"] == (True, True)
        assert (states["google"], states["openrouter"]) == ((True, False), (False, False))
        assert "mock" not in states
        assert (body["total_requests_today"], body["total_cost_today"]) == (1, answer.body["cost_usd"])


async def test_production_without_a_vendor_is_not_ready() -> None:
    async with running_gateway(ENVIRONMENT="production") as gateway:
        assert (await gateway.get("/readyz")).status == 503
        for overrides in ({}, {"provider_override": "openai"}, {"model_override": "gpt-5-mini"}):
            answer = await gateway.compare(llm_config_overrides=overrides)
            assert (answer.status, answer.body["code"]) == (503, "SERVICE_UNAVAILABLE")
            assert answer.body["detail"].startswith("No provider is enabled and configured")
            assert (answer.body["retryable"], answer.headers["Retry-After"]) == (True, "60")
    async with running_gateway() as gateway:
        health = (await gateway.get("/healthz")).body
        assert health["warnings"][0].startswith("The mock provider answers everything")
        assert (await gateway.get("/readyz")).body == {"ready": True}


async def test_logs_hold_neither_essays_nor_keys(sim: VendorSim) -> None:
    sim.script("openai", [Status(503), Status(401, {"error": {"message": "bad key <<key>>"}})])
    with log_lines() as lines:
        async with running_gateway(**vendors(sim, "openai", "anthropic")) as gateway:
            for index in range(3):
                await gateway.compare(sample_index=index, user_prompt="Which one? CANARY-PROMPT")
    assert any(line["event"] == "provider_attempt_failed" for line in lines.events)
    assert any(line.get("alert") for line in lines.events), "a refused key calls for an operator"
    for secret in (*KEYS.values(), ESSAY_A, ESSAY_B, "CANARY-PROMPT"):
        assert secret.encode() not in lines.raw


async def test_invented_models_and_paths_add_at_most_one_series(sim: VendorSim) -> None:
    async with running_gateway(**vendors(sim, "openai")) as gateway:

        async def one(index: int) -> None:
            overrides = {"provider_override": "openai", "model_override": f"invented-{index}"}
            assert (await gateway.compare(llm_config_overrides=overrides)).status == 200
            assert (await gateway.get(f"/invented/{index}")).status == 404

        await one(0)
        await gateway.get("/metrics")
        before = (await gateway.get("/metrics")).body
        for index in range(1, 101):
            await one(index)
        after = (await gateway.get("/metrics")).body
        assert len(after.splitlines()) == len(before.splitlines())
        assert "invented" not in after
        assert 'model="other"' in after
