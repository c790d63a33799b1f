"""Reads the answer in a Chat Completions document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.llm_provider_service.domain.completion import (
    CompletionAnswer,
    ContentPart,
    FinishReason,
    TextPart,
    ToolCallPart,
)
from services.llm_provider_service.providers.common.decoding import ReplyContext
from services.llm_provider_service.providers.common.encoding import ANSWER_TOOL
from services.llm_provider_service.providers.common.failure_table import ReplyHead
from services.llm_provider_service.providers.common.usage import openai_usage
from services.llm_provider_service.providers.common.vendor_json import (
    NotJson,
    json_text,
    mapping,
    read_json,
    sequence,
    text,
)

_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALL,
    "function_call": FinishReason.TOOL_CALL,
}


def openai_answer(
    document: Mapping[str, Any], choice: Mapping[str, Any], head: ReplyHead, vendor: str
) -> CompletionAnswer:
    """Returns the answer in *choice*, the first of *document*.

    Raises `ContentRefused`, `OutputTruncated` or `BadResponse`.
    """
    usage, model = openai_usage(document.get("usage")), text(document.get("model"))
    reply = ReplyContext(vendor=vendor, head=head, usage=usage, model=model)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise reply.bad("without a choice")
    finish = text(choice.get("finish_reason"))
    _refuse_refusal(message, finish, reply)
    return reply.completion(
        _parts(message, reply),
        _FINISH.get(finish, FinishReason.UNKNOWN),
        id_header="x-request-id",
        body_id=document.get("id"),
    )


def _refuse_refusal(message: Mapping[str, Any], finish: str, reply: ReplyContext) -> None:
    content = message.get("content")
    refusal = message.get("refusal")
    if not (refusal and isinstance(refusal, str)):
        refusal = _refusal_part(content) if isinstance(content, list) else ""
    if refusal:
        raise reply.refused("the model declined", refusal)
    if finish == "content_filter":
        raise reply.refused(f"{reply.vendor}'s filter stopped the answer")


def _refusal_part(content: list[Any]) -> str:
    return "".join(text(part.get("refusal")) for part in content if isinstance(part, dict))


def _parts(message: Mapping[str, Any], reply: ReplyContext) -> list[ContentPart]:
    """Returns text and tool calls; reasoning (`reasoning`, `reasoning_content`) is not part of the answer."""
    content = message.get("content")
    said = content if isinstance(content, str) else _text_of_parts(content)
    parts: list[ContentPart] = [TextPart(said)] if said else []
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        parts.extend(_called(mapping(call), reply) for call in calls)
    return parts


def _called(call: Mapping[str, Any], reply: ReplyContext) -> ContentPart:
    function = mapping(call.get("function"))
    name, arguments = text(function.get("name")), function.get("arguments")
    if name == ANSWER_TOOL:
        return TextPart(arguments if isinstance(arguments, str) else json_text(arguments))
    parsed = _arguments(arguments)
    if not name or parsed is None:
        raise reply.bad("an unreadable tool call")
    return ToolCallPart(call_id=text(call.get("id")), name=name, arguments=parsed)


def _text_of_parts(content: Any) -> str:
    """Returns the text of a content that is a list of parts, or an empty text."""
    return "".join(text(part.get("text")) for part in sequence(content) if _is_text(part))


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type", "text") in ("text", "output_text")


def _arguments(arguments: Any) -> Mapping[str, Any] | None:
    """Returns a tool call's arguments, which local servers may send as an object; `None` if unreadable."""
    if isinstance(arguments, str):
        try:
            arguments = read_json(arguments.encode("utf-8", "replace") or b"{}")
        except NotJson:
            return None
    return arguments if isinstance(arguments, dict) else None
