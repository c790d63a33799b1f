"""Builds the request body for Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

from services.llm_provider_service.domain.completion import (
    CompletionRequest,
    ContentPart,
    ImagePart,
    Message,
    ReasoningPart,
    Role,
    Sampling,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from services.llm_provider_service.domain.model import ModelProfile
from services.llm_provider_service.providers.common.encoding import (
    ANSWER_TOOL,
    ANSWER_TOOL_DESCRIPTION,
    not_encodable,
    wants_answer_tool,
)
from services.llm_provider_service.providers.common.schema_adapter import adapted_schema
from services.llm_provider_service.providers.models.capabilities import schema_keywords_refused
from services.llm_provider_service.providers.models.sampling import effective_sampling, thinking_budget

NAME = "Anthropic"
REDACTED_PREFIX = "redacted:"
_THINKING_TYPES = frozenset({"disabled", "between_tools"})


def anthropic_body(request: CompletionRequest, profile: ModelProfile) -> dict[str, Any]:
    """Returns *request* in Anthropic's format; raises `RequestRejected` for parts that the format cannot express."""
    sampling = effective_sampling(request, profile)
    body: dict[str, Any] = {"model": profile.id, "max_tokens": sampling.max_output_tokens}
    if request.system is not None:
        body["system"] = request.system
    body["messages"] = [_message(message) for message in request.messages]
    body.update(_sampling(sampling))
    output_config = _thinking(sampling, profile, body)
    output_config.update(_tools_and_shape(request, profile, body))
    if output_config:
        body["output_config"] = output_config
    return body


def _message(message: Message) -> dict[str, Any]:
    if len(message.parts) == 1 and isinstance(message.parts[0], TextPart):
        return {"role": message.role.value, "content": message.parts[0].text}
    results_first = sorted(message.parts, key=lambda part: not isinstance(part, ToolResultPart))
    block = _user_block if message.role is Role.USER else _assistant_block
    return {"role": message.role.value, "content": [block(part) for part in results_first]}


def _user_block(part: ContentPart) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            source = {"type": "base64", "media_type": part.media_type, "data": part.data_base64}
            return {"type": "image", "source": source}
        case ToolResultPart():
            said = {"type": "tool_result", "tool_use_id": part.call_id, "content": part.content}
            return {**said, "is_error": True} if part.is_error else said
        case _:
            raise not_encodable(NAME, f"a {type(part).__name__} in a user's message")


def _assistant_block(part: ContentPart) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ToolCallPart():
            return {"type": "tool_use", "id": part.call_id, "name": part.name, "input": dict(part.arguments)}
        case ReasoningPart(signature=str(signature)) if signature.startswith(REDACTED_PREFIX):
            return {"type": "redacted_thinking", "data": signature.removeprefix(REDACTED_PREFIX)}
        case ReasoningPart(signature=str(signature)):
            return {"type": "thinking", "thinking": part.text, "signature": signature}
        case ReasoningPart():
            raise not_encodable(NAME, "reasoning without its signature")
        case _:
            raise not_encodable(NAME, f"a {type(part).__name__} in an assistant's message")


def _sampling(sampling: Sampling) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if sampling.temperature is not None:
        said["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        said["top_p"] = sampling.top_p
    if sampling.stop:
        said["stop_sequences"] = list(sampling.stop)
    return said


def _thinking(sampling: Sampling, profile: ModelProfile, body: dict[str, Any]) -> dict[str, Any]:
    """Set the effort in *body*; returns what belongs into `output_config`. A number is a budget, a word an effort."""
    effort = sampling.reasoning_effort
    word = profile.efforts.get(effort, "") if effort is not None else ""
    budget = thinking_budget(effort, profile)
    if budget:
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    elif word in _THINKING_TYPES:
        body["thinking"] = {"type": word}
    elif word and budget is None:
        body["thinking"] = {"type": "adaptive"}
        return {"effort": word}
    return {}


def _tools_and_shape(request: CompletionRequest, profile: ModelProfile, body: dict[str, Any]) -> dict[str, Any]:
    """Set the tools in *body*; returns what belongs into `output_config`."""
    tools = [_tool(tool) for tool in request.tools]
    schema = request.response_schema
    if schema is not None and wants_answer_tool(request, profile):
        answer = Tool(name=ANSWER_TOOL, description=ANSWER_TOOL_DESCRIPTION, parameters=schema.schema)
        body["tools"] = [*tools, _tool(answer)]
        body["tool_choice"] = {"type": "any"} if tools else {"type": "tool", "name": ANSWER_TOOL}
        return {}
    if tools:
        body["tools"] = tools
    if schema is None:
        return {}
    adapted = adapted_schema(schema.schema, schema_keywords_refused(profile.provider))
    return {"format": {"type": "json_schema", "schema": adapted}}


def _tool(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}
