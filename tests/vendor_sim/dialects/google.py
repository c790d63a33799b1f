"""Google Gemini generateContent, at `/v1beta` and at `/v1`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.vendor_sim.dialects.dialect import texts_of
from tests.vendor_sim.rules import GOOGLE_RULES, broken
from tests.vendor_sim.values import Answer, Asked, Complaint, Finish, Json, Shape, Tokens

_PATH = re.compile(r"/v1(?:beta)?/models/(?P<model>[^/:]+):generateContent")
_STATUS_WORDS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip
_FINISH_WORDS = {
    Finish.STOP: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.REFUSAL: "PROHIBITED_CONTENT",
    Finish.SAFETY: "SAFETY",
    Finish.TOOL_CALL: "STOP",
    Finish.UNASKED_TOOL_CALL: "UNEXPECTED_TOOL_CALL",
}
_NO_CONTENT = frozenset({Finish.REFUSAL, Finish.SAFETY, Finish.UNASKED_TOOL_CALL})
_NO_CANDIDATES = frozenset({Finish.PROMPT_BLOCKED, Finish.NOTHING})


class GoogleDialect:
    """The key travels in a header; one in the URL is a violation, because URLs end up in logs."""

    request_id_header = ""

    def model_at(self, path: str, body: Json) -> str | None:
        found = _PATH.fullmatch(path)
        return unquote(found["model"]) if found else None

    def credentials(self, headers: Mapping[str, str], query: str) -> Complaint | None:
        if "key" in parse_qs(query, keep_blank_values=True):
            return Complaint(message="The API key must not be in the URL.")
        if not headers.get("x-goog-api-key"):
            return Complaint(
                message="Method doesn't allow unregistered callers (callers without established identity).", status=403
            )
        return None

    def prepare(self) -> None:
        import tests.vendor_sim.dialects.google_body  # noqa: F401 - loads the SDK

    def complaints(self, body: Json, headers: Mapping[str, str]) -> list[Complaint]:
        from tests.vendor_sim.dialects.google_body import google_type_complaints

        return google_type_complaints(body) or broken(GOOGLE_RULES, body)

    def asked(self, body: Json, model: str) -> Asked:
        shape, schema, tool = _wanted(body)
        config = body.get("generationConfig") or {}
        turns = [content for content in body.get("contents", []) if content.get("role", "user") == "user"]
        thinking = config.get("thinkingConfig") or {}
        budget = thinking.get("thinkingBudget") or thinking.get("thinking_budget")  # the SDK says it in snake case
        return Asked(
            model=model,
            user_text="\n".join(texts_of(turn.get("parts")) for turn in turns),
            system_text=texts_of((body.get("systemInstruction") or {}).get("parts")),
            shape=shape,
            schema=schema,
            tool_name=tool,
            output_limit=config.get("maxOutputTokens"),
            effort=thinking.get("thinkingLevel", "").lower() or ("medium" if budget else None),
        )

    def answer(self, answer: Answer) -> Json:
        body: Json = {
            "candidates": [_candidate(answer)],
            "usageMetadata": _usage(answer.tokens),
            "modelVersion": answer.model,
            "responseId": f"sim{answer.number:08d}",
        }
        if answer.finish in _NO_CANDIDATES:
            del body["candidates"]
        if answer.finish is Finish.PROMPT_BLOCKED:
            body["promptFeedback"] = {"blockReason": "SAFETY"}
        return body

    def error(self, complaint: Complaint) -> Json:
        word = _STATUS_WORDS.get(complaint.status, "UNKNOWN")
        return {"error": {"code": complaint.status, "message": complaint.message, "status": word}}

    def usage_field(self) -> str:
        return "usageMetadata"

    def finish_with(self, body: Json, word: str) -> None:
        for candidate in body.get("candidates", []):
            candidate["finishReason"] = word


def _wanted(body: Json) -> tuple[Shape, Mapping[str, Any], str]:
    config = body.get("generationConfig") or {}
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if schema:
        return Shape.SCHEMA, schema, ""
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    if calling.get("mode") != "ANY":
        return Shape.TEXT, {}, ""
    functions = [function for tool in body.get("tools", []) for function in tool.get("functionDeclarations", [])]
    allowed = calling.get("allowedFunctionNames") or [function["name"] for function in functions]
    chosen = next(function for function in functions if function["name"] in allowed)
    schemas = (chosen.get(name) for name in ("parametersJsonSchema", "parameters_json_schema", "parameters"))
    return Shape.TOOL, next(filter(None, schemas), {}), chosen["name"]


def _candidate(answer: Answer) -> Json:
    candidate: Json = {"finishReason": _FINISH_WORDS.get(answer.finish, "STOP"), "index": 0}
    if answer.finish in _NO_CONTENT:
        return candidate
    part: Json = {"text": answer.text}
    if answer.tool_name:
        part = {"functionCall": {"name": answer.tool_name, "args": dict(answer.arguments)}}
    return {**candidate, "content": {"parts": [part] if answer.text else [], "role": "model"}}


def _usage(tokens: Tokens) -> Json:
    """Cached tokens are part of the prompt's; thoughts stand beside the candidates'; zeros are left out."""
    counts = {
        "promptTokenCount": tokens.input,
        "candidatesTokenCount": tokens.output - tokens.reasoning,
        "thoughtsTokenCount": tokens.reasoning,
        "cachedContentTokenCount": tokens.cached_read,
        "totalTokenCount": tokens.input + tokens.output,
    }
    usage: Json = {name: count for name, count in counts.items() if count}
    return {**usage, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens.input}]}
