"""Codec for Anthropic's Messages API: writes requests and reads replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from services.llm_provider_service.providers.anthropic_messages.failures import ANTHROPIC_FAILURES
from services.llm_provider_service.providers.anthropic_messages.request import NAME, REDACTED_PREFIX, anthropic_body
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
from services.llm_provider_service.providers.common.usage import anthropic_usage
from services.llm_provider_service.providers.common.vendor_json import json_text, mapping, text
from services.llm_provider_service.providers.common.wire_request import WireRequest

API_VERSION = "2023-06-01"
_FINISH = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALL,
}


class AnthropicMessagesCodec:
    """The `VendorCodec` of this dialect."""

    name = NAME

    def __init__(self, vendor: Vendor, *, static_headers: Mapping[str, str]) -> None:
        self.provider = vendor.provider
        self._headers = {**JSON_HEADERS, "anthropic-version": API_VERSION, **static_headers}

    def encode(self, request: CompletionRequest, profile: ModelProfile) -> WireRequest:
        """Returns *request* for the model of *profile*; raises `RequestRejected` if it cannot be expressed."""
        refuse_unsupported(request, profile)
        return WireRequest(
            path="/v1/messages", headers=self._headers, body=body_bytes(anthropic_body(request, profile))
        )

    def auth_headers(self, key: str | None) -> Mapping[str, str]:
        """Returns the header that carries *key*."""
        return {"x-api-key": key} if key else {}

    def reader(self, status: int, headers: Mapping[str, str], *, now: float) -> JsonReply:
        """Returns a reader for one reply; *now* in Unix seconds."""
        return JsonReply(self, status, headers, now=now)

    def decode(self, document: Mapping[str, Any], head: ReplyHead) -> CompletionAnswer:
        """Returns the answer in *document*; raises `ContentRefused`, `OutputTruncated` or `BadResponse`."""
        usage, model = anthropic_usage(document.get("usage")), text(document.get("model"))
        reply = ReplyContext(vendor=NAME, head=head, usage=usage, model=model)
        stop = text(document.get("stop_reason"))
        if stop == "refusal":
            raise reply.refused("the model declined", text(mapping(document.get("stop_details")).get("explanation")))
        content = document.get("content")
        if not isinstance(content, list):
            raise reply.bad("without content")
        parts = [part for block in content for part in _parts(mapping(block))]
        finish = _FINISH.get(stop, FinishReason.UNKNOWN)
        return reply.completion(parts, finish, id_header="request-id", body_id=document.get("id"))

    def failure(self, head: ReplyHead, error: VendorError) -> ProviderFailure:
        """Returns the failure for *error*."""
        return ANTHROPIC_FAILURES.failure(head, error)


def _parts(block: Mapping[str, Any]) -> list[ContentPart]:
    """Returns the content of *block*; an unknown kind of block has none."""
    match block.get("type"):
        case "text":
            said = text(block.get("text"))
            return [TextPart(said)] if said else []
        case "tool_use" if block.get("name") == ANSWER_TOOL:
            return [TextPart(json_text(block.get("input")))]
        case "tool_use":
            call_id, name = text(block.get("id")), text(block.get("name"))
            return [ToolCallPart(call_id=call_id, name=name, arguments=mapping(block.get("input")))]
        case "thinking":
            return [ReasoningPart(text=text(block.get("thinking")), signature=text(block.get("signature")) or None)]
        case "redacted_thinking":
            return [ReasoningPart(text="", signature=REDACTED_PREFIX + text(block.get("data")))]
        case _:
            return []
