"""Replies of every vendor, and how the tests of this room read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.completion import CompletionAnswer
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.providers.dialects import codec_for

ANTHROPIC, OPENAI, GOOGLE = LLMProviderType.ANTHROPIC, LLMProviderType.OPENAI, LLMProviderType.GOOGLE
OPENROUTER, OLLAMA = LLMProviderType.OPENROUTER, LLMProviderType.OLLAMA
VENDORS = (ANTHROPIC, OPENAI, GOOGLE, OPENROUTER, OLLAMA)
# Sunday, 2025-03-16 09:38:00 UTC.
NOW = 1_742_117_880.0


def read(
    provider: LLMProviderType,
    body: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    cuts: Iterable[int] = (),
) -> CompletionAnswer:
    """What *body* (bytes as they are, anything else as JSON) answers, fed in pieces that end at *cuts*."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    reader = codec_for(provider).reader(status, headers or {}, now=NOW)
    start = 0
    for cut in sorted(cuts):
        reader.feed(raw[start:cut])
        start = max(start, cut)
    reader.feed(raw[start:])
    return reader.finish()


def failure(
    provider: LLMProviderType, body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> ProviderFailure:
    """The failure that a reply is; fails the test when it is an answer."""
    try:
        answer = read(provider, body, status=status, headers=headers)
    except ProviderFailure as found:
        return found
    raise AssertionError(f"answered {answer}")


def openai_reply(**changes: Any) -> dict[str, Any]:
    """A Chat Completions document; *changes* go into the choice, its message or the document, wherever they belong."""
    message = {"role": "assistant", "content": "Essay A", **changes.pop("message", {})}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-served",
        "choices": [{"index": 0, "message": message, "finish_reason": changes.pop("finish_reason", "stop")}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        **changes,
    }


def anthropic_reply(**changes: Any) -> dict[str, Any]:
    """A Messages document."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-served",
        "content": [{"type": "text", "text": "Essay A"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 100, "output_tokens": 20},
        **changes,
    }


def google_reply(**changes: Any) -> dict[str, Any]:
    """A generateContent document; `parts` and `finishReason` go into the candidate."""
    parts = changes.pop("parts", [{"text": "Essay A"}])
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": changes.pop("finishReason", "STOP")}
    return {
        "candidates": [candidate],
        "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120},
        "modelVersion": "gemini-served",
        "responseId": "resp-1",
        **changes,
    }


def reply_of(provider: LLMProviderType) -> dict[str, Any]:
    """A plain good reply of *provider*."""
    if provider is ANTHROPIC:
        return anthropic_reply()
    return google_reply() if provider is GOOGLE else openai_reply()
