"""The fault catalogue: what each vendor's bad reply means, when it may be asked again, and whether it was billed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.failures import (
    AuthenticationFailed,
    BadResponse,
    Billed,
    ContentRefused,
    ContextTooLong,
    ModelNotFound,
    OutputTruncated,
    Overloaded,
    ProviderFailure,
    QuotaExhausted,
    RateLimited,
    RedirectRefused,
    RequestRejected,
    ServerError,
)
from services.llm_provider_service.tests.unit.wire.replies import (
    ANTHROPIC,
    GOOGLE,
    OLLAMA,
    OPENAI,
    OPENROUTER,
    VENDORS,
    anthropic_reply,
    failure,
    google_reply,
    openai_reply,
    read,
    reply_of,
)
from services.llm_provider_service.wire.saying import ANSWER_TOOL

HTML = b"<!DOCTYPE html><html><head><title>502</title></head><body>canary-in-html</body></html>"
ANY = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the catalogue; `wait` is `ANY` where it does not matter."""

    id: str
    provider: LLMProviderType
    body: Any
    expected: type[ProviderFailure]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: Any = None
    billed: Billed = Billed.NO
    retry: bool | None = None


def openai_error(message: str, *, code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic_error(kind: str, message: str = "No.") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def google_error(code: int, status: str, message: str = "No.", details: list[Any] | None = None) -> dict[str, Any]:
    error = {"code": code, "message": message, "status": status}
    return {"error": error if details is None else {**error, "details": details}}


def openrouter_error(code: int, message: str = "Provider returned error") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "metadata": {"provider_name": "X", "raw": "x"}}, "user_id": "u"}


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
NESTED = orjson.dumps(google_error(429, "RESOURCE_EXHAUSTED", "Please retry in 4s.")).decode()

