"""OpenAI Chat Completions, which OpenRouter and the local servers speak too."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from pydantic import TypeAdapter

from tests.vendor_sim.dialects.dialect import bearer_complaint, texts_of, type_complaints
from tests.vendor_sim.rules import OPENAI_RULES, Rule, broken
from tests.vendor_sim.values import Answer, Asked, Complaint, Finish, Json, Shape, Tokens

_FINISH_WORDS = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.REFUSAL: "stop",
    Finish.SAFETY: "content_filter",
    Finish.PROMPT_BLOCKED: "content_filter",
    Finish.TOOL_CALL: "tool_calls",
    Finish.UNASKED_TOOL_CALL: "tool_calls",
}
_NO_CONTENT = frozenset({Finish.REFUSAL, Finish.SAFETY, Finish.PROMPT_BLOCKED})


@cache
def _request_type() -> TypeAdapter[Any]:
    from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

    return TypeAdapter(CompletionCreateParamsNonStreaming)


class ChatDialect:
    """OpenAI itself; the others differ in what is written as class attributes here, and in their error shape."""

    path: ClassVar[str] = "/v1/chat/completions"
    extra_fields: ClassVar[frozenset[str]] = frozenset()
    rules: ClassVar[tuple[Rule, ...]] = OPENAI_RULES
    id_prefix: ClassVar[str] = "chatcmpl-"
    request_id_header = "x-request-id"

    def model_at(self, path: str, body: Json) -> str | None:
        return str(body.get("model", "")) if path == self.path else None

    def credentials(self, headers: Mapping[str, str], query: str) -> Complaint | None:
        return bearer_complaint(headers)

    def prepare(self) -> None:
        _request_type()

    def complaints(self, body: Json, headers: Mapping[str, str]) -> list[Complaint]:
        return type_complaints(_request_type(), body, allowed_extra=self.extra_fields) or broken(self.rules, body)

    def asked(self, body: Json, model: str) -> Asked:
        messages = body.get("messages", [])
        shape, schema, tool = _wanted(body)
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
        return Asked(
            model=model,
            user_text="\n".join(texts_of(m.get("content")) for m in messages if m.get("role") == "user"),
            system_text="\n".join(texts_of(m.get("content")) for m in messages if m.get("role") in _INSTRUCTING),
            shape=shape,
            schema=schema,
            tool_name=tool,
            output_limit=limit,
            effort=self.effort(body),
        )

    def effort(self, body: Json) -> str | None:
        """How hard the model is asked to think."""
        effort: str | None = body.get("reasoning_effort")
        return effort

    def answer(self, answer: Answer) -> Json:
        return {
            "id": f"{self.id_prefix}sim{answer.number:08d}",
            "object": "chat.completion",
            "created": 1_795_000_000,
            "model": answer.model,
            "choices": [] if answer.finish is Finish.NOTHING else [self.choice(answer)],
            "usage": chat_usage(answer.tokens),
            "service_tier": "default",
            "system_fingerprint": None,
        }

    def choice(self, answer: Answer) -> Json:
        """The one choice of the answer."""
        return {
            "index": 0,
            "message": _message(answer),
            "logprobs": None,
            "finish_reason": _FINISH_WORDS[answer.finish],
        }

    def error(self, complaint: Complaint) -> Json:
        kind = "server_error" if complaint.status >= 500 else "invalid_request_error"
        fields = {"message": complaint.message, "type": kind, "param": complaint.param, "code": complaint.code}
        return {"error": fields}

    def usage_field(self) -> str:
        return "usage"

    def finish_with(self, body: Json, word: str) -> None:
        for choice in body["choices"]:
            choice["finish_reason"] = word


_INSTRUCTING = frozenset({"system", "developer"})


def _wanted(body: Json) -> tuple[Shape, Mapping[str, Any], str]:
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return Shape.SCHEMA, wanted["json_schema"].get("schema", {}), ""
    choice = body.get("tool_choice")
    tools = [tool["function"] for tool in body.get("tools", []) if tool.get("type") == "function"]
    if isinstance(choice, dict) and choice.get("type") == "function":
        tools = [tool for tool in tools if tool["name"] == choice["function"]["name"]]
    elif choice != "required":
        tools = []
    if not tools:
        return Shape.TEXT, {}, ""
    return Shape.TOOL, tools[0].get("parameters", {}), tools[0]["name"]


def _message(answer: Answer) -> Json:
    message: Json = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    if answer.finish is Finish.REFUSAL:
        message["refusal"] = answer.text
    if answer.finish in _NO_CONTENT or answer.tool_name:
        message["content"] = None
    if answer.tool_name:
        function = {"name": answer.tool_name, "arguments": answer.text}
        message["tool_calls"] = [{"id": f"call_sim{answer.number:08d}", "type": "function", "function": function}]
    return message


def chat_usage(tokens: Tokens) -> Json:
    """Cached tokens are part of the prompt's, reasoning is part of the completion's."""
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached_read, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
