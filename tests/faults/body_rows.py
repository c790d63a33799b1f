"""FAULTS, "Upstream HTTP and body": complete answers, with the vendors' real bodies, that are bad news."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate

from tests.faults.nonsense_rows import NONSENSE_ROWS
from tests.faults.rows import Expected, Row, Stage
from tests.vendor_sim import (
    ERRORS,
    MaxTokens,
    Refusal,
    SafetyBlock,
    Scenario,
    Status,
    Success,
    Tokens,
    ToolCallUnasked,
    scenario_named,
)

TEN_MINUTES = 600
IN_TEN_MINUTES = formatdate(time.time() + TEN_MINUTES, usegmt=True)
RESET_IN_TEN_MINUTES = (datetime.now(UTC) + timedelta(seconds=TEN_MINUTES)).strftime("%Y-%m-%dT%H:%M:%SZ")
GONE_BY = "Wed, 21 Oct 2015 07:28:00 GMT"
RETRIED = ("rate_limited", "success")
NOT_A_VERDICT = Expected(status=502, code="PARSING_ERROR", attempts=("rejected",) * 2, elsewhere=False)
REFUSED = Expected(status=422, code="CONTENT_REFUSED", attempts=("content_refused",), elsewhere=False, books=True)
TURNED_AWAY = Expected(status=422, code="CONTENT_REFUSED", attempts=("content_refused",), elsewhere=False)
TRUNCATED = Expected(status=502, code="PARSING_ERROR", attempts=("output_truncated",), elsewhere=False, books=True)
TOO_LONG = Expected(status=422, code="CONTEXT_LENGTH_EXCEEDED", attempts=("context_too_long",), elsewhere=False)
NOT_ACCEPTED = Expected(status=422, code="INVALID_REQUEST", attempts=("request_rejected",), elsewhere=False)
NO_MODEL = Expected(status=422, code="INVALID_REQUEST", attempts=("model_not_found",), elsewhere=True)
ASKED_ONCE = Expected(
    status=503, code="SERVICE_UNAVAILABLE", attempts=("server_error",), breaker="model +1", elsewhere=True
)
NO_KEY = Expected(
    status=502, code="PROVIDER_AUTHENTICATION_ERROR", attempts=("authentication_failed",), breaker="provider open",
    elsewhere=True, alert=True,
)  # fmt: skip


def _cooling(outcome: str, seconds: int, *, slack: int = 2, alert: bool = False) -> Expected:
    """One call, and the caller is told when to come back."""
    return Expected(
        status=503, code="SERVICE_UNAVAILABLE", attempts=(outcome,), elsewhere=True, seconds=(0, 1), alert=alert,
        retry_after=(seconds - slack, seconds),
    )  # fmt: skip


def _again(least: float = 0.0, most: float = 3.0) -> Expected:
    """Waited for, and asked again."""
    return Expected(attempts=RETRIED, seconds=(least, most))


def _trouble(outcome: str = "server_error", most: float = 3.0) -> Expected:
    """Retried, in vain."""
    return Expected(
        status=503, code="SERVICE_UNAVAILABLE", attempts=(outcome,) * 3, breaker="model +3", elsewhere=True,
        seconds=(0, most),
    )  # fmt: skip


def _case(row: str, fault: str, vendor: str, expected: Expected, *plays: Scenario, deadline_ms: int | None = None,
          asks: int = 1, stage: Stage = Stage.BODIES) -> Row:  # fmt: skip
    return Row(id=row, fault=fault, vendor=vendor, expected=expected, plays=plays, deadline_ms=deadline_ms, asks=asks,
               stage=stage)  # fmt: skip


def _limited(headers: dict[str, str]) -> Status:
    return Status(429, headers=headers)


def _real(row: str, fault: str, name: str, expected: Expected, *, then: Success | None = None,
          deadline_ms: int | None = None, stage: Stage = Stage.BODIES) -> Row:  # fmt: skip
    """A row with one of the real bodies; the vendor is the first word of the body's name."""
    word = name.partition("-")[0]
    vendor = {"gemini": "google", "azure": "openai", "message": "openai", "html": "openai"}.get(word, word)
    plays = (ERRORS[name],) if then is None else (ERRORS[name], then)
    return _case(f"{row}-{name}", fault, vendor, expected, *plays, deadline_ms=deadline_ms, stage=stage)


def _keyless(row: str, fault: str, name: str) -> Row:
    return _real(row, fault, name, NO_KEY, stage=Stage.KEYS)