ROWS = [
    Row(id="B01", provider=OPENAI, status=429, body=RATE, headers={"Retry-After": "2"}, expected=RateLimited, wait=2.0),
    Row(
        id="B02-future",
        provider=OPENAI,
        status=429,
        body=RATE,
        headers={"Retry-After": "Sun, 16 Mar 2025 09:38:17 GMT"},
        expected=RateLimited,
        wait=17.0,
    ),
    Row(
        id="B02-past",
        provider=OPENAI,
        status=429,
        body=RATE,
        headers={"Retry-After": "Sun, 16 Mar 2025 09:30:00 GMT"},
        expected=RateLimited,
        wait=0.0,
    ),
    Row(id="B03", provider=OPENAI, status=429, body=RATE, expected=RateLimited, retry=True),
    Row(
        id="B03-spoken",
        provider=OPENAI,
        status=429,
        body=openai_error("Please try again in 6ms.", code="rate_limit_exceeded"),
        expected=RateLimited,
        wait=0.006,
    ),
    Row(
        id="B03-anthropic",
        provider=ANTHROPIC,
        status=429,
        body=anthropic_error("rate_limit_error"),
        expected=RateLimited,
    ),
    Row(
        id="B04-minute",
        provider=GOOGLE,
        status=429,
        body=quota(PER_MINUTE),
        expected=RateLimited,
        wait=58.0,
        retry=True,
    ),
    Row(id="B04-tenth", provider=GOOGLE, status=429, body=quota(PER_MINUTE, "0.1s"), expected=RateLimited, wait=0.1),
    Row(
        id="B04-day",
        provider=GOOGLE,
        status=429,
        body=quota(PER_DAY),
        expected=QuotaExhausted,
        wait=3600.0,
        retry=False,
    ),
    Row(
        id="B04-day-long",
        provider=GOOGLE,
        status=429,
        body=quota(PER_DAY, "40000s"),
        expected=QuotaExhausted,
        wait=40000.0,
    ),
    Row(
        id="B04-spoken",
        provider=GOOGLE,
        status=429,
        body=google_error(429, "RESOURCE_EXHAUSTED", QUOTA_MESSAGE),
        expected=RateLimited,
        wait=58.217843437,
    ),
    Row(id="B04-array", provider=GOOGLE, status=429, body=[quota(PER_MINUTE)], expected=RateLimited, wait=58.0),
    Row(id="B04-no-details", provider=GOOGLE, status=429, body={"error": {"code": 429}}, expected=RateLimited),
    Row(
        id="B04-nested",
        provider=GOOGLE,
        status=429,
        body={"error": {"code": 429, "message": NESTED}},
        expected=RateLimited,
        wait=4.0,
    ),
    Row(
        id="B04-credits",
        provider=GOOGLE,
        status=429,
        body=google_error(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
        expected=QuotaExhausted,
        wait=300.0,
    ),
    Row(
        id="B05",
        provider=OPENAI,
        status=429,
        body=openai_error("You exceeded your current quota.", code="insufficient_quota", kind="insufficient_quota"),
        expected=QuotaExhausted,
        wait=300.0,
        retry=False,
    ),
    Row(
        id="B06",
        provider=ANTHROPIC,
        status=429,
        body=anthropic_error("rate_limit_error"),
        headers={
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2025-03-16T09:38:17Z",
        },
        expected=RateLimited,
        wait=17.0,
    ),
    Row(
        id="B07-long",
        provider=OPENAI,
        status=429,
        body=RATE,
        headers={"Retry-After": "86400"},
        expected=RateLimited,
        wait=86400.0,
    ),
    Row(id="B07-negative", provider=OPENAI, status=429, body=RATE, headers={"Retry-After": "-1"}, expected=RateLimited),
    Row(
        id="B07-garbage", provider=OPENAI, status=429, body=RATE, headers={"Retry-After": "soon"}, expected=RateLimited
    ),
    Row(
        id="B07-absurd",
        provider=OPENAI,
        status=429,
        body=RATE,
        headers={"Retry-After": "1000000000"},
        expected=RateLimited,
        wait=86400.0,
    ),
    Row(
        id="B09",
        provider=OPENAI,
        status=500,
        body=openai_error("Oops", kind="server_error"),
        expected=ServerError,
        retry=True,
    ),
    Row(id="B09-anthropic", provider=ANTHROPIC, status=500, body=anthropic_error("api_error"), expected=ServerError),
    Row(id="B09-gemini", provider=GOOGLE, status=500, body=google_error(500, "INTERNAL"), expected=ServerError),
    Row(id="B10", provider=OPENROUTER, status=502, body=HTML, expected=ServerError, retry=True),
    Row(id="B11", provider=OLLAMA, status=503, body=b"", expected=ServerError, retry=True),
    Row(
        id="B11-wait",
        provider=OPENAI,
        status=503,
        body=b"",
        headers={"Retry-After": "3"},
        expected=ServerError,
        wait=3.0,
    ),
    Row(id="B11-gemini", provider=GOOGLE, status=503, body=google_error(503, "UNAVAILABLE"), expected=Overloaded),
    Row(id="B12", provider=OPENAI, status=504, body=b"upstream timed out", expected=ServerError, retry=True),
    Row(
        id="B12-anthropic", provider=ANTHROPIC, status=504, body=anthropic_error("timeout_error"), expected=ServerError
    ),
    Row(
        id="B13",
        provider=ANTHROPIC,
        status=529,
        body=anthropic_error("overloaded_error"),
        expected=Overloaded,
        retry=True,
    ),
    Row(id="B13-bare", provider=ANTHROPIC, status=529, body=b"", expected=Overloaded),
    Row(
        id="B14",
        provider=OPENAI,
        status=408,
        body=b"",
        headers={"Retry-After": "1"},
        expected=ServerError,
        wait=1.0,
        retry=True,
    ),
    Row(
        id="B15",
        provider=ANTHROPIC,
        status=409,
        body=anthropic_error("conflict_error"),
        expected=ServerError,
        retry=True,
    ),
    Row(
        id="B16-false",
        provider=OPENAI,
        status=503,
        body=b"",
        headers={"X-Should-Retry": "false"},
        expected=ServerError,
        retry=False,
    ),
    Row(
        id="B16-true",
        provider=ANTHROPIC,
        status=400,
        body=anthropic_error("invalid_request_error"),
        headers={"x-should-retry": "true"},
        expected=RequestRejected,
        retry=True,
    ),
    Row(
        id="B16-others",
        provider=OPENROUTER,
        status=400,
        body=openrouter_error(400),
        headers={"x-should-retry": "true"},
        expected=RequestRejected,
        retry=False,
    ),
    Row(
        id="B16-local",
        provider=OLLAMA,
        status=503,
        body=b"",
        headers={"x-should-retry": "false"},
        expected=ServerError,
        retry=True,
    ),
    Row(
        id="B17",
        provider=OPENAI,
        status=401,
        body=openai_error("Incorrect API key provided: sk-proj-abcdef123456.", code="invalid_api_key"),
        expected=AuthenticationFailed,
        retry=False,
    ),
    Row(
        id="B17-anthropic",
        provider=ANTHROPIC,
        status=401,
        body=anthropic_error("authentication_error"),
        expected=AuthenticationFailed,
    ),
    Row(
        id="B17-gemini",
        provider=GOOGLE,
        status=400,
        body=google_error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", API_KEY_INVALID),
        expected=AuthenticationFailed,
        retry=False,
    ),
    Row(
        id="B18-permission",
        provider=ANTHROPIC,
        status=403,
        body=anthropic_error("permission_error"),
        expected=AuthenticationFailed,
    ),
    Row(
        id="B18-region",
        provider=GOOGLE,
        status=400,
        body=google_error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        expected=AuthenticationFailed,
    ),
    Row(
        id="B18-moderation",
        provider=OPENROUTER,
        status=403,
        body=openrouter_error(403, "Your chosen model requires moderation and your input was flagged."),
        expected=ContentRefused,
        billed=Billed.YES,
        retry=False,
    ),
    Row(
        id="B18-policy",
        provider=OPENAI,
        status=400,
        body=openai_error("Your request was rejected.", code="content_policy_violation"),
        expected=ContentRefused,
        billed=Billed.YES,
    ),
    Row(
        id="B19",
        provider=OPENROUTER,
        status=402,
        body=openrouter_error(402),
        expected=QuotaExhausted,
        wait=300.0,
        retry=False,
    ),
    Row(
        id="B19-anthropic",
        provider=ANTHROPIC,
        status=400,
        body=anthropic_error("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        expected=QuotaExhausted,
        wait=300.0,
    ),
    Row(
        id="B19-billing",
        provider=ANTHROPIC,
        status=402,
        body=anthropic_error("billing_error"),
        expected=QuotaExhausted,
        wait=300.0,
    ),
    Row(
        id="B20-openai",
        provider=OPENAI,
        status=404,
        body=openai_error("The model `x` does not exist.", code="model_not_found"),
        expected=ModelNotFound,
        retry=False,
    ),
    Row(
        id="B20-400",
        provider=OPENAI,
        status=400,
        body=openai_error("No model.", code="model_not_found"),
        expected=ModelNotFound,
    ),
    Row(
        id="B20-403",
        provider=OPENAI,
        status=403,
        body=openai_error("No access.", code="model_not_found"),
        expected=ModelNotFound,
    ),
    Row(
        id="B20-anthropic",
        provider=ANTHROPIC,
        status=404,
        body=anthropic_error("not_found_error", "model: x"),
        expected=ModelNotFound,
    ),
    Row(id="B20-gemini", provider=GOOGLE, status=404, body=google_error(404, "NOT_FOUND"), expected=ModelNotFound),
    Row(
        id="B20-openrouter",
        provider=OPENROUTER,
        status=400,
        body=openrouter_error(400, "x is not a valid model ID"),
        expected=ModelNotFound,
    ),
    Row(id="B20-ollama", provider=OLLAMA, status=404, body={"error": "model 'x' not found"}, expected=ModelNotFound),
    Row(
        id="B21-openai",
        provider=OPENAI,
        status=400,
        body=openai_error("Too long.", code="context_length_exceeded"),
        expected=ContextTooLong,
        retry=False,
    ),
    Row(
        id="B21-anthropic",
        provider=ANTHROPIC,
        status=400,
        body=anthropic_error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        expected=ContextTooLong,
    ),
    Row(
        id="B21-gemini",
        provider=GOOGLE,
        status=400,
        body=google_error(
            400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."
        ),
        expected=ContextTooLong,
    ),
    Row(
        id="B21-openrouter",
        provider=OPENROUTER,
        status=400,
        body=openrouter_error(400, "This endpoint's maximum context length is 8192 tokens."),
        expected=ContextTooLong,
    ),
    Row(
        id="B21-local",
        provider=OLLAMA,
        status=400,
        body={"error": {"code": 400, "message": "too big", "type": "exceed_context_size_error"}},
        expected=ContextTooLong,
    ),
    Row(
        id="B22-temperature",
        provider=OPENAI,
        status=400,
        body=openai_error("Unsupported value: 'temperature' does not support 0.", code="unsupported_value"),
        expected=RequestRejected,
        retry=False,
    ),
    Row(id="B22-422", provider=OLLAMA, status=422, body={"detail": [{"msg": "bad"}]}, expected=RequestRejected),
    Row(id="B22-cohere", provider=OLLAMA, status=400, body={"message": "invalid request"}, expected=RequestRejected),
    Row(id="B23", provider=ANTHROPIC, status=413, body=HTML, expected=RequestRejected, retry=False),
    Row(
        id="B23-typed",
        provider=ANTHROPIC,
        status=413,
        body=anthropic_error("request_too_large"),
        expected=RequestRejected,
    ),
    Row(id="B24", provider=OPENROUTER, body=openrouter_error(502), expected=ServerError, retry=True),
    Row(id="B24-429", provider=OPENROUTER, body=openrouter_error(429), expected=RateLimited),
    Row(
        id="B24-choice",
        provider=OPENROUTER,
        body={
            "choices": [{"error": {"code": 502, "message": "x"}, "finish_reason": "error", "message": {"content": ""}}]
        },
        expected=ServerError,
    ),
    Row(id="B24-anthropic", provider=ANTHROPIC, body=anthropic_error("overloaded_error"), expected=Overloaded),
    Row(id="B24-gemini", provider=GOOGLE, body=[google_error(503, "UNAVAILABLE")], expected=Overloaded),
    Row(id="B24-string", provider=OLLAMA, body={"error": "something"}, expected=BadResponse, billed=Billed.UNKNOWN),
    Row(
        id="B25-choices",
        provider=OPENAI,
        body=openai_reply(choices=[]),
        expected=BadResponse,
        billed=Billed.UNKNOWN,
        retry=True,
    ),
    Row(id="B25-absent", provider=GOOGLE, body={"usageMetadata": {}}, expected=BadResponse, billed=Billed.UNKNOWN),
    Row(
        id="B25-blocked",
        provider=GOOGLE,
        body={
            "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
            "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
        },
        expected=ContentRefused,
        billed=Billed.YES,
        retry=False,
    ),
    Row(
        id="B25-anthropic",
        provider=ANTHROPIC,
        body=anthropic_reply(content=None),
        expected=BadResponse,
        billed=Billed.UNKNOWN,
    ),
    Row(
        id="B26-safety",
        provider=GOOGLE,
        body=google_reply(finishReason="SAFETY", parts=[]),
        expected=ContentRefused,
        billed=Billed.YES,
        retry=False,
    ),
    Row(
        id="B26-recitation",
        provider=GOOGLE,
        body=google_reply(finishReason="RECITATION"),
        expected=ContentRefused,
        billed=Billed.YES,
    ),
    Row(
        id="B26-filter",
        provider=OPENAI,
        body=openai_reply(finish_reason="content_filter", message={"content": None}),
        expected=ContentRefused,
        billed=Billed.YES,
    ),
    Row(
        id="B27-openai",
        provider=OPENAI,
        body=openai_reply(message={"content": None, "refusal": "No."}),
        expected=ContentRefused,
        billed=Billed.YES,
    ),
    Row(
        id="B27-part",
        provider=OPENAI,
        body=openai_reply(message={"content": [{"type": "refusal", "refusal": "No."}]}),
        expected=ContentRefused,
        billed=Billed.YES,
    ),
    Row(
        id="B27-anthropic",
        provider=ANTHROPIC,
        body=anthropic_reply(stop_reason="refusal", content=[]),
        expected=ContentRefused,
        billed=Billed.YES,
        retry=False,
    ),
    Row(
        id="B29-gemini",
        provider=GOOGLE,
        body=google_reply(finishReason="MAX_TOKENS", parts=[{"text": "hm", "thought": True}]),
        expected=OutputTruncated,
        billed=Billed.YES,
        retry=False,
    ),
    Row(
        id="B29-openai",
        provider=OPENAI,
        body=openai_reply(finish_reason="length", message={"content": ""}),
        expected=OutputTruncated,
        billed=Billed.YES,
    ),
    Row(
        id="B29-anthropic",
        provider=ANTHROPIC,
        body=anthropic_reply(
            stop_reason="max_tokens", content=[{"type": "thinking", "thinking": "hm", "signature": "s"}]
        ),
        expected=OutputTruncated,
        billed=Billed.YES,
    ),
    Row(
        id="B33",
        provider=OPENAI,
        body=orjson.dumps(openai_reply())[:80],
        expected=BadResponse,
        billed=Billed.UNKNOWN,
        retry=True,
    ),
    Row(
        id="B30-arguments",
        provider=OPENAI,
        body=openai_reply(
            message={"content": None, "tool_calls": [{"id": "1", "function": {"name": "x", "arguments": "{"}}]}
        ),
        expected=BadResponse,
        billed=Billed.UNKNOWN,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_row_of_the_catalogue_has_its_failure(row: Row) -> None:
    found = failure(row.provider, row.body, status=row.status, headers=row.headers)

    assert type(found) is row.expected
    assert found.retry_after == (None if row.wait is None else pytest.approx(row.wait))
    assert found.billed is row.billed
    assert row.retry is None or found.may_retry is row.retry
    assert len(found.message) <= 500


@pytest.mark.parametrize("provider", VENDORS)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="B31-empty"),
        pytest.param(b" \n", id="B31-blank"),
        pytest.param(b"null", id="B31-null"),
        pytest.param(HTML, id="B32-html"),
        pytest.param(b'{"choices": [', id="B33-cut"),
        pytest.param(b'{"a": "\xff"}', id="B34-bad-utf8"),
        pytest.param(b"[" * 200_000, id="B35-deep-open"),
        pytest.param(b"[" * 200_000 + b"]" * 200_000, id="B35-deep"),
        pytest.param(b'{"a":' * 200_000 + b"1" + b"}" * 200_000, id="B35-deep-objects"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"3", id="number"),
        pytest.param(b"{}", id="nothing"),
        pytest.param(b"1" * 10_000, id="huge-number"),
    ],
)
def test_what_is_no_answer_is_a_bad_response_that_repeats_nothing(provider: LLMProviderType, body: bytes) -> None:
    found = failure(provider, body)
    assert type(found) is BadResponse
    assert found.billed is Billed.UNKNOWN
    assert found.may_retry
    assert "canary" not in found.message


@pytest.mark.parametrize("provider", VENDORS)
def test_204_is_a_bad_response(provider: LLMProviderType) -> None:
    assert type(failure(provider, b"", status=204)) is BadResponse


@pytest.mark.parametrize("provider", VENDORS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_a_redirect_is_refused_and_not_repeated(provider: LLMProviderType, status: int) -> None:
    found = failure(provider, b"see https://evil.example", status=status, headers={"Location": "https://evil.example"})
    assert type(found) is RedirectRefused
    assert "evil" not in found.message
    assert not found.may_retry


@pytest.mark.parametrize("provider", VENDORS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 503])
def test_a_page_with_an_error_status_is_not_repeated(provider: LLMProviderType, status: int) -> None:
    found = failure(provider, HTML, status=status)
    assert "canary" not in found.message
    assert found.status == status


@pytest.mark.parametrize("provider", VENDORS)
@pytest.mark.parametrize("status", [100, 200, 204, 299, 300, 399, 400, 418, 451, 499, 500, 505, 511, 599, 600, 999])
def test_every_status_is_some_failure_when_nothing_came(provider: LLMProviderType, status: int) -> None:
    assert isinstance(failure(provider, b"", status=status), ProviderFailure)


@pytest.mark.parametrize("provider", VENDORS)
def test_b08_a_success_with_retry_after_is_a_success(provider: LLMProviderType) -> None:
    assert read(provider, reply_of(provider), headers={"Retry-After": "60"}).text == "Essay A"


def test_the_key_that_a_vendor_echoes_is_not_in_the_message() -> None:
    echo = openai_error(
        "Incorrect API key provided: sk-proj-abcdef123456. Find it at https://x.", code="invalid_api_key"
    )
    found = failure(OPENAI, echo, status=401)
    assert "abcdef123456" not in found.message
    assert "[redacted]" in found.message
    assert found.vendor_code == "invalid_api_key"


def test_a_code_that_is_no_code_is_not_repeated() -> None:
    found = failure(OPENAI, openai_error("x", code="a b\nc", kind="<script>"), status=400)
    assert found.vendor_code is None


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        (GOOGLE, google_reply(finishReason="SAFETY", parts=[])),
        (ANTHROPIC, anthropic_reply(stop_reason="refusal", content=[])),
        (OPENAI, openai_reply(message={"content": None, "refusal": "No."})),
        (GOOGLE, google_reply(finishReason="MAX_TOKENS", parts=[])),
        (ANTHROPIC, anthropic_reply(stop_reason="max_tokens", content=[])),
        (OPENAI, openai_reply(finish_reason="length", message={"content": None})),
    ],
)
def test_what_was_bought_is_kept_when_it_cannot_be_used(provider: LLMProviderType, body: Any) -> None:
    found = failure(provider, body)
    assert found.billed is Billed.YES
    assert (found.usage.input_tokens, found.usage.output_tokens) == (100, 20)
    assert found.served_model is not None


@pytest.mark.parametrize("provider", VENDORS)
def test_a_failure_without_an_answer_has_unknown_usage(provider: LLMProviderType) -> None:
    assert not failure(provider, b"", status=500).usage.known


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize("levels", [200, 500, 900, 1000, 5000])
@pytest.mark.parametrize("provider", VENDORS)
def test_b35_an_error_message_that_is_a_deep_document_is_survived(provider: LLMProviderType, levels: int) -> None:
    found = failure(provider, b'{"error":{"message":' + deep(levels) + b"}}", status=400)
    assert type(found) is RequestRejected


@pytest.mark.parametrize("levels", [200, 500, 900, 1000, 5000])
def test_b35_an_answer_that_is_a_deep_document_is_survived(levels: int) -> None:
    call = {"type": "tool_use", "id": "1", "name": ANSWER_TOOL, "input": "DEEP"}
    raw = orjson.dumps(anthropic_reply(content=[call])).replace(b'"DEEP"', deep(levels))
    try:
        assert read(ANTHROPIC, raw).text.startswith('{"a":')
    except BadResponse as found:
        assert levels > 500
        assert found.may_retry
