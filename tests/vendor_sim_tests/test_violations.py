"""What the real vendor would not take is refused in its own words, recorded, and uses up no script."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vendor_sim import Status, Vendor, VendorSim
from tests.vendor_sim_tests.conftest import Client
from tests.vendor_sim_tests.prompts import HEADERS, SCHEMA, body_for

pytestmark = pytest.mark.sockets

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
CLAUDE: dict[str, Any] = {**CHAT, "model": "claude-haiku-4-5", "max_tokens": 3000}
GEMINI: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
OPEN_SCHEMA = {**SCHEMA, "additionalProperties": True}
TOOL = {"name": "verdict", "input_schema": SCHEMA}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {}}}

REFUSED: list[tuple[Vendor, dict[str, Any], str]] = [
    *((vendor, {**body_for(vendor, "x"), "bogus": 1}, "bogus") for vendor in Vendor),
    (Vendor.OPENAI, {**CHAT, "max_tokens": "5"}, "max_tokens"),
    (
        Vendor.OPENAI,
        {**CHAT, "messages": [{"role": "user", "content": [{"type": "text", "txt": "x"}]}]},
        "text: Field required",
    ),
    (Vendor.OPENAI, {**CHAT, "messages": []}, "empty array"),
    (Vendor.OPENAI, {**CHAT, "model": "gpt-5-mini", "max_tokens": 5}, "max_completion_tokens"),
    (Vendor.OPENAI, {**CHAT, "model": "gpt-5-mini", "temperature": 0}, "does not support 0 with this model"),
    (Vendor.OPENAI, {**CHAT, "model": "gpt-5.4", "temperature": 0.2, "reasoning_effort": "low"}, "0.2"),
    (Vendor.OPENAI, {**CHAT, "model": "gpt-6-sol", "tools": [FUNCTION]}, "Function tools"),
    (Vendor.OPENAI, {**CHAT, "reasoning_effort": "low"}, "reasoning_effort"),
    (Vendor.OPENAI, {**CHAT, "stream": True}, "stream"),
    (
        Vendor.OPENAI,
        {
            **CHAT,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "v", "strict": True, "schema": OPEN_SCHEMA},
            },
        },
        "additionalProperties",
    ),
    (Vendor.OPENROUTER, CHAT, "not a valid model ID"),
    (Vendor.ANTHROPIC, {**CHAT, "model": "claude-haiku-4-5"}, "max_tokens: Field required"),
    (Vendor.ANTHROPIC, {**CLAUDE, "model": "claude-sonnet-5-5", "temperature": 0}, "deprecated for this model"),
    (Vendor.ANTHROPIC, {**CLAUDE, "temperature": 1.5}, "range: 0..1"),
    (Vendor.ANTHROPIC, {**CLAUDE, "temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
    (
        Vendor.ANTHROPIC,
        {
            **CLAUDE,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [TOOL],
            "tool_choice": {"type": "any"},
        },
        "Thinking may not be enabled",
    ),
    (Vendor.ANTHROPIC, {**CLAUDE, "thinking": {"type": "enabled", "budget_tokens": 3000}}, "must be greater than"),
    (
        Vendor.ANTHROPIC,
        {**CLAUDE, "output_config": {"format": {"type": "json_schema", "schema": OPEN_SCHEMA}}},
        "additionalProperties",
    ),
    (
        Vendor.ANTHROPIC,
        {
            **CLAUDE,
            "output_config": {
                "format": {
                    "type": "json_schema",
                    "schema": {**SCHEMA, "properties": {"confidence": {"type": "number", "minimum": 1}}},
                }
            },
        },
        "minimum",
    ),
    (Vendor.GOOGLE, {**GEMINI, "generationConfig": {"maxOutputTokens": "5"}}, "maxOutputTokens"),
    (Vendor.GOOGLE, {**GEMINI, "generationConfig": {"thinkingConfig": {"thinkingLevel": "odd"}}}, "ThinkingLevel"),
    (Vendor.GOOGLE, {**GEMINI, "generationConfig": {"responseJsonSchema": SCHEMA}}, "response mime type"),
    (Vendor.GOOGLE, {"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "valid role"),
]


@pytest.mark.parametrize(("vendor", "body", "words"), REFUSED)
async def test_a_body_the_vendor_would_refuse_is_refused(
    sim: VendorSim, client: Client, vendor: Vendor, body: dict[str, Any], words: str
) -> None:
    sim.script(vendor, [Status(503)])
    reply = await client.ask(vendor, body=body)
    assert reply.status == 400
    assert words in reply.json["error"]["message"]
    assert words in sim.violations()[0]
    assert sim.count(vendor, scenario="violation") == 1
    assert sim.book.left(vendor) == 1


ACCEPTED: list[tuple[Vendor, dict[str, Any]]] = [
    (Vendor.OPENAI, {**CHAT, "temperature": 0, "max_tokens": 5, "stop": ["."]}),
    (Vendor.OPENAI, {**CHAT, "model": "gpt-5.4", "temperature": 0}),
    (Vendor.OPENAI, {**CHAT, "model": "gpt-6-sol", "max_completion_tokens": 5, "reasoning_effort": "low"}),
    (Vendor.ANTHROPIC, {**CLAUDE, "temperature": 0}),
    (Vendor.ANTHROPIC, {**CLAUDE, "model": "claude-sonnet-5-5", "thinking": {"type": "adaptive"}}),
    (Vendor.OPENROUTER, {**CHAT, "model": "a/b", "provider": {"require_parameters": True}, "reasoning": {}}),
    (Vendor.GOOGLE, {**GEMINI, "generationConfig": {"temperature": 0, "thinkingConfig": {"thinkingLevel": "low"}}}),
    (Vendor.OLLAMA, {**CHAT, "model": "gpt-5-mini", "max_tokens": 5, "temperature": 0}),
]


@pytest.mark.parametrize(("vendor", "body"), ACCEPTED)
async def test_a_body_the_vendor_would_take_is_taken(
    sim: VendorSim, client: Client, vendor: Vendor, body: dict[str, Any]
) -> None:
    assert (await client.ask(vendor, body=body)).status == 200
    assert sim.violations() == []


HEADERS_REFUSED: list[tuple[Vendor, dict[str, str], str, int]] = [
    (Vendor.OPENAI, {}, "", 401),
    (Vendor.OPENAI, {"Authorization": "sk-test"}, "", 401),
    (Vendor.ANTHROPIC, {"anthropic-version": "2023-06-01"}, "", 401),
    (Vendor.ANTHROPIC, {"x-api-key": "k"}, "", 400),
    (Vendor.GOOGLE, {}, "", 403),
    (Vendor.GOOGLE, {"x-goog-api-key": "k"}, "?key=k", 400),
    (Vendor.OPENROUTER, {}, "", 401),
    (Vendor.OPENAI, {**HEADERS[Vendor.OPENAI], "Content-Type": "text/plain"}, "", 400),
]


@pytest.mark.parametrize(("vendor", "headers", "query", "status"), HEADERS_REFUSED)
async def test_headers_the_vendor_would_refuse_are_refused(
    sim: VendorSim, client: Client, vendor: Vendor, headers: dict[str, str], query: str, status: int
) -> None:
    reply = await client.ask(vendor, headers=headers, query=query)
    assert reply.status == status
    assert len(sim.violations()) == 1


async def test_the_api_version_decides_whether_claude_takes_a_temperature(sim: VendorSim, client: Client) -> None:
    body = {**CLAUDE, "temperature": 1}
    old = await client.ask(Vendor.ANTHROPIC, body=body)
    new = await client.ask(Vendor.ANTHROPIC, body=body, headers={"x-api-key": "k", "anthropic-version": "2026-10-21"})
    assert (old.status, new.status) == (200, 400)
    assert new.json["error"]["message"] == "temperature: Extra inputs are not permitted"


@pytest.mark.parametrize("body", [b"{", b"[]", b"", b'{"a": NaN}'])
async def test_a_body_that_is_no_json_object_is_refused(sim: VendorSim, client: Client, body: bytes) -> None:
    assert (await client.ask(Vendor.ANTHROPIC, body=body)).status == 400
    assert "the body is not" in sim.violations()[0]


async def test_an_address_where_nothing_lives_is_a_404_that_is_counted(sim: VendorSim, client: Client) -> None:
    async with client.session.post(sim.base_url("openai") + "/v1/embeddings", json={}) as response:
        assert response.status == 404
    async with client.session.get(sim.origin + "/nobody") as response:
        assert response.status == 404
    assert sim.count("openai", scenario="violation") == 1


async def test_checking_can_be_switched_off(client: Client) -> None:
    async with VendorSim(validate=False) as lax:
        reply = await Client(session=client.session, sim=lax).ask(Vendor.OPENAI, body={**CHAT, "bogus": 1}, headers={})
        assert reply.status == 200
        assert lax.violations() == []
