"""Gemini: google.rpc errors with details, and the ways in which they come without."""

from __future__ import annotations

from typing import Any

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
_PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
_PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
_RETRY_IN = f"{_QUOTA} Please retry in 58.217843437s."
_EXHAUSTED = "RESOURCE_EXHAUSTED"
_NESTED = (
    '{\\n  "error": {\\n    "code": 429,\\n    "message": "Resource has been exhausted (e.g. check quota).",\\n'
    '    "status": "RESOURCE_EXHAUSTED"\\n  }\\n}\\n'
)


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


GOOGLE_ERRORS: dict[str, tuple[int, Any, dict[str, str]]] = {
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
}
