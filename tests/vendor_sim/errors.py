"""The real error bodies, by name: FAULTS chapter 2 has where they come from. Names are used by `sim-<name>` models,
scripts over the control API, and counters."""

from __future__ import annotations

from typing import Any

from tests.vendor_sim.scenarios import Status

_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_HELP = {
    "@type": "type.googleapis.com/google.rpc.Help",
    "links": [
        {
            "description": "Learn more about Gemini API quotas",
            "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
        }
    ],
}


def _quota_failure(quota_id: str, value: str) -> dict[str, Any]:
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": quota_id,
        "quotaDimensions": {"model": "gemini-3-flash", "location": "global"},
        "quotaValue": value,
    }
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


def _retry_info(delay: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def _gemini(code: int, status: str, message: str, details: list[Any] | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    return {"error": error if details is None else {**error, "details": details}}


def _claude(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011CZsim"}


def _chat(message: str, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _routed(code: int, message: str, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    return {"error": error if metadata is None else {**error, "metadata": metadata}, "user_id": "user_2sim"}


_PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
_PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
_RETRY_IN = f"{_QUOTA} Please retry in 58.217843437s."
_EXHAUSTED = "RESOURCE_EXHAUSTED"
_CLOUDFLARE_413 = (
    "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center><h1>413 Request Entity "
    "Too Large</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
_NESTED = (
    '{\\n  "error": {\\n    "code": 429,\\n    "message": "Resource has been exhausted (e.g. check quota).",\\n'
    '    "status": "RESOURCE_EXHAUSTED"\\n  }\\n}\\n'
)
_HTML = {"Content-Type": "text/html"}

_BODIES: dict[str, tuple[int, Any, dict[str, str]]] = {
    "gemini-per-minute": (
        429,
        _gemini(429, _EXHAUSTED, _RETRY_IN, [_HELP, _quota_failure(_PER_MINUTE, "5"), _retry_info("58s")]),
        {},
    ),
    "gemini-short-wait": (429, _gemini(429, _EXHAUSTED, _QUOTA, [_retry_info("0.1s")]), {}),
    "gemini-per-day": (
        429,
        _gemini(429, _EXHAUSTED, _QUOTA, [_HELP, _quota_failure(_PER_DAY, "20"), _retry_info("11s")]),
        {},
    ),
    "gemini-message-only": (429, {"error": {"message": _RETRY_IN}}, {}),
    "gemini-array": (429, [_gemini(429, _EXHAUSTED, _RETRY_IN, [_retry_info("58s")])], {}),
    "gemini-no-details": (429, _gemini(429, _EXHAUSTED, "Resource has been exhausted (e.g. check quota)."), {}),
    "gemini-nested": (429, _gemini(429, "Too Many Requests", _NESTED.replace("\\n", "\n")), {}),
    "gemini-bad-key": (
        400,
        _gemini(
            400,
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.",
            [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                    "metadata": {"service": "generativelanguage.googleapis.com"},
                }
            ],
        ),
        {},
    ),
    "gemini-region": (
        400,
        _gemini(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        {},
    ),
    "gemini-no-model": (
        404,
        _gemini(
            404,
            "NOT_FOUND",
            "models/gemini-0 is not found for API version v1beta, or is not supported for generateContent.",
        ),
        {},
    ),
    "gemini-too-long": (
        400,
        _gemini(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1206411) exceeds the maximum number of tokens allowed (1048576).",
        ),
        {},
    ),
    "gemini-overloaded": (
        503,
        _gemini(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        {},
    ),
    "gemini-internal": (500, _gemini(500, "INTERNAL", "An internal error has occurred."), {}),
    "anthropic-overloaded": (529, _claude("overloaded_error", "Overloaded"), {}),
    "anthropic-bad-request": (
        400,
        _claude("invalid_request_error", "messages.0.content: Input should be a valid list"),
        {},
    ),
    "anthropic-temperature": (400, _claude("invalid_request_error", "`temperature` is deprecated for this model."), {}),
    "anthropic-too-long": (
        400,
        _claude("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
        {},
    ),
    "anthropic-low-credit": (
        400,
        _claude(
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade.",
        ),
        {},
    ),
    "anthropic-bad-key": (401, _claude("authentication_error", "invalid x-api-key"), {}),
    "anthropic-billing": (402, _claude("billing_error", "Your account has a billing problem."), {}),
    "anthropic-permission": (
        403,
        _claude("permission_error", "Your API key does not have permission to use the specified resource."),
        {},
    ),
    "anthropic-no-model": (404, _claude("not_found_error", "model: claude-0"), {}),
    "anthropic-conflict": (409, _claude("conflict_error", "The resource is being changed by another request."), {}),
    "anthropic-too-large": (413, _CLOUDFLARE_413, _HTML),
    "anthropic-rate-limit": (
        429,
        _claude(
            "rate_limit_error", "This request would exceed your organization's rate limit of 50 requests per minute."
        ),
        {
            "retry-after": "2",
            "anthropic-ratelimit-requests-limit": "4000",
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2025-03-15T09:38:17Z",
        },
    ),
    "anthropic-api-error": (500, _claude("api_error", "Internal server error"), {}),
    "anthropic-timeout": (504, _claude("timeout_error", "Request timed out."), {}),
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
    "ollama-no-model": (404, {"error": "model 'x' not found"}, {}),
    "message-only": (400, {"message": "Malformed input request"}, {}),
    "html-502": (502, "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", _HTML),
}

ERRORS = {
    name: Status(code, body, {"Content-Type": "application/json", **headers}, label=name)
    for name, (code, body, headers) in _BODIES.items()
}
