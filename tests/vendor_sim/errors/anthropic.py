"""Anthropic: one shape, a type for each status; 413 comes from the network in front of it."""

from __future__ import annotations

from typing import Any

_CLOUDFLARE_413 = (
    "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center><h1>413 Request Entity "
    "Too Large</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
_HTML = {"Content-Type": "text/html"}


def _claude(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011CZsim"}


ANTHROPIC_ERRORS: dict[str, tuple[int, Any, dict[str, str]]] = {
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
}
