"""OpenAI, Azure, the local servers, and what proxies say."""

from __future__ import annotations

from typing import Any

_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_HTML = {"Content-Type": "text/html"}


def _chat(message: str, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


OPENAI_ERRORS: dict[str, tuple[int, Any, dict[str, str]]] = {
    "openai-rate-limit": (
        429,
        _chat(
            "Rate limit reached for gpt-4o in organization org-sim on requests per min (RPM): Limit 3, Used 3, "
            "Requested 1. Please try again in 20s.",
            "requests",
            None,
            "rate_limit_exceeded",
        ),
        {
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "17.56s",
            "x-ratelimit-reset-tokens": "2ms",
        },
    ),
    "openai-quota": (429, _chat(_QUOTA, "insufficient_quota", None, "insufficient_quota"), {}),
    "openai-too-long": (
        400,
        _chat(
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens.",
            "invalid_request_error",
            "messages",
            "context_length_exceeded",
        ),
        {},
    ),
    "openai-bad-key": (
        401,
        _chat(
            "Incorrect API key provided: <<key>>. You can find your API key at https://platform.openai.com/account/api-keys.",
            "invalid_request_error",
            None,
            "invalid_api_key",
        ),
        {},
    ),
    "openai-no-model": (
        404,
        _chat(
            "The model `gpt-0` does not exist or you do not have access to it.",
            "invalid_request_error",
            None,
            "model_not_found",
        ),
        {},
    ),
    "openai-no-model-400": (
        400,
        _chat("The requested model 'gpt-0' does not exist.", "invalid_request_error", "model", "model_not_found"),
        {},
    ),
    "openai-content-policy": (
        400,
        _chat(
            "Your request was rejected as a result of our safety system.",
            "invalid_request_error",
            None,
            "content_policy_violation",
        ),
        {},
    ),
    "openai-temperature": (
        400,
        _chat(
            "Unsupported value: 'temperature' does not support 0 with this model. "
            "Only the default (1) value is supported.",
            "invalid_request_error",
            "temperature",
            "unsupported_value",
        ),
        {},
    ),
    "openai-region": (
        403,
        _chat(
            "Country, region, or territory not supported",
            "request_forbidden",
            None,
            "unsupported_country_region_territory",
        ),
        {},
    ),
    "openai-server-error": (
        500,
        _chat("The server had an error while processing your request. Sorry about that!", "server_error"),
        {},
    ),
    "azure-rate-limit": (
        429,
        {
            "error": {
                "code": "429",
                "message": "Requests have exceeded the call rate limit of your current pricing tier.",
            }
        },
        {"x-ratelimit-reset-tokens": "7"},
    ),
    "ollama-no-model": (404, {"error": "model 'x' not found"}, {}),
    "message-only": (400, {"message": "Malformed input request"}, {}),
    "html-502": (502, "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", _HTML),
}
