"""Attribute names for spans of model calls: OpenTelemetry's GenAI names, which may still change, in one place.

Source: OpenTelemetry semantic conventions, GenAI spans (status: development), November 2026. The names for content
(`gen_ai.input.messages`, `gen_ai.output.messages`) are left out on purpose: text of callers and models is not traced.
"""

from __future__ import annotations

from typing import Final

OPERATION: Final = "gen_ai.operation.name"
CHAT: Final = "chat"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
