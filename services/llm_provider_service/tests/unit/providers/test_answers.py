"""What a good reply answers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.completion import (
    CompletionRequest,
    FinishReason,
    Message,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
)
from services.llm_provider_service.providers.common.encoding import ANSWER_TOOL
from services.llm_provider_service.providers.dialects import codec_for
from services.llm_provider_service.providers.models.capabilities import profile_for
from services.llm_provider_service.tests.unit.providers.replies import (
    ANTHROPIC,
    GOOGLE,
    OLLAMA,
    OPENAI,
    OPENROUTER,
    VENDORS,
    anthropic_reply,
    google_reply,
    openai_reply,
    read,
    reply_of,
)
from services.llm_provider_service.tests.unit.providers.samples import VERDICT_TEXT


@pytest.mark.parametrize("provider", VENDORS)
def test_a_reply_is_an_answer(provider: LLMProviderType) -> None:
    answer = read(provider, reply_of(provider))
    assert answer.text == "Essay A"
    assert answer.finish_reason is FinishReason.STOP
    assert answer.model.endswith("-served")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (100, 20)


@pytest.mark.parametrize(
    ("provider", "header", "in_body"),
    [(OPENAI, "X-Request-Id", "chatcmpl-1"), (ANTHROPIC, "request-id", "msg_1"), (GOOGLE, "x-request-id", "resp-1")],
)
def test_the_vendors_id_is_the_headers_or_the_bodys(provider: LLMProviderType, header: str, in_body: str) -> None:
    assert read(provider, reply_of(provider), headers={header: "req-9"}).vendor_request_id == "req-9"
    assert read(provider, reply_of(provider)).vendor_request_id == in_body


def test_a_model_that_nobody_named_is_empty_not_invented() -> None:
    document = openai_reply()
    del document["model"]
    assert read(OLLAMA, document).model == ""


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        (OPENAI, openai_reply(finish_reason="length")),
        (ANTHROPIC, anthropic_reply(stop_reason="max_tokens")),
        (ANTHROPIC, anthropic_reply(stop_reason="model_context_window_exceeded")),
        (GOOGLE, google_reply(finishReason="MAX_TOKENS")),
    ],
)
def test_b28_a_cut_answer_says_so_and_keeps_its_text(provider: LLMProviderType, body: Any) -> None:
    answer = read(provider, body)
    assert (answer.text, answer.finish_reason) == ("Essay A", FinishReason.LENGTH)


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        (OPENAI, openai_reply(finish_reason="mystery")),
        (ANTHROPIC, anthropic_reply(stop_reason="pause_turn")),
        (ANTHROPIC, anthropic_reply(stop_reason=None)),
        (GOOGLE, google_reply(finishReason="OTHER")),
    ],
)
def test_a_reason_that_is_not_known_is_unknown(provider: LLMProviderType, body: Any) -> None:
    assert read(provider, body).finish_reason is FinishReason.UNKNOWN


TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Uppsala"}'}}


@pytest.mark.parametrize(
    ("provider", "body", "call_id"),
    [
        (
            OPENAI,
            openai_reply(finish_reason="tool_calls", message={"content": None, "tool_calls": [TOOL_CALL]}),
            "call_1",
        ),
        (OPENAI, openai_reply(message={"content": None, "tool_calls": [TOOL_CALL]}), "call_1"),
        (
            ANTHROPIC,
            anthropic_reply(
                stop_reason="tool_use",
                content=[{"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Uppsala"}}],
            ),
            "call_1",
        ),
        (GOOGLE, google_reply(parts=[{"functionCall": {"name": "weather", "args": {"city": "Uppsala"}}}]), "weather-0"),
        (
            GOOGLE,
            google_reply(parts=[{"functionCall": {"id": "f1", "name": "weather", "args": {"city": "Uppsala"}}}]),
            "f1",
        ),
    ],
)
def test_b30_a_tool_call_is_a_tool_call(provider: LLMProviderType, body: Any, call_id: str) -> None:
    answer = read(provider, body)
    assert answer.finish_reason is FinishReason.TOOL_CALL
    assert answer.parts == (ToolCallPart(call_id=call_id, name="weather", arguments={"city": "Uppsala"}),)


def test_b30_a_tool_call_that_gemini_could_not_finish_has_no_part() -> None:
    answer = read(GOOGLE, google_reply(finishReason="UNEXPECTED_TOOL_CALL", parts=[]))
    assert (answer.parts, answer.finish_reason) == ((), FinishReason.TOOL_CALL)
    assert answer.usage.known


VERDICT_INPUT = orjson.loads(VERDICT_TEXT)
ANSWER_CALL = {"id": "1", "type": "function", "function": {"name": ANSWER_TOOL, "arguments": VERDICT_TEXT}}


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        (
            ANTHROPIC,
            anthropic_reply(
                stop_reason="tool_use",
                content=[{"type": "tool_use", "id": "1", "name": ANSWER_TOOL, "input": VERDICT_INPUT}],
            ),
        ),
        (OPENAI, openai_reply(finish_reason="tool_calls", message={"content": None, "tool_calls": [ANSWER_CALL]})),
        (OPENAI, openai_reply(message={"content": None, "tool_calls": [ANSWER_CALL]})),
        (GOOGLE, google_reply(parts=[{"functionCall": {"name": ANSWER_TOOL, "args": VERDICT_INPUT}}])),
    ],
)
def test_an_answer_through_a_forced_tool_is_text(provider: LLMProviderType, body: Any) -> None:
    answer = read(provider, body)
    assert answer.parts == (TextPart(VERDICT_TEXT),)
    assert answer.finish_reason is FinishReason.STOP


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        (
            OPENAI,
            openai_reply(message={"content": [{"type": "text", "text": "Essay "}, {"type": "text", "text": "A"}]}),
        ),
        (OPENROUTER, openai_reply(message={"reasoning": "canary", "reasoning_details": [{"text": "canary"}]})),
        (OLLAMA, openai_reply(message={"reasoning_content": "canary"})),
        (
            OPENAI,
            openai_reply(
                message={"content": [{"type": "thinking", "text": "canary"}, {"type": "text", "text": "Essay A"}]}
            ),
        ),
        (
            ANTHROPIC,
            anthropic_reply(
                content=[
                    {"type": "thinking", "thinking": "canary", "signature": "s"},
                    {"type": "redacted_thinking", "data": "canary"},
                    {"type": "text", "text": "Essay A"},
                    {"type": "block_of_tomorrow", "text": "canary"},
                ]
            ),
        ),
        (GOOGLE, google_reply(parts=[{"text": "canary", "thought": True}, {"text": "Essay "}, {"text": "A"}])),
    ],
)
def test_b43_text_is_found_and_thinking_does_not_leak_into_it(provider: LLMProviderType, body: Any) -> None:
    assert read(provider, body).text == "Essay A"


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        (OPENAI, openai_reply(message={"content": None})),
        (ANTHROPIC, anthropic_reply(content=[])),
        (GOOGLE, google_reply(parts=[])),
    ],
)
def test_b43_an_answer_without_content_is_empty(provider: LLMProviderType, body: Any) -> None:
    answer = read(provider, body)
    assert (answer.parts, answer.finish_reason) == ((), FinishReason.STOP)
    assert answer.usage.known


def test_signed_reasoning_goes_back_to_anthropic_as_it_came() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s1"},
        {"type": "redacted_thinking", "data": "d1"},
        {"type": "text", "text": "A."},
        {"type": "tool_use", "id": "c", "name": "weather", "input": {"city": "x"}},
    ]
    assert _sent_back(ANTHROPIC, anthropic_reply(content=blocks))["messages"][0]["content"] == blocks


def test_signed_reasoning_goes_back_to_gemini_as_it_came() -> None:
    parts = [
        {"text": "Hm.", "thought": True, "thoughtSignature": "s1"},
        {"functionCall": {"id": "c", "name": "weather", "args": {"city": "x"}}, "thoughtSignature": "s2"},
    ]
    assert _sent_back(GOOGLE, google_reply(parts=parts))["contents"][0]["parts"] == parts


def _sent_back(provider: LLMProviderType, reply: Any) -> dict[str, Any]:
    request = CompletionRequest(messages=(Message(Role.ASSISTANT, read(provider, reply).parts),))
    sent: dict[str, Any] = orjson.loads(codec_for(provider).encode(request, profile_for(provider, "any")).body)
    return sent


def test_a_redacted_block_is_reasoning_without_text() -> None:
    answer = read(ANTHROPIC, anthropic_reply(content=[{"type": "redacted_thinking", "data": "d1"}]))
    assert answer.parts == (ReasoningPart(text="", signature="redacted:d1"),)


@pytest.mark.parametrize("provider", VENDORS)
def test_b38_what_a_vendor_adds_tomorrow_is_ignored(provider: LLMProviderType) -> None:
    document = reply_of(provider)
    usage = document["usageMetadata" if provider is GOOGLE else "usage"]
    usage.update(serviceTier="standard", service_tier="standard", tomorrow={"a": [1]})
    document["tomorrow"] = {"choices": 1}
    assert read(provider, document) == read(provider, reply_of(provider))


@pytest.mark.parametrize("provider", VENDORS)
def test_a_byte_order_mark_and_a_lone_surrogate_are_survived(provider: LLMProviderType) -> None:
    raw = orjson.dumps(reply_of(provider)).replace(b"Essay A", b"Essay \\ud83d A \\ud83e\\udd90")
    answer = read(provider, b"\xef\xbb\xbf" + raw)
    assert answer.text == "Essay ? A 🦐"


@pytest.mark.parametrize("provider", VENDORS)
def test_b41_a_megabyte_of_text_is_read(provider: LLMProviderType) -> None:
    raw = orjson.dumps(reply_of(provider)).replace(b"Essay A", b"x" * 1_000_000)
    assert len(read(provider, raw).text) == 1_000_000
