"""Codec for Google Gemini's generateContent: writes requests and reads replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from services.llm_provider_service.domain.completion import (
    CompletionAnswer,
    CompletionRequest,
    ContentPart,
    FinishReason,
    ReasoningPart,
    TextPart,
    ToolCallPart,
)
from services.llm_provider_service.domain.model import ModelProfile
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.vendors import Vendor
from services.llm_provider_service.providers.common.decoding import ReplyContext
from services.llm_provider_service.providers.common.encoding import (
    ANSWER_TOOL,
    JSON_HEADERS,
    body_bytes,
    refuse_unsupported,
)
from services.llm_provider_service.providers.common.error_body import VendorError
from services.llm_provider_service.providers.common.failure_table import ReplyHead
from services.llm_provider_service.providers.common.json_reply import JsonReply
from services.llm_provider_service.providers.common.usage import google_usage
from services.llm_provider_service.providers.common.vendor_json import json_text, mapping, sequence, text
from services.llm_provider_service.providers.common.wire_request import WireRequest
from services.llm_provider_service.providers.gemini.failures import google_failure
from services.llm_provider_service.providers.gemini.request import NAME, google_body

_FINISH = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "MALFORMED_FUNCTION_CALL": FinishReason.TOOL_CALL,
    "UNEXPECTED_TOOL_CALL": FinishReason.TOOL_CALL,
    "TOO_MANY_TOOL_CALLS": FinishReason.TOOL_CALL,
}
_REFUSALS = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)


class GeminiCodec:
    """The `VendorCodec` of this dialect."""

    name = NAME

    def __init__(self, vendor: Vendor, *, static_headers: Mapping[str, str]) -> None:
        self.provider = vendor.provider
        self._headers = {**JSON_HEADERS, **static_headers}

    def encode(self, request: CompletionRequest, profile: ModelProfile) -> WireRequest:
        """Returns *request* for the model of *profile*; the model's name is quoted, so it cannot change the path."""
        refuse_unsupported(request, profile)
        path = f"/v1beta/models/{quote(profile.id, safe='')}:generateContent"
        return WireRequest(path=path, headers=self._headers, body=body_bytes(google_body(request, profile)))

    def auth_headers(self, key: str | None) -> Mapping[str, str]:
        """Returns the header that carries *key*; never the query, which appears in error texts and logs."""
        return {"x-goog-api-key": key} if key else {}

    def reader(self, status: int, headers: Mapping[str, str], *, now: float) -> JsonReply:
        """Returns a reader for one reply; *now* in Unix seconds."""
        return JsonReply(self, status, headers, now=now)

    def decode(self, document: Mapping[str, Any], head: ReplyHead) -> CompletionAnswer:
        """Returns the answer in *document*; raises a `ProviderFailure` if there is none."""
        usage, model = google_usage(document.get("usageMetadata")), text(document.get("modelVersion"))
        reply = ReplyContext(vendor=NAME, head=head, usage=usage, model=model)
        candidate = _candidate(document, reply)
        finish = text(candidate.get("finishReason"))
        if finish in _REFUSALS:
            raise reply.refused(f"Gemini stopped the answer: {finish}")
        raw = sequence(mapping(candidate.get("content")).get("parts"))
        parts = [part for index, item in enumerate(raw) for part in _parts(mapping(item), index)]
        reason = _FINISH.get(finish, FinishReason.UNKNOWN)
        return reply.completion(parts, reason, id_header="x-request-id", body_id=document.get("responseId"))

    def failure(self, head: ReplyHead, error: VendorError) -> ProviderFailure:
        """Returns the failure for *error*."""
        return google_failure(head, error)


def _candidate(document: Mapping[str, Any], reply: ReplyContext) -> Mapping[str, Any]:
    candidate = mapping(next(iter(sequence(document.get("candidates"))), None))
    if candidate:
        return candidate
    blocked = text(mapping(document.get("promptFeedback")).get("blockReason"))
    if blocked:
        raise reply.refused("Gemini refused the prompt", blocked)
    raise reply.bad("without a candidate")


def _parts(item: Mapping[str, Any], index: int) -> list[ContentPart]:
    """Returns the content of one part; a function call's signature comes before it, as reasoning without text."""
    said, signature = text(item.get("text")), text(item.get("thoughtSignature")) or None
    if item.get("thought") is True:
        return [ReasoningPart(text=said, signature=signature)]
    call = item.get("functionCall")
    if not isinstance(call, dict):
        return [TextPart(said)] if said else []
    name = text(call.get("name"))
    if name == ANSWER_TOOL:
        return [TextPart(json_text(call.get("args")))]
    call_id = text(call.get("id")) or f"{name}-{index}"
    called = ToolCallPart(call_id=call_id, name=name, arguments=mapping(call.get("args")))
    return [ReasoningPart(text="", signature=signature), called] if signature else [called]