LIMITS = (
    _case("B01", "429, Retry-After: 2, then an answer", "openai", _again(2.0, 3.2), _limited({"Retry-After": "2"}),
          Success()),
    _case("B01-long", "429, Retry-After: 30, deadline 5 s", "openai", _cooling("rate_limited", 30),
          _limited({"Retry-After": "30"}), deadline_ms=5000),
    _case("B02-future", "429, Retry-After: a date in ten minutes, deadline 5 s", "openai",
          _cooling("rate_limited", TEN_MINUTES, slack=180), _limited({"Retry-After": IN_TEN_MINUTES}),
          deadline_ms=5000),
    _case("B02-past", "429, Retry-After: a date long gone, then an answer", "openai", _again(),
          _limited({"Retry-After": GONE_BY}), Success()),
    _case("B03", "429 without a header, then an answer", "openai", _again(), _limited({}), Success()),
    _real("B04", "RetryInfo 0.1s, then an answer", "gemini-short-wait", _again(0.1), then=Success()),
    _real("B04", "RetryInfo 58s, deadline 5 s", "gemini-per-minute", _cooling("rate_limited", 58), deadline_ms=5000),
    _real("B04", "quotaId …PerDay", "gemini-per-day", _cooling("quota_exhausted", 3600, alert=True)),
    _real("B04", "the wait only in the message", "gemini-message-only", _cooling("rate_limited", 59, slack=3),
          deadline_ms=5000),
    _real("B04", "the wait only in the words of a vendor behind it", "openrouter-wait",
          _cooling("rate_limited", 58), deadline_ms=5000),
    _real("B04", "the error in an array", "gemini-array", _cooling("rate_limited", 58), deadline_ms=5000),
    _real("B04", "no details, then an answer", "gemini-no-details", _again(), then=Success()),
    _real("B04", "the error inside the message, then an answer", "gemini-nested", _again(), then=Success()),
    _real("B05", "insufficient_quota", "openai-quota", _cooling("quota_exhausted", 300, alert=True)),
    _case("B06", "429, anthropic-ratelimit-requests-remaining: 0, reset in ten minutes", "anthropic",
          _cooling("rate_limited", TEN_MINUTES, slack=180), _limited(
              {"anthropic-ratelimit-requests-remaining": "0",
               "anthropic-ratelimit-requests-reset": RESET_IN_TEN_MINUTES}), deadline_ms=5000),
    _real("B06", "429 with retry-after 2 and a stale reset, then an answer", "anthropic-rate-limit", _again(2.0, 3.2),
          then=Success()),
    _case("B07-day", "429, Retry-After: 86400, deadline 5 s", "openai", _cooling("rate_limited", 86_400),
          _limited({"Retry-After": "86400"}), deadline_ms=5000),
    _case("B07-negative", "429, Retry-After: -1, then an answer", "openai", _again(),
          _limited({"Retry-After": "-1"}), Success()),
    _case("B07-word", "429, Retry-After: soon, then an answer", "openai", _again(), _limited({"Retry-After": "soon"}),
          Success()),
    _case("B08", "200 with retry-after: 30", "anthropic", Expected(attempts=("success",) * 2, seconds=(0, 1)),
          Success(headers={"retry-after": "30"}), asks=2),
)  # fmt: skip

TROUBLES = (
    _real("B09", "500", "openai-server-error", _trouble()),
    _real("B10", "502 with HTML", "html-502", _trouble()),
    _real("B11", "503 UNAVAILABLE", "gemini-overloaded", _trouble("overloaded", 4.0)),
    _real("B12", "504", "anthropic-timeout", _trouble()),
    _real("B13", "529 overloaded_error", "anthropic-overloaded", _trouble("overloaded", 4.0)),
    _real("B14", "408", "openrouter-timeout", _trouble()),
    _real("B15", "409", "anthropic-conflict", _trouble()),
    _case("B16-no-openai", "503, x-should-retry: false", "openai", ASKED_ONCE,
          Status(503, headers={"x-should-retry": "false"})),
    _case("B16-yes-anthropic", "400, x-should-retry: true, then an answer", "anthropic",
          Expected(attempts=("request_rejected", "success")), Status(400, headers={"x-should-retry": "true"}),
          Success()),
    _case("B16-no-openrouter", "503, x-should-retry: false", "openrouter", ASKED_ONCE,
          Status(503, headers={"x-should-retry": "false"})),
    _case("B16-yes-openrouter", "400, x-should-retry: true, from one whose yes does not count", "openrouter",
          NOT_ACCEPTED, Status(400, headers={"x-should-retry": "true"})),
)  # fmt: skip

