"""Anthropic Messages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from tests.vendor_sim.dialects.dialect import bearer_complaint, texts_of, type_complaints
from tests.vendor_sim.rules import ANTHROPIC_RULES, broken
from tests.vendor_sim.values import Answer, Asked, Complaint, Finish, Json, Shape, Tokens

# Version 2026-10-21, of which the SDK's type is, has these no more; 2023-06-01 takes them for models before Claude 4.7.
_SAMPLING_OF_2023 = frozenset({"temperature", "top_p", "top_k"})
_OLD_VERSION = "2023-06-01"
_VERSIONS = frozenset({_OLD_VERSION, "2026-10-21"})

# These are headers in the API; the SDK's type lists them beside the body's fields.
_HEADERS_IN_THE_TYPE = frozenset({"workspace_id", "user_profile_id"})

_ERROR_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 409: "conflict_error", 413: "request_too_large", 429: "rate_limit_error",
    500: "api_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
_STOP_WORDS = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.REFUSAL: "refusal",
    Finish.SAFETY: "refusal",
    Finish.PROMPT_BLOCKED: "refusal",
    Finish.TOOL_CALL: "tool_use",
    Finish.UNASKED_TOOL_CALL: "tool_use",
    Finish.NOTHING: "end_turn",
}
_NO_CONTENT = frozenset({Finish.SAFETY, Finish.PROMPT_BLOCKED, Finish.NOTHING})


@cache
def _request_type() -> TypeAdapter[Any]:
    from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

    return TypeAdapter(MessageCreateParamsNonStreaming)


class AnthropicDialect:
    """`POST /v1/messages`, in both versions of the API."""

    request_id_header = "request-id"

    def model_at(self, path: str, body: Json) -> str | None:
        return str(body.get("model", "")) if path == "/v1/messages" else None

    def credentials(self, headers: Mapping[str, str], query: str) -> Complaint | None:
        if not headers.get("x-api-key") and bearer_complaint(headers):  # the SDK sends a bearer since 2.0
            return Complaint(message="x-api-key header is required", status=401)
        if headers.get("anthropic-version") not in _VERSIONS:
            return Complaint(message="anthropic-version: header is required")
        return None

    def prepare(self) -> None:
        _request_type()

    def complaints(self, body: Json, headers: Mapping[str, str]) -> list[Complaint]:
        misplaced = sorted(_HEADERS_IN_THE_TYPE & body.keys())
        if misplaced:
            return [Complaint(message=f"{name}: Extra inputs are not permitted") for name in misplaced]
        extra = _SAMPLING_OF_2023 if headers.get("anthropic-version") == _OLD_VERSION else frozenset()
        return type_complaints(_request_type(), body, allowed_extra=extra) or broken(ANTHROPIC_RULES, body)

    def asked(self, body: Json, model: str) -> Asked:
        shape, schema, tool = _wanted(body)
        turns = [message for message in body.get("messages", []) if message.get("role") == "user"]
        thinking = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
        return Asked(
            model=model,
            user_text="\n".join(texts_of(turn.get("content")) for turn in turns),
            system_text=texts_of(body.get("system")),
            shape=shape,
            schema=schema,
            tool_name=tool,
            output_limit=body.get("max_tokens"),
            effort=(body.get("output_config") or {}).get("effort") or ("medium" if thinking else None),
        )

    def answer(self, answer: Answer) -> Json:
        return {
            "id": f"msg_sim{answer.number:08d}",
            "type": "message",
            "role": "assistant",
            "model": answer.model,
            "content": _content(answer),
            "stop_reason": _STOP_WORDS[answer.finish],
            "stop_sequence": None,
            "usage": _usage(answer.tokens),
        }

    def error(self, complaint: Complaint) -> Json:
        kind = _ERROR_TYPES.get(complaint.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": complaint.message}, "request_id": "req_sim"}

    def usage_field(self) -> str:
        return "usage"

    def finish_with(self, body: Json, word: str) -> None:
        body["stop_reason"] = word


def _wanted(body: Json) -> tuple[Shape, Mapping[str, Any], str]:
    wanted = (body.get("output_config") or {}).get("format")
    if wanted:
        return Shape.SCHEMA, wanted.get("schema", {}), ""
    choice = body.get("tool_choice") or {}
    tools = [
        tool for tool in body.get("tools", []) if choice.get("type") == "any" or tool.get("name") == choice.get("name")
    ]
    if not tools or choice.get("type") not in ("any", "tool"):
        return Shape.TEXT, {}, ""
    return Shape.TOOL, tools[0].get("input_schema", {}), tools[0]["name"]


def _content(answer: Answer) -> list[Json]:
    if answer.finish in _NO_CONTENT:
        return []
    if answer.tool_name:
        call_id = f"toolu_sim{answer.number:08d}"
        return [{"type": "tool_use", "id": call_id, "name": answer.tool_name, "input": dict(answer.arguments)}]
    return [{"type": "text", "text": answer.text}] if answer.text else []


def _usage(tokens: Tokens) -> Json:
    """`input_tokens` is what was neither read from the cache nor written to it; output has the thinking in it."""
    written = tokens.cache_write_5m + tokens.cache_write_1h
    usage: Json = {
        "input_tokens": tokens.input - tokens.cached_read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": tokens.cached_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write_5m,
            "ephemeral_1h_input_tokens": tokens.cache_write_1h,
        },
        "output_tokens": tokens.output,
        "service_tier": "standard",
    }
    if tokens.reasoning:
        usage["output_tokens_details"] = {"thinking_tokens": tokens.reasoning}
    return usage
