"""Builds the request body for OpenAI Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.llm_provider_service.domain.completion import (
    CompletionRequest,
    ContentPart,
    ImagePart,
    Message,
    Role,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from services.llm_provider_service.domain.model import ModelProfile
from services.llm_provider_service.providers.common.encoding import (
    ANSWER_TOOL,
    ANSWER_TOOL_DESCRIPTION,
    body_bytes,
    not_encodable,
    wants_answer_tool,
)
from services.llm_provider_service.providers.common.schema_adapter import adapted_schema
from services.llm_provider_service.providers.models.capabilities import schema_keywords_refused
from services.llm_provider_service.providers.models.sampling import effective_sampling
from services.llm_provider_service.providers.openai_chat.variants import ChatVariant


def openai_body(request: CompletionRequest, profile: ModelProfile, variant: ChatVariant) -> dict[str, Any]:
    """Returns *request* for *variant*; raises `RequestRejected` for parts that the format cannot express."""
    body: dict[str, Any] = {"model": profile.id, "messages": _messages(request, variant)}
    body.update(_sampling(request, profile, variant))
    body.update(_tools_and_shape(request, profile))
    body.update(variant.extra_body)
    return body


def _messages(request: CompletionRequest, variant: ChatVariant) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    if request.system is not None:
        said.append({"role": "system", "content": request.system})
    for message in request.messages:
        turns = _user_turns if message.role is Role.USER else _assistant_turns
        said.extend(turns(message, variant))
    return said


def _user_turns(message: Message, variant: ChatVariant) -> list[dict[str, Any]]:
    """Returns the messages for a user's turn: tool results are separate messages and come before the user's text."""
    turns: list[dict[str, Any]] = []
    others: list[ContentPart] = []
    for part in message.parts:
        if not isinstance(part, ToolResultPart):
            others.append(part)
        elif part.is_error:
            raise not_encodable(variant.name, "a tool result that is marked as an error")
        else:
            turns.append({"role": "tool", "tool_call_id": part.call_id, "content": part.content})
    if others or not turns:
        turns.append({"role": "user", "content": _user_content(others, variant)})
    return turns


def _user_content(parts: Sequence[ContentPart], variant: ChatVariant) -> str | list[dict[str, Any]]:
    """Returns plain text if there is only text, because not all local servers read lists."""
    text = ""
    for part in parts:
        if not isinstance(part, TextPart):
            return [_user_part(each, variant) for each in parts]
        text += part.text
    return text


def _user_part(part: ContentPart, variant: ChatVariant) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            url = f"data:{part.media_type};base64,{part.data_base64}"
            return {"type": "image_url", "image_url": {"url": url}}
        case _:
            raise not_encodable(variant.name, f"a {type(part).__name__} in a user's message")


def _assistant_turns(message: Message, variant: ChatVariant) -> list[dict[str, Any]]:
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    for part in message.parts:
        match part:
            case TextPart():
                texts.append(part.text)
            case ToolCallPart():
                calls.append(_tool_call(part))
            case _:
                raise not_encodable(variant.name, f"a {type(part).__name__} in an assistant's message")
    turn: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    return [{**turn, "tool_calls": calls} if calls else turn]


def _tool_call(part: ToolCallPart) -> dict[str, Any]:
    arguments = body_bytes(part.arguments).decode()
    return {"id": part.call_id, "type": "function", "function": {"name": part.name, "arguments": arguments}}


def _sampling(request: CompletionRequest, profile: ModelProfile, variant: ChatVariant) -> dict[str, Any]:
    sampling = effective_sampling(request, profile)
    said: dict[str, Any] = {}
    if sampling.temperature is not None:
        said["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        said["top_p"] = sampling.top_p
    if sampling.max_output_tokens is not None:
        said[profile.output_limit_field] = sampling.max_output_tokens
    if sampling.stop:
        said["stop"] = list(sampling.stop)
    word = profile.efforts.get(sampling.reasoning_effort, "") if sampling.reasoning_effort is not None else ""
    if word:
        said.update({"reasoning": {"effort": word}} if variant.nested_effort else {"reasoning_effort": word})
    return said


def _tools_and_shape(request: CompletionRequest, profile: ModelProfile) -> dict[str, Any]:
    tools = list(map(_function, request.tools))
    schema = request.response_schema
    if schema is None:
        return {"tools": tools} if tools else {}
    if wants_answer_tool(request, profile):
        answer = Tool(name=ANSWER_TOOL, description=ANSWER_TOOL_DESCRIPTION, parameters=schema.schema)
        choice: Any = "required" if tools else {"type": "function", "function": {"name": ANSWER_TOOL}}
        return {"tools": [*tools, _function(answer)], "tool_choice": choice}
    adapted = adapted_schema(schema.schema, schema_keywords_refused(profile.provider))
    shape = {"type": "json_schema", "json_schema": {"name": schema.name, "strict": True, "schema": adapted}}
    return {"tools": tools, "response_format": shape} if tools else {"response_format": shape}


def _function(tool: Tool) -> dict[str, Any]:
    function: Mapping[str, Any] = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}
