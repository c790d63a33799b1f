"""The vendors that can be asked, one row each; the codec, the settings and the prices are found through it.

To add a vendor whose API copies a known dialect, add a member to `LLMProviderType` and a row here, before
`openai_compatible`: the order of the rows is the default order of priority. No class is needed. Facts about its models
go into `providers/models/models.json`; without a section there, its models are treated like those of any
OpenAI-compatible server. No other module names a vendor, except the dialects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from common_core.config_enums import LLMProviderType


class Dialect(StrEnum):
    """The supported wire formats; each is a folder of `providers/`."""

    ANTHROPIC_MESSAGES = "anthropic_messages"
    GEMINI = "gemini"
    OPENAI_CHAT = "openai_chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """Facts about a vendor that need no setting.

    `label` names it in messages. `base_url` (with or without `/v1` at its end) and `default_model` are defaults of its
    settings; if empty, the settings must give them. `keyed`: it needs a key. `allow_private`: its address may be
    private. `charges`: its calls cost money; models whose name ends with `free_suffix` are free. `trace_name` is its
    name in OpenTelemetry's GenAI conventions, if that differs from ours.
    """

    provider: LLMProviderType
    label: str
    dialect: Dialect
    base_url: str
    default_model: str
    keyed: bool = True
    allow_private: bool = False
    charges: bool = True
    free_suffix: str | None = None
    trace_name: str | None = None


VENDORS: Mapping[LLMProviderType, Vendor] = MappingProxyType(
    {
        row.provider: row
        for row in (
            Vendor(
                provider=LLMProviderType.ANTHROPIC,
                label="Anthropic",
                dialect=Dialect.ANTHROPIC_MESSAGES,
                base_url="https://api.anthropic.com",
                default_model="claude-sonnet-4-6",
            ),
            Vendor(
                provider=LLMProviderType.OPENAI,
                label="OpenAI",
                dialect=Dialect.OPENAI_CHAT,
                base_url="https://api.openai.com",
                default_model="gpt-4.1-mini",
            ),
            Vendor(
                provider=LLMProviderType.GOOGLE,
                label="Gemini",
                dialect=Dialect.GEMINI,
                base_url="https://generativelanguage.googleapis.com",
                default_model="gemini-3.8-flash",
                trace_name="gcp.gemini",
            ),
            Vendor(
                provider=LLMProviderType.OPENROUTER,
                label="OpenRouter",
                dialect=Dialect.OPENAI_CHAT,
                base_url="https://openrouter.ai/api/v1",
                default_model="anthropic/claude-sonnet-4.5",
                free_suffix=":free",  # openrouter.ai/docs, "model variants": they have no list price
            ),
            Vendor(
                provider=LLMProviderType.OLLAMA,
                label="The local server",
                dialect=Dialect.OPENAI_CHAT,
                base_url="http://127.0.0.1:11434",
                default_model="llama3.1",
                keyed=False,
                allow_private=True,
                charges=False,
            ),
            Vendor(
                provider=LLMProviderType.OPENAI_COMPATIBLE,
                label="The OpenAI-compatible server",
                dialect=Dialect.OPENAI_CHAT,
                base_url="",
                default_model="",
                keyed=False,
            ),
        )
    }
)
