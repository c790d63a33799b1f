"""OpenRouter: its own errors, and those of the vendors behind it, wrapped; some of them in a 200."""

from __future__ import annotations

from typing import Any


def _routed(code: int, message: str, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    return {"error": error if metadata is None else {**error, "metadata": metadata}, "user_id": "user_2sim"}


OPENROUTER_ERRORS: dict[str, tuple[int, Any, dict[str, str]]] = {
    "openrouter-rate-limit": (
        429,
        _routed(
            429,
            "Provider returned error",
            {"provider_name": "Google", "raw": "google/gemini-3-flash is temporarily rate-limited upstream."},
        ),
        {},
    ),
    "openrouter-bad-request": (
        400,
        _routed(
            400,
            "Provider returned error",
            {
                "provider_name": "OpenAI",
                "raw": '{"error":{"message":"Unsupported parameter","type":"invalid_request_error"}}',
            },
        ),
        {},
    ),
    "openrouter-too-long": (
        400,
        _routed(
            400,
            "Provider returned error",
            {
                "provider_name": "Anthropic",
                "raw": '{"type":"error","error":{"type":"invalid_request_error",'
                '"message":"prompt is too long: 210000 tokens > 200000 maximum"}}',
            },
        ),
        {},
    ),
    "openrouter-wait": (
        429,
        _routed(
            429, "Provider returned error", {"provider_name": "Google", "raw": "Quota exceeded. Please retry in 58s."}
        ),
        {},
    ),
    "openrouter-bad-key": (401, _routed(401, "No auth credentials found"), {}),
    "openrouter-no-credit": (
        402,
        _routed(402, "Insufficient credits. Add more using https://openrouter.ai/credits"),
        {},
    ),
    "openrouter-moderation": (
        403,
        _routed(
            403,
            "Your chosen model requires moderation and your input was flagged",
            {"reasons": ["violence"], "flagged_input": "…", "provider_name": "OpenAI", "model_slug": "gpt-4o"},
        ),
        {},
    ),
    "openrouter-guardrail": (
        403,
        _routed(403, "Request blocked", {"reasons": ["violence"], "flagged_input": "…", "provider_name": "OpenAI"}),
        {},
    ),
    "openrouter-forbidden": (
        403,
        _routed(
            403,
            "Provider returned error",
            {
                "provider_name": "OpenAI",
                "raw": '{"error":{"message":"Country, region, or territory not supported",'
                '"type":"request_forbidden","code":"unsupported_country_region_territory"}}',
            },
        ),
        {},
    ),
    "openrouter-no-endpoint": (404, _routed(404, "No endpoints found that can handle the requested parameters."), {}),
    "openrouter-timeout": (408, _routed(408, "Request timed out"), {}),
    "openrouter-bad-gateway": (
        502,
        _routed(502, "Provider returned error", {"provider_name": "Anthropic", "raw": "Overloaded"}),
        {},
    ),
    "openrouter-no-provider": (503, _routed(503, "No instances available"), {}),
    "openrouter-error-in-200": (
        200,
        _routed(502, "Provider returned error", {"provider_name": "Anthropic", "raw": ""}),
        {},
    ),
    "openrouter-limit-in-200": (200, _routed(429, "Rate limit exceeded"), {}),
}
