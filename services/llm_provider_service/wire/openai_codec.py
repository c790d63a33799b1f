"""OpenAI Chat Completions, and the vendors and local servers that copy it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.completion import CompletionAnswer, CompletionRequest
from services.llm_provider_service.domain.failures import ProviderFailure
from services.llm_provider_service.domain.model import ModelProfile
from services.llm_provider_service.wire.failure_table import ReplyHead
from services.llm_provider_service.wire.http import WireRequest
from services.llm_provider_service.wire.json_reading import mapping, sequence, text
from services.llm_provider_service.wire.openai_answer import openai_answer
from services.llm_provider_service.wire.openai_dialects import OpenAIDialect
from services.llm_provider_service.wire.openai_request import openai_body
from services.llm_provider_service.wire.saying import JSON_HEADERS, body_bytes, refuse_unsupported
from services.llm_provider_service.wire.usage_reading import openai_usage
from services.llm_provider_service.wire.vendor_errors import VendorError, error_in, with_the_vendor_behind
from services.llm_provider_service.wire.whole_reply import WholeReply


class OpenAICodec:
    """A `VendorCodec` for one speaker of the dialect."""

    def __init__(self, dialect: OpenAIDialect, *, static_headers: Mapping[str, str]) -> None:
        self._dialect = dialect
        self._headers = {**JSON_HEADERS, **static_headers}

    @property
    def provider(self) -> LLMProviderType:
        """Whose dialect this is."""
        return self._dialect.provider

    @property
    def name(self) -> str:
        """The vendor's name in messages."""
        return self._dialect.name

    def encode(self, request: CompletionRequest, profile: ModelProfile) -> WireRequest:
        """*request* for the model of *profile*; raises `RequestRejected` for the unsayable."""
        refuse_unsupported(request, profile)
        body = body_bytes(openai_body(request, profile, self._dialect))
        return WireRequest(path="/v1/chat/completions", headers=self._headers, body=body)

    def auth_headers(self, key: str | None) -> Mapping[str, str]:
        """The header that carries *key*; local servers often need none."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def reader(self, status: int, headers: Mapping[str, str], *, now: float) -> WholeReply:
        """A reader for one reply; *now* in Unix seconds."""
        return WholeReply(self, status, headers, now=now)

    def answer(self, document: Mapping[str, Any], head: ReplyHead) -> CompletionAnswer:
        """The answer in *document*; an error inside the first choice (OpenRouter) broke it off."""
        choice = next(iter(sequence(document.get("choices"))), None)
        error = error_in(choice) if mapping(choice) else None
        if error is not None:
            raise self._broken_off(document, head, error)
        return openai_answer(document, head, self._dialect.name)

    def _broken_off(self, document: Mapping[str, Any], head: ReplyHead, error: VendorError) -> ProviderFailure:
        """What *error* is; the vendor may charge for it if it counted any tokens."""
        failure, usage = self.failure(head, error), openai_usage(document.get("usage"))
        return failure.that_broke_off(usage, text(document.get("model")) or None) if usage.total_tokens else failure

    def failure(self, head: ReplyHead, error: VendorError) -> ProviderFailure:
        """The failure that *error* stands for."""
        told = with_the_vendor_behind(error) if self._dialect.resells else error
        return self._dialect.table.failure(head, told)
