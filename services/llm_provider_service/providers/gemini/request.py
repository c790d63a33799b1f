"""Builds the request body for Gemini's generateContent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.llm_provider_service.domain.completion import (
    CompletionRequest,
    ContentPart,
    ImagePart,
    Message,
    ReasoningPart,
    Role,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from services.llm_provider_service.domain.model import ModelProfile, StructuredOutput
from services.llm_provider_service.providers.common.encoding import (
    ANSWER_TOOL,
    ANSWER_TOOL_DESCRIPTION,
    not_encodable,
    wants_answer_tool,
)
from services.llm_provider_service.providers.common.schema_adapter import adapted_schema
from services.llm_provider_service.providers.models.capabilities import schema_keywords_refused
from services.llm_provider_service.providers.models.sampling import effective_sampling, thinking_budget

NAME = "Gemini"


def google_body(request: CompletionRequest, profile: ModelProfile) -> dict[str, Any]:
    """Returns *request* in Gemini's format; raises `RequestRejected` for parts that the format cannot express."""
    body: dict[str, Any] = {}
    if request.system is not None:
        body["systemInstruction"] = {"parts": [{"text": request.system}]}
    body["contents"] = [_content(message) for message in request.messages]
    generation = {**_sampling(request, profile), **_shape(request, profile)}
    if generation:
        body["generationConfig"] = generation
    body.update(_tools(request, profile))
    return body


def _content(message: Message) -> dict[str, Any]:
    user = message.role is Role.USER
    return {"role": "user" if user else "model", "parts": list(_parts(message, user=user))}


def _parts(message: Message, *, user: bool) -> Iterator[dict[str, Any]]:
    """Yields the parts of *message*; a signature without text belongs to the next part."""
    signature: str | None = None
    for part in message.parts:
        if isinstance(part, ReasoningPart) and part.signature and not part.text and not user:
            signature = part.signature
            continue
        said = _user_part(part) if user else _model_part(part)
        yield {**said, "thoughtSignature": signature} if signature else said
        signature = None
    if signature:
        raise not_encodable(NAME, "a signature that belongs to no part")


def _user_part(part: ContentPart) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"text": part.text}
        case ImagePart():
            return {"inlineData": {"mimeType": part.media_type, "data": part.data_base64}}
        case ToolResultPart():
            response = {"error" if part.is_error else "output": part.content}
            return {"functionResponse": {**_identity(part), "name": part.name, "response": response}}
        case _:
            raise not_encodable(NAME, f"a {type(part).__name__} in a user's message")


def _model_part(part: ContentPart) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"text": part.text}
        case ToolCallPart():
            return {"functionCall": {**_identity(part), "name": part.name, "args": dict(part.arguments)}}
        case ReasoningPart(signature=str(signature)):
            return {"text": part.text, "thought": True, "thoughtSignature": signature}
        case ReasoningPart():
            return {"text": part.text, "thought": True}
        case _:
            raise not_encodable(NAME, f"a {type(part).__name__} in a model's message")


def _identity(part: ToolCallPart | ToolResultPart) -> dict[str, str]:
    return {"id": part.call_id} if part.call_id else {}


def _sampling(request: CompletionRequest, profile: ModelProfile) -> dict[str, Any]:
    sampling = effective_sampling(request, profile)
    said: dict[str, Any] = {}
    if sampling.temperature is not None:
        said["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        said["topP"] = sampling.top_p
    if sampling.max_output_tokens is not None:
        said["maxOutputTokens"] = sampling.max_output_tokens
    if sampling.stop:
        said["stopSequences"] = list(sampling.stop)
    effort = sampling.reasoning_effort
    word = profile.efforts.get(effort, "") if effort is not None else ""
    budget = thinking_budget(effort, profile)
    if word:
        said["thinkingConfig"] = {"thinkingLevel": word} if budget is None else {"thinkingBudget": budget}
    return said


def _shape(request: CompletionRequest, profile: ModelProfile) -> dict[str, Any]:
    if request.response_schema is None or profile.structured_output is not StructuredOutput.JSON_SCHEMA:
        return {}
    adapted = adapted_schema(request.response_schema.schema, schema_keywords_refused(profile.provider))
    return {"responseMimeType": "application/json", "responseJsonSchema": adapted}


def _tools(request: CompletionRequest, profile: ModelProfile) -> dict[str, Any]:
    declared = [_function(tool) for tool in request.tools]
    calling: dict[str, Any] = {}
    if request.response_schema is not None and wants_answer_tool(request, profile):
        schema = request.response_schema.schema
        declared.append(_function(Tool(name=ANSWER_TOOL, description=ANSWER_TOOL_DESCRIPTION, parameters=schema)))
        calling = {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}
    return {"tools": [{"functionDeclarations": declared}], **calling} if declared else {}


def _function(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parametersJsonSchema": dict(tool.parameters)}
