"""Provider for OpenAI, over its Chat Completions API."""

from __future__ import annotations

from services.llm_provider_service.providers.vendor_provider import VendorProvider


class OpenAIProviderImpl(VendorProvider):
    """`LLMProviderProtocol` for this vendor; only its row in `domain/vendors.py` and its dialect differ from others."""
