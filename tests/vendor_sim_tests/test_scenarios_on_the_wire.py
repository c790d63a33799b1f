"""Each scenario does on the wire what it says, and is billed as it says."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from aiohttp import ClientError, ClientOSError, ClientPayloadError, ClientResponseError, ServerDisconnectedError
from aiohttp.http_exceptions import HttpProcessingError

from tests.vendor_sim import (
    ERRORS,
    Cut,
    Drip,
    EmptyChoices,
    GzipBomb,
    Hang,
    Huge,
    MaxTokens,
    RawBody,
    Redirect,
    Refusal,
    SafetyBlock,
    Scenario,
    Status,
    Success,
    Tokens,
    ToolCallUnasked,
    Vendor,
    VendorSim,
    scenario_named,
)
from tests.vendor_sim_tests.conftest import Client, until

pytestmark = pytest.mark.sockets

NOTHING = Tokens()


@pytest.mark.parametrize("vendor", list(Vendor))
async def test_a_status_without_a_body_has_the_vendors_own_error_shape(
    sim: VendorSim, client: Client, vendor: Vendor
) -> None:
    sim.script(vendor, [Status(503, headers={"Retry-After": "2"})])
    reply = await client.ask(vendor)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    assert "Simulated status 503." in reply.json["error"]["message"]
    assert sim.count(vendor, scenario="status-503") == 1
    assert sim.billed(vendor) == NOTHING


@pytest.mark.parametrize("name", sorted(ERRORS))
async def test_every_real_error_body_arrives_as_it_is(sim: VendorSim, client: Client, name: str) -> None:
    scenario = ERRORS[name]
    sim.script("openai", [scenario])
    reply = await client.ask(Vendor.OPENAI)
    assert reply.status == scenario.code
    if "text/html" in reply.headers["Content-Type"]:
        assert reply.raw.startswith(b"<html>")
    elif name != "openai-bad-key":
        assert reply.json == scenario.body
    assert sim.count("openai", scenario=name) == 1


async def test_a_wrong_key_is_echoed_as_the_vendor_does(sim: VendorSim, client: Client) -> None:
    sim.script("openai", [ERRORS["openai-bad-key"]])
    reply = await client.ask(Vendor.OPENAI, headers={"Authorization": "Bearer sk-canary"})
    assert "Incorrect API key provided: sk-canary." in reply.json["error"]["message"]


FINISHES: list[tuple[Scenario, dict[Vendor, Any]]] = [
    (Refusal(), {Vendor.OPENAI: "stop", Vendor.ANTHROPIC: "refusal", Vendor.GOOGLE: "PROHIBITED_CONTENT"}),
    (SafetyBlock(), {Vendor.OPENAI: "content_filter", Vendor.ANTHROPIC: "refusal", Vendor.GOOGLE: "SAFETY"}),
    (MaxTokens(), {Vendor.OPENAI: "length", Vendor.ANTHROPIC: "max_tokens", Vendor.GOOGLE: "MAX_TOKENS"}),
    (MaxTokens(empty=True), {Vendor.OPENAI: "length", Vendor.ANTHROPIC: "max_tokens", Vendor.GOOGLE: "MAX_TOKENS"}),
    (EmptyChoices(), {Vendor.OPENAI: None, Vendor.ANTHROPIC: "end_turn", Vendor.GOOGLE: None}),
    (
        ToolCallUnasked(),
        {Vendor.OPENAI: "tool_calls", Vendor.ANTHROPIC: "tool_use", Vendor.GOOGLE: "UNEXPECTED_TOOL_CALL"},
    ),
]


def finish_word(vendor: Vendor, body: dict[str, Any]) -> Any:
    if vendor is Vendor.ANTHROPIC:
        return body["stop_reason"]
    key, word = ("candidates", "finishReason") if vendor is Vendor.GOOGLE else ("choices", "finish_reason")
    return body[key][0][word] if body.get(key) else None


@pytest.mark.parametrize("vendor", [Vendor.OPENAI, Vendor.ANTHROPIC, Vendor.GOOGLE])
@pytest.mark.parametrize(("scenario", "words"), FINISHES)
async def test_an_answer_that_failed_has_the_vendors_word_and_is_billed(
    sim: VendorSim, client: Client, vendor: Vendor, scenario: Scenario, words: dict[Vendor, Any]
) -> None:
    sim.script(vendor, [scenario])
    reply = await client.ask(vendor)
    assert reply.status == 200
    assert finish_word(vendor, reply.json) == words[vendor]
    assert sim.billed(vendor).output > 0
    assert sim.calls(vendor)[0].scenario == scenario.name


async def test_a_blocked_prompt_has_no_candidates_but_feedback(sim: VendorSim, client: Client) -> None:
    sim.script("google", [SafetyBlock(prompt=True)])
    reply = await client.ask(Vendor.GOOGLE)
    assert reply.json["promptFeedback"] == {"blockReason": "SAFETY"}
    assert "candidates" not in reply.json


async def test_thinking_that_ate_the_budget_leaves_no_text(sim: VendorSim, client: Client) -> None:
    sim.always("openai", MaxTokens(empty=True))
    body = (await client.ask(Vendor.OPENAI)).json
    assert body["choices"][0]["message"]["content"] == ""
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == body["usage"]["completion_tokens"]


async def test_a_small_output_limit_truncates_as_a_vendor_would(sim: VendorSim, client: Client) -> None:
    message = {"role": "user", "content": "Hello"}
    body = {"model": "gpt-5.4-mini", "messages": [message], "max_completion_tokens": 50, "reasoning_effort": "high"}
    reply = await client.ask(Vendor.OPENAI, body=body)
    assert reply.json["choices"][0]["finish_reason"] == "length"
    assert sim.billed("openai") == Tokens(input=2, output=50, reasoning=50)


async def test_success_can_be_overridden_piece_by_piece(sim: VendorSim, client: Client) -> None:
    sim.script(
        "openai",
        [
            Success(
                text="Hm.", usage={"prompt_tokens": float("nan")}, finish="odd", served_model="gpt-4o-2",
                extra={"new": 1}, headers={"Set-Cookie": "a=b"},
            )
        ],
    )  # fmt: skip
    reply = await client.ask(Vendor.OPENAI)
    assert b'"usage": {"prompt_tokens": NaN}' in reply.raw
    assert b'"content": "Hm."' in reply.raw
    assert b'"finish_reason": "odd"' in reply.raw
    assert b'"model": "gpt-4o-2"' in reply.raw
    assert b'"new": 1' in reply.raw
    assert reply.headers["Set-Cookie"] == "a=b"
    assert sim.billed("openai").output == 1


async def test_usage_can_be_left_out(sim: VendorSim, client: Client) -> None:
    sim.script("google", [Success(usage={})])
    assert "usageMetadata" not in (await client.ask(Vendor.GOOGLE)).json


async def test_a_raw_body_is_sent_as_it_is(sim: VendorSim, client: Client) -> None:
    sim.script("openai", [RawBody(b"<html>", "text/html"), scenario_named("no-content")])
    first, second = await client.ask(Vendor.OPENAI), await client.ask(Vendor.OPENAI)
    assert (first.status, first.raw, first.headers["Content-Type"]) == (200, b"<html>", "text/html")
    assert (second.status, second.raw) == (204, b"")


async def test_a_redirect_points_elsewhere(sim: VendorSim, client: Client) -> None:
    sim.script("openai", [Redirect("http://127.0.0.1:9/x", code=302)])
    reply = await client.ask(Vendor.OPENAI)
    assert (reply.status, reply.headers["Location"]) == (302, "http://127.0.0.1:9/x")


CUTS: list[tuple[str, type[Exception], bool]] = [
    ("cut", ClientOSError, False),
    ("cut-headers", ClientError, True),
    ("cut-half", ClientError, True),
    ("fin-half", ClientPayloadError, True),
    ("fin-chunk", ClientPayloadError, True),
]


@pytest.mark.parametrize(("name", "seen", "billed"), CUTS)
async def test_a_cut_connection_is_an_error_and_still_counted(
    sim: VendorSim, client: Client, name: str, seen: type[Exception], billed: bool
) -> None:
    sim.script("openai", [scenario_named(name)])
    with pytest.raises(seen):
        await client.ask(Vendor.OPENAI)
    assert sim.count("openai", scenario=name) == 1
    assert (sim.billed("openai") != NOTHING) is billed
    assert not sim.calls("openai")[0].client_left
    assert sim.ledger.in_flight("openai") == 0


async def test_a_clean_close_before_the_headers_is_a_disconnect(sim: VendorSim, client: Client) -> None:
    sim.script("openai", [Cut(how="fin")])
    with pytest.raises(ServerDisconnectedError):
        await client.ask(Vendor.OPENAI)


async def test_a_body_that_ends_with_the_connection_is_half_a_body(sim: VendorSim, client: Client) -> None:
    sim.script("openai", [scenario_named("fin-close"), Success()])
    half, whole = await client.ask(Vendor.OPENAI), await client.ask(Vendor.OPENAI)
    assert half.status == 200
    assert 0 < len(half.raw) < len(whole.raw)


@pytest.mark.parametrize("name", ["garbage", "two-lengths", "length-and-chunked", "big-header", "many-headers"])
async def test_bytes_that_are_not_http_are_sent_as_they_are(sim: VendorSim, client: Client, name: str) -> None:
    sim.script("openai", [scenario_named(name)])
    with pytest.raises((ClientResponseError, HttpProcessingError)):
        await client.ask(Vendor.OPENAI)
    assert sim.count("openai", scenario=name) == 1


async def test_extra_bytes_behind_an_answer_are_sent(sim: VendorSim) -> None:
    sim.script("openai", [scenario_named("extra-bytes")])
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"x"}]}'
    writer.write(
        b"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    assert (await reader.read()).endswith(b'"POISON"')
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("scenario", "status", "billed"),
    [(Hang(where="headers"), 0, False), (Hang(where="body"), 200, False), (Success(delay=5), 0, True)],
    ids=["a hang before the headers", "a hang in the body", "a slow success is billed all the same"],
)
async def test_a_call_ends_when_the_client_leaves(
    sim: VendorSim, client: Client, scenario: Scenario, status: int, billed: bool
) -> None:
    sim.script("openai", [scenario])
    with pytest.raises(TimeoutError):
        await client.ask(Vendor.OPENAI, timeout=0.5)
    await until(lambda: sim.ledger.in_flight("openai") == 0)
    (call,) = sim.calls("openai")
    assert call.client_left
    assert (call.status, call.billed is not None) == (status, billed)


async def test_a_drip_comes_byte_by_byte(sim: VendorSim, client: Client) -> None:
    sim.script("openai", [Drip(bytes_per_interval=200, interval=0.05), Drip()])
    started = time.monotonic()
    reply = await client.ask(Vendor.OPENAI)
    assert time.monotonic() - started >= 0.05 * (len(reply.raw) // 200)
    assert reply.json["object"] == "chat.completion"
    with pytest.raises(TimeoutError):
        await client.ask(Vendor.OPENAI, timeout=0.5)
    assert sim.count("openai", scenario="drip") == 2


async def test_a_bomb_is_small_on_the_wire_and_a_huge_body_is_not(sim: VendorSim, client: Client) -> None:
    sim.script("openai", [GzipBomb(size=3_000_000), Huge(size=3_000_000)])
    bomb, huge = await client.ask(Vendor.OPENAI), await client.ask(Vendor.OPENAI)
    assert int(bomb.headers["Content-Length"]) < 5_000
    assert bomb.headers["Content-Encoding"] == "gzip"
    assert (len(bomb.raw), len(huge.raw)) == (3_000_000, 3_000_000)


async def test_a_failed_call_can_be_late(sim: VendorSim, client: Client) -> None:
    sim.script("openai", [Status(503, delay=0.1)])
    assert (await client.ask(Vendor.OPENAI)).status == 503
    (call,) = sim.calls("openai")
    assert call.ended_at is not None
    assert call.ended_at - call.at >= 0.1
