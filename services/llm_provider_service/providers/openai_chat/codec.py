"""Codec for OpenAI Chat Completions, and for the vendors and local servers that copy it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.llm_provider_service.domain.completion import CompletionAnswer, CompletionRequest
from services.llm_provider_service.domain.model import ModelProfile
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.vendors import Vendor
from services.llm_provider_service.providers.common.encoding import JSON_HEADERS, body_bytes, refuse_unsupported
from services.llm_provider_service.providers.common.error_body import VendorError, error_in, with_the_vendor_behind
from services.llm_provider_service.providers.common.failure_table import ReplyHead
from services.llm_provider_service.providers.common.json_reply import JsonReply
from services.llm_provider_service.providers.common.usage import openai_usage
from services.llm_provider_service.providers.common.vendor_json import text
from services.llm_provider_service.providers.common.wire_request import WireRequest
from services.llm_provider_service.providers.openai_chat.answer import openai_answer
from services.llm_provider_service.providers.openai_chat.request import openai_body
from services.llm_provider_service.providers.openai_chat.variants import variant_of


class OpenAIChatCodec:
    """A `VendorCodec` for one vendor that uses this dialect."""

    def __init__(self, vendor: Vendor, *, static_headers: Mapping[str, str]) -> None:
        self.provider = vendor.provider
        self.name = vendor.label
        self._variant = variant_of(vendor)
        self._headers = {**JSON_HEADERS, **static_headers}

    def encode(self, request: CompletionRequest, profile: ModelProfile) -> WireRequest:
        """Returns *request* for the model of *profile*; raises `RequestRejected` if it cannot be expressed."""
        refuse_unsupported(request, profile)
        body = body_bytes(openai_body(request, profile, self._variant))
        return WireRequest(path="/v1/chat/completions", headers=self._headers, body=body)

    def auth_headers(self, key: str | None) -> Mapping[str, str]:
        """Returns the header that carries *key*; local servers often need none."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def reader(self, status: int, headers: Mapping[str, str], *, now: float) -> JsonReply:
        """Returns a reader for one reply; *now* in Unix seconds."""
        return JsonReply(self, status, headers, now=now)

    def decode(self, document: Mapping[str, Any], head: ReplyHead) -> CompletionAnswer:
        """Returns the answer in *document*; raises a `ProviderFailure` if there is none.

        An error inside the first choice (OpenRouter) means that the answer was broken off.
        """
        choices = document.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            choice = {}
        if "error" in choice and (error := error_in(choice)) is not None:
            raise self._broken_off(document, head, error)
        return openai_answer(document, choice, head, self.name)

    def _broken_off(self, document: Mapping[str, Any], head: ReplyHead, error: VendorError) -> ProviderFailure:
        """Returns the failure for *error*; the vendor may charge for it if it counted any tokens."""
        failure, usage = self.failure(head, error), openai_usage(document.get("usage"))
        return failure.as_broken_off(usage, text(document.get("model")) or None) if usage.total_tokens else failure

    def failure(self, head: ReplyHead, error: VendorError) -> ProviderFailure:
        """Returns the failure for *error*."""
        told = with_the_vendor_behind(error) if self._variant.resells else error
        return self._variant.table.failure(head, told)
