"""The fault catalogue's rows with status 200."""

from __future__ import annotations

import orjson

from common_core.llm_attempts import Billed
from services.llm_provider_service.domain.failures import (
    BadResponse,
    ContentRefused,
    OutputTruncated,
    PromptRefused,
    ProviderOverloaded,
    RateLimited,
    ServerError,
)
from services.llm_provider_service.tests.unit.providers.failure_rows import (
    anthropic_error,
    broken_off,
    delivered,
    google_error,
    openrouter_error,
)
from services.llm_provider_service.tests.unit.providers.replies import (
    ANTHROPIC,
    GOOGLE,
    OLLAMA,
    OPENAI,
    OPENROUTER,
    anthropic_reply,
    google_reply,
    openai_reply,
)

REPLY_ROWS = [
    delivered("B24", OPENROUTER, openrouter_error(502), ServerError, retry=True),
    delivered("B24-429", OPENROUTER, openrouter_error(429), RateLimited),
    delivered("B24-choice", OPENROUTER, broken_off(502), ServerError, retry=True),
    delivered(
        "B24-choice-counted", OPENROUTER, broken_off(502, 100, 50), ServerError, billed=Billed.UNKNOWN, retry=True
    ),
    delivered("B24-choice-limit", OPENROUTER, broken_off(429, 100, 50), RateLimited, billed=Billed.UNKNOWN, retry=True),
    delivered(
        "B24-choice-flagged", OPENROUTER, broken_off(403, 100, 0), PromptRefused, billed=Billed.UNKNOWN, retry=False
    ),
    delivered("B24-choice-nothing", OPENROUTER, broken_off(502, 0, 0), ServerError),
    delivered("B24-choice-miscounted", OPENROUTER, broken_off(502, 100, -1), ServerError),
    delivered("B24-anthropic", ANTHROPIC, anthropic_error("overloaded_error"), ProviderOverloaded),
    delivered("B24-gemini", GOOGLE, [google_error(503, "UNAVAILABLE")], ProviderOverloaded),
    delivered("B24-string", OLLAMA, {"error": "something"}, BadResponse, billed=Billed.UNKNOWN),
    delivered("B25-choices", OPENAI, openai_reply(choices=[]), BadResponse, billed=Billed.UNKNOWN, retry=True),
    delivered("B25-absent", GOOGLE, {"usageMetadata": {}}, BadResponse, billed=Billed.UNKNOWN),
    delivered(
        "B25-blocked",
        GOOGLE,
        {
            "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
            "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
        },
        ContentRefused,
        billed=Billed.YES,
        retry=False,
    ),
    delivered("B25-anthropic", ANTHROPIC, anthropic_reply(content=None), BadResponse, billed=Billed.UNKNOWN),
    delivered(
        "B26-safety",
        GOOGLE,
        google_reply(finishReason="SAFETY", parts=[]),
        ContentRefused,
        billed=Billed.YES,
        retry=False,
    ),
    delivered("B26-recitation", GOOGLE, google_reply(finishReason="RECITATION"), ContentRefused, billed=Billed.YES),
    delivered(
        "B26-filter",
        OPENAI,
        openai_reply(finish_reason="content_filter", message={"content": None}),
        ContentRefused,
        billed=Billed.YES,
    ),
    delivered(
        "B27-openai",
        OPENAI,
        openai_reply(message={"content": None, "refusal": "No."}),
        ContentRefused,
        billed=Billed.YES,
    ),
    delivered(
        "B27-part",
        OPENAI,
        openai_reply(message={"content": [{"type": "refusal", "refusal": "No."}]}),
        ContentRefused,
        billed=Billed.YES,
    ),
    delivered(
        "B27-anthropic",
        ANTHROPIC,
        anthropic_reply(stop_reason="refusal", content=[]),
        ContentRefused,
        billed=Billed.YES,
        retry=False,
    ),
    delivered(
        "B29-gemini",
        GOOGLE,
        google_reply(finishReason="MAX_TOKENS", parts=[{"text": "hm", "thought": True}]),
        OutputTruncated,
        billed=Billed.YES,
        retry=False,
    ),
    delivered(
        "B29-openai",
        OPENAI,
        openai_reply(finish_reason="length", message={"content": ""}),
        OutputTruncated,
        billed=Billed.YES,
    ),
    delivered(
        "B29-anthropic",
        ANTHROPIC,
        anthropic_reply(stop_reason="max_tokens", content=[{"type": "thinking", "thinking": "hm", "signature": "s"}]),
        OutputTruncated,
        billed=Billed.YES,
    ),
    delivered("B33", OPENAI, orjson.dumps(openai_reply())[:80], BadResponse, billed=Billed.UNKNOWN, retry=True),
    delivered(
        "B30-arguments",
        OPENAI,
        openai_reply(
            message={"content": None, "tool_calls": [{"id": "1", "function": {"name": "x", "arguments": "{"}}]}
        ),
        BadResponse,
        billed=Billed.UNKNOWN,
    ),
]
