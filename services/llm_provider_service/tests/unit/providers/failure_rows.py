"""The words of every vendor's errors, and what one row of the fault catalogue is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from common_core.config_enums import LLMProviderType
from common_core.llm_attempts import Billed
from services.llm_provider_service.domain.provider_failure import ProviderFailure

HTML = b"<!DOCTYPE html><html><head><title>502</title></head><body>canary-in-html</body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the catalogue; `retry` is `None` where another row says it."""

    id: str
    provider: LLMProviderType
    body: Any
    expected: type[ProviderFailure]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float | None = None
    billed: Billed = Billed.NO
    retry: bool | None = None


def refused(
    id_: str, provider: LLMProviderType, status: int, body: Any, expected: type[ProviderFailure], **rest: Any
) -> Row:
    """A row about an error status."""
    return Row(id=id_, provider=provider, status=status, body=body, expected=expected, **rest)


def delivered(id_: str, provider: LLMProviderType, body: Any, expected: type[ProviderFailure], **rest: Any) -> Row:
    """A row about a reply with status 200."""
    return Row(id=id_, provider=provider, body=body, expected=expected, **rest)


def openai_error(message: str, *, code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic_error(kind: str, message: str = "No.") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def google_error(code: int, status: str, message: str = "No.", details: list[Any] | None = None) -> dict[str, Any]:
    error = {"code": code, "message": message, "status": status}
    return {"error": error if details is None else {**error, "details": details}}


def openrouter_error(code: int, message: str = "Provider returned error", **metadata: Any) -> dict[str, Any]:
    """*metadata* besides, or instead of, what says that a vendor behind it is the one who failed."""
    told = {"provider_name": "X", "raw": "x", **metadata}
    return {"error": {"code": code, "message": message, "metadata": told}, "user_id": "u"}


def broken_off(code: int, *counted: int) -> dict[str, Any]:
    """An answer that ends in an error; *counted* are the tokens that were read and written until then."""
    error = {"code": code, "message": "Content flagged" if code == 403 else "x"}
    choice = {"index": 0, "message": {"content": "Ess"}, "finish_reason": "error", "error": error}
    usage = dict(zip(("prompt_tokens", "completion_tokens"), counted, strict=False))
    return {"id": "gen-1", "model": "served", "choices": [choice], "usage": usage}


QUOTA_MESSAGE = "You exceeded your current quota. Please retry in 58.217843437s."


def quota(quota_id: str, delay: str | None = "58s") -> dict[str, Any]:
    violation = {"quotaMetric": "m", "quotaId": quota_id, "quotaDimensions": {"model": "x"}, "quotaValue": "5"}
    details: list[Any] = [
        {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
    ]
    if delay is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    return google_error(429, "RESOURCE_EXHAUSTED", QUOTA_MESSAGE, details)


PER_MINUTE, PER_DAY = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "GenerateRequestsPerDayPerProject"
API_KEY_INVALID = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
RATE = openai_error("Rate limit reached.", code="rate_limit_exceeded", kind="requests")
BEHIND_TOO_LONG = orjson.dumps(
    anthropic_error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")
).decode()
BEHIND_OBJECT = openai_error("Too much.", code="context_length_exceeded")
BEHIND_CODE = orjson.dumps(BEHIND_OBJECT).decode()
BEHIND_KEY = orjson.dumps(openai_error("Incorrect API key provided.", code="invalid_api_key")).decode()
NESTED = orjson.dumps(google_error(429, "RESOURCE_EXHAUSTED", "Please retry in 4s.")).decode()
