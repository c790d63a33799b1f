"""Selects the codec for a vendor by its dialect."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.vendors import VENDORS, Dialect, Vendor
from services.llm_provider_service.providers.anthropic_messages.codec import AnthropicMessagesCodec
from services.llm_provider_service.providers.common.codec import VendorCodec
from services.llm_provider_service.providers.gemini.codec import GeminiCodec
from services.llm_provider_service.providers.openai_chat.codec import OpenAIChatCodec


class _MakesCodec(Protocol):
    def __call__(self, vendor: Vendor, *, static_headers: Mapping[str, str]) -> VendorCodec: ...


_CODECS: Mapping[Dialect, _MakesCodec] = MappingProxyType(
    {
        Dialect.ANTHROPIC_MESSAGES: AnthropicMessagesCodec,
        Dialect.GEMINI: GeminiCodec,
        Dialect.OPENAI_CHAT: OpenAIChatCodec,
    }
)


def codec_for(provider: LLMProviderType, *, static_headers: Mapping[str, str] | None = None) -> VendorCodec:
    """Returns the codec of *provider*; *static_headers* are sent with every request. `ValueError` for the mock."""
    vendor = VENDORS.get(provider)
    if vendor is None:
        raise ValueError(f"{provider} answers in this process and has no wire format")
    return _CODECS[vendor.dialect](vendor, static_headers=static_headers or {})
