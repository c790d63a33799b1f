"""What each vendor is sent: compared with files that a person has read, and with the types of the vendors' own SDKs.

The SDKs take seconds to import, so only a test that runs does.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import ReasoningEffortLevel
from services.llm_provider_service.domain.completion import (
    CompletionRequest,
    ImagePart,
    Message,
    ReasoningPart,
    Role,
    Sampling,
    TextPart,
    ToolResultPart,
)
from services.llm_provider_service.domain.failures import RequestRejected
from services.llm_provider_service.providers.common.codec import address
from services.llm_provider_service.providers.common.encoding import ANSWER_TOOL
from services.llm_provider_service.providers.common.wire_request import WireRequest
from services.llm_provider_service.providers.dialects import codec_for
from services.llm_provider_service.providers.models.capabilities import profile_for
from services.llm_provider_service.tests.unit.providers.samples import (
    CALL,
    EFFORT,
    GIVEN,
    GOLDEN,
    PLAIN,
    PNG,
    QUESTION,
    REQUESTS,
    RESULT,
    SIGNED,
    TOOLS,
    VERDICT,
    VERDICT_SCHEMA,
    WEATHER,
    Golden,
)

HERE = Path(__file__).parent / "golden"
VENDORS = [provider for provider in LLMProviderType if provider is not LLMProviderType.MOCK]
# Fields of the APIs that the SDKs' types leave out: Anthropic's for its older models, OpenRouter's own.
BESIDE_THE_TYPES = {"temperature", "top_p", "provider", "usage", "reasoning"}


def encoded(provider: LLMProviderType, model: str, request: CompletionRequest) -> WireRequest:
    return codec_for(provider).encode(request, profile_for(provider, model))


def body(provider: LLMProviderType, model: str, request: CompletionRequest) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(encoded(provider, model, request).body)
    return document


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_a_request_is_the_one_that_was_read_and_approved(golden: Golden) -> None:
    sent = encoded(golden.provider, golden.model, REQUESTS[golden.request])
    approved = orjson.loads((HERE / f"{golden.name}.json").read_bytes())

    assert orjson.loads(sent.body) == approved["body"]
    assert list(orjson.loads(sent.body)) == list(approved["body"])
    assert (sent.path, dict(sent.headers)) == (approved["path"], approved["headers"])


def test_every_golden_file_belongs_to_a_test() -> None:
    assert {path.stem for path in HERE.iterdir()} == {golden.name for golden in GOLDEN}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_a_request_satisfies_the_types_of_the_vendors_sdk(golden: Golden) -> None:
    from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
    from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

    sent = body(golden.provider, golden.model, REQUESTS[golden.request])
    match golden.provider:
        case LLMProviderType.GOOGLE:
            _check_google(sent)
        case LLMProviderType.ANTHROPIC:
            _check_typed(sent, MessageCreateParamsNonStreaming)
        case _:
            _check_typed(sent, CompletionCreateParamsNonStreaming)


def _check_typed(sent: dict[str, Any], params: Any) -> None:
    """The types ignore unknown keys, so what they understood is compared with what was sent."""
    typed = {key: value for key, value in sent.items() if key not in BESIDE_THE_TYPES}
    assert _read_through(_adapter(params).validate_python(typed)) == typed


@cache
def _adapter(params: Any) -> TypeAdapter[Any]:
    return TypeAdapter(params)


def _read_through(value: Any) -> Any:
    """pydantic checks an `Iterable` only while it is read."""
    if isinstance(value, dict):
        return {key: _read_through(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_read_through(item) for item in value]
    return value


def _check_google(sent: dict[str, Any]) -> None:
    """These models forbid unknown keys."""
    from google.genai import types as google_types

    assert sent.keys() <= {"contents", "systemInstruction", "generationConfig", "tools", "toolConfig"}
    for content in [*sent["contents"], sent.get("systemInstruction", {})]:
        google_types.Content.model_validate(content)
    google_types.GenerationConfig.model_validate(sent.get("generationConfig", {}))
    google_types.ToolConfig.model_validate(sent.get("toolConfig", {}))
    for tool in sent.get("tools", []):
        google_types.Tool.model_validate(tool)


@pytest.mark.parametrize("provider", VENDORS)
@pytest.mark.parametrize("request_", [PLAIN, GIVEN, VERDICT, EFFORT])
def test_equal_requests_are_byte_equal(provider: LLMProviderType, request_: CompletionRequest) -> None:
    again = CompletionRequest(
        messages=tuple(Message(message.role, tuple(message.parts)) for message in request_.messages),
        system=request_.system,
        sampling=request_.sampling,
        defaults=request_.defaults,
        response_schema=request_.response_schema,
    )
    assert encoded(provider, "any", request_) == encoded(provider, "any", again)


@pytest.mark.parametrize("provider", VENDORS)
def test_a_temperature_of_zero_is_sent_as_zero(provider: LLMProviderType) -> None:
    sent = body(provider, "any", GIVEN)
    assert sent.get("generationConfig", sent)["temperature"] == 0


@pytest.mark.parametrize("provider", VENDORS)
def test_an_unknown_model_gets_none_of_our_defaults_but_the_output_limit(provider: LLMProviderType) -> None:
    sent = body(provider, "any", VERDICT)
    flat = {**sent, **sent.get("generationConfig", {})}
    assert "temperature" not in flat
    assert 1000 in flat.values()


@pytest.mark.parametrize("provider", VENDORS)
def test_a_key_travels_in_a_header_and_nowhere_else(provider: LLMProviderType) -> None:
    codec = codec_for(provider)
    sent = encoded(provider, "any", PLAIN)
    assert any("secret-key" in value for value in codec.auth_headers("secret-key").values())
    assert "secret-key" not in f"{sent.path}{sent.headers}"
    assert "key=" not in sent.path
    assert codec.auth_headers(None) == {}


def test_static_headers_go_with_every_request() -> None:
    codec = codec_for(LLMProviderType.OPENROUTER, static_headers={"HTTP-Referer": "https://a.example", "X-Title": "A"})
    sent = codec.encode(PLAIN, profile_for(LLMProviderType.OPENROUTER, "any"))
    assert sent.headers["HTTP-Referer"] == "https://a.example"
    assert sent.headers["X-Title"] == "A"


def test_the_mock_has_no_codec() -> None:
    with pytest.raises(ValueError, match="mock"):
        codec_for(LLMProviderType.MOCK)


@pytest.mark.parametrize("model", ["../../v1/evil", "a/b", "a?key=b", "a#b", "..", "a\r\nHost: b", "é"])
def test_no_model_name_can_leave_its_place_in_the_path(model: str) -> None:
    path = encoded(LLMProviderType.GOOGLE, model, PLAIN).path
    inside = path.removeprefix("/v1beta/models/").removesuffix(":generateContent")
    assert path.startswith("/v1beta/models/")
    assert path.endswith(":generateContent")
    assert not set(inside) & set("/?#\r\n: ")


@pytest.mark.parametrize(
    "base", ["https://a.example", "https://a.example/", "https://a.example/v1", "https://a.example/v1/"]
)
def test_a_base_url_may_end_with_the_version_or_not(base: str) -> None:
    assert address(base, "/v1/chat/completions") == "https://a.example/v1/chat/completions"


@pytest.mark.parametrize("provider", [LLMProviderType.ANTHROPIC, LLMProviderType.OPENAI])
def test_an_answer_tool_stands_beside_the_callers_tools(provider: LLMProviderType) -> None:
    model = "claude-opus-4-1" if provider is LLMProviderType.ANTHROPIC else "gpt-4"
    request = CompletionRequest(messages=QUESTION, tools=(WEATHER,), response_schema=VERDICT_SCHEMA)
    sent = body(provider, model, request)
    assert len(sent["tools"]) == 2
    assert sent["tool_choice"] in ({"type": "any"}, "required")


OPENAI, ANTHROPIC, GOOGLE = LLMProviderType.OPENAI, LLMProviderType.ANTHROPIC, LLMProviderType.GOOGLE


def said(role: Role, *parts: Any) -> CompletionRequest:
    return CompletionRequest(messages=(Message(role, parts),))


@pytest.mark.parametrize(
    ("provider", "request_"),
    [
        (OPENAI, SIGNED),
        (OPENAI, said(Role.ASSISTANT, PNG)),
        (OPENAI, said(Role.ASSISTANT, RESULT)),
        (OPENAI, said(Role.USER, CALL, TextPart("x"))),
        (OPENAI, said(Role.USER, ToolResultPart(call_id="1", name="x", content="broke", is_error=True))),
        (ANTHROPIC, said(Role.ASSISTANT, ReasoningPart(text="unsigned"))),
        (ANTHROPIC, said(Role.ASSISTANT, PNG)),
        (ANTHROPIC, said(Role.USER, CALL)),
        (GOOGLE, said(Role.USER, CALL)),
        (GOOGLE, said(Role.ASSISTANT, RESULT)),
        (GOOGLE, said(Role.ASSISTANT, ReasoningPart(text="", signature="c2ln"))),
        (OPENAI, said(Role.USER, TextPart("\ud800"))),
        (ANTHROPIC, said(Role.USER, TextPart("\ud800"))),
        (GOOGLE, said(Role.USER, TextPart("\ud800"))),
    ],
)
def test_what_a_format_cannot_carry_is_refused(provider: LLMProviderType, request_: CompletionRequest) -> None:
    with pytest.raises(RequestRejected):
        encoded(provider, "any", request_)


def test_a_reserved_tool_name_is_refused() -> None:
    tool = type(WEATHER)(name=ANSWER_TOOL, description="", parameters={})
    with pytest.raises(RequestRejected, match=ANSWER_TOOL):
        encoded(OPENAI, "any", CompletionRequest(messages=QUESTION, tools=(tool,)))


def test_what_a_known_model_does_not_support_is_refused_not_dropped() -> None:
    with pytest.raises(RequestRejected, match="takes no temperature"):
        encoded(ANTHROPIC, "claude-opus-5-5", GIVEN)


def test_a_tool_error_is_said_where_there_are_words_for_it() -> None:
    broken = said(Role.USER, ToolResultPart(call_id="1", name="x", content="broke", is_error=True))
    assert body(ANTHROPIC, "any", broken)["messages"][0]["content"][0]["is_error"] is True
    part = body(GOOGLE, "any", broken)["contents"][0]["parts"][0]
    assert part["functionResponse"]["response"] == {"error": "broke"}


def test_tool_results_come_before_what_is_said_to_them() -> None:
    late = said(Role.USER, TextPart("And?"), RESULT)
    assert [block["type"] for block in body(ANTHROPIC, "any", late)["messages"][0]["content"]] == [
        "tool_result",
        "text",
    ]
    assert [turn["role"] for turn in body(OPENAI, "any", late)["messages"]] == ["tool", "user"]


def test_a_signature_of_gemini_goes_back_with_the_call_it_came_with() -> None:
    request = said(Role.ASSISTANT, ReasoningPart(text="", signature="c2ln"), CALL)
    (part,) = body(GOOGLE, "any", request)["contents"][0]["parts"]
    assert part["thoughtSignature"] == "c2ln"
    assert part["functionCall"]["name"] == "weather"


def test_redacted_thinking_goes_back_as_it_came() -> None:
    request = said(Role.ASSISTANT, ReasoningPart(text="", signature="redacted:xyz"), TextPart("A"))
    assert body(ANTHROPIC, "any", request)["messages"][0]["content"][0] == {"type": "redacted_thinking", "data": "xyz"}


def test_text_of_several_parts_is_one_text_for_servers_that_read_no_lists() -> None:
    request = said(Role.USER, TextPart("one "), TextPart("two"))
    assert body(LLMProviderType.OLLAMA, "any", request)["messages"] == [{"role": "user", "content": "one two"}]


def test_a_thinking_budget_gets_room_above_our_own_limit() -> None:
    request = CompletionRequest(
        messages=QUESTION,
        sampling=Sampling(reasoning_effort=ReasoningEffortLevel.MEDIUM),
        defaults=Sampling(max_output_tokens=1000, temperature=0.0),
    )
    sent = body(ANTHROPIC, "claude-haiku-4-5", request)
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 8192}
    assert sent["max_tokens"] == 9192
    assert "temperature" not in sent


def test_tools_turn_reasoning_off_where_the_model_refuses_both() -> None:
    assert body(OPENAI, "gpt-5.6-luna", TOOLS)["reasoning_effort"] == "none"


def test_an_image_is_a_data_url_for_openai() -> None:
    content = body(
        OPENAI, "gpt-4.1", said(Role.USER, TextPart("What?"), ImagePart(media_type="image/gif", data_base64="R0"))
    )
    assert content["messages"][0]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": "data:image/gif;base64,R0"},
    }


def test_an_effort_of_ours_does_not_join_a_limit_of_the_callers_that_it_would_not_fit_into() -> None:
    request = CompletionRequest(
        messages=QUESTION,
        sampling=Sampling(max_output_tokens=1000),
        defaults=Sampling(reasoning_effort=ReasoningEffortLevel.MEDIUM),
    )
    assert "thinking" not in body(ANTHROPIC, "claude-haiku-4-5", request)