REFUSALS = (
    _keyless("B17", "401, which echoes the key", "openai-bad-key"),
    _keyless("B17", "401", "anthropic-bad-key"),
    _keyless("B17", "400 API_KEY_INVALID", "gemini-bad-key"),
    _keyless("B17", "401", "openrouter-bad-key"),
    _keyless("B18", "403, country", "openai-region"),
    _keyless("B18", "403, permission", "anthropic-permission"),
    _keyless("B18", "400, location", "gemini-region"),
    _real("B18", "403, moderation", "openrouter-moderation", TURNED_AWAY),
    _real("B18", "403, moderation in other words", "openrouter-guardrail", TURNED_AWAY),
    _real("B18", "403 of a vendor behind it", "openrouter-forbidden", NO_MODEL),
    _real("B19", "402, no credit", "openrouter-no-credit", _cooling("quota_exhausted", 300, alert=True)),
    _real("B19", "402, billing", "anthropic-billing", _cooling("quota_exhausted", 300, alert=True)),
    _real("B19", "400, credit balance", "anthropic-low-credit", _cooling("quota_exhausted", 300, alert=True)),
    _real("B20", "404 model_not_found", "openai-no-model", NO_MODEL),
    _real("B20", "400 model_not_found", "openai-no-model-400", NO_MODEL),
    _real("B20", "404 not_found_error", "anthropic-no-model", NO_MODEL),
    _real("B20", "404 NOT_FOUND", "gemini-no-model", NO_MODEL),
    _real("B20", "404, no endpoint", "openrouter-no-endpoint", NO_MODEL),
    _real("B20", "404, the error is a string", "ollama-no-model", NO_MODEL),
    _real("B21", "400 context_length_exceeded", "openai-too-long", TOO_LONG),
    _real("B21", "400 prompt is too long", "anthropic-too-long", TOO_LONG),
    _real("B21", "400 input token count", "gemini-too-long", TOO_LONG),
    _real("B21", "400 prompt is too long, of a vendor behind it", "openrouter-too-long", TOO_LONG),
    _real("B22", "400 temperature", "openai-temperature", NOT_ACCEPTED),
    _real("B22", "400 temperature", "anthropic-temperature", NOT_ACCEPTED),
    _real("B22", "400 invalid_request_error", "anthropic-bad-request", NOT_ACCEPTED),
    _real("B22", "400 of a vendor behind it", "openrouter-bad-request", NOT_ACCEPTED),
    _real("B22", "400 with nothing but a message", "message-only", NOT_ACCEPTED),
    _real("B23", "413 with HTML", "anthropic-too-large", NOT_ACCEPTED),
    _real("B24", "200 with error 502 in it", "openrouter-error-in-200", _trouble()),
    _case("B24-choice", "200 with error 502 in the choice, after tokens that count", "openrouter",
          _trouble("broken_off"), scenario_named("openrouter-broken-off")),
    _real("B24", "200 with error 429 in it, then an answer", "openrouter-limit-in-200", _again(), then=Success()),
)  # fmt: skip

GOOD = '{"justification": "Clearer.", "winner": "Essay B", "confidence": 2.5}'
ANSWERS = (
    _case("B25-prompt", "promptFeedback, no candidates", "google", REFUSED, SafetyBlock(prompt=True)),
    _case("B26-safety", "finishReason SAFETY", "google", REFUSED, SafetyBlock()),
    _case("B26-recitation", "finishReason RECITATION", "google", REFUSED,
          Success(text="", finish="RECITATION", tokens=Tokens(input=900, output=50))),
    _case("B26-filter", "finish_reason content_filter", "openai", REFUSED, SafetyBlock()),
    _case("B27-openai", "refusal field", "openai", REFUSED, Refusal()),
    _case("B27-anthropic", "stop_reason refusal", "anthropic", REFUSED, Refusal()),
    *(_case(f"B28-{vendor}", "output limit inside the answer", vendor, TRUNCATED, MaxTokens())
      for vendor in ("openai", "anthropic", "google")),
    *(_case(f"B29-{vendor}", "output limit before the answer", vendor, TRUNCATED, MaxTokens(empty=True))
      for vendor in ("openai", "anthropic", "google")),
    _case("B30-openai", "call of a tool that nobody offered", "openai", NOT_A_VERDICT, ToolCallUnasked()),
    _case("B30-google", "UNEXPECTED_TOOL_CALL", "google", NOT_A_VERDICT, ToolCallUnasked()),
    _case("B40-fence", "the verdict in a fence", "openai", Expected(fields={"winner": "Essay B"}),
          Success(text=f"```json\n{GOOD}\n```")),
    _case("B40-prose", "prose", "openai", NOT_A_VERDICT, Success(text="Essay A is better.")),
    _case("B40-two", "two objects", "anthropic", NOT_A_VERDICT, Success(text=f"{GOOD}\n{GOOD}")),
    _case("B40-trailing", "text behind the object", "google", NOT_A_VERDICT, Success(text=f"{GOOD} So B wins.")),
    _case("B40-enum", "winner: Tie", "openrouter", NOT_A_VERDICT, Success(text=GOOD.replace("Essay B", "Tie"))),
    _case("B40-seven", "confidence: 7", "openai", NOT_A_VERDICT, Success(text=GOOD.replace("2.5", "7"))),
    _case("B41-long", "justification of 1 MB", "openai", Expected(fields={"flags": ["justification_truncated",
          "unknown_model"]}), Success(text=json.dumps({**json.loads(GOOD), "justification": "reasons " * 131_072}))),
    _case("B41-prose", "prose of 1 MB", "openai", NOT_A_VERDICT, Success(text="reasons " * 131_072)),
)  # fmt: skip

BODY_ROWS = (*LIMITS, *TROUBLES, *REFUSALS, *ANSWERS, *NONSENSE_ROWS)
