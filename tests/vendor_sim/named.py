"""Scenarios by name: for models called `sim-<name>`, for curl, and for the control API."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from tests.vendor_sim.errors import ERRORS
from tests.vendor_sim.scenarios import (
    Cut,
    Drip,
    EmptyChoices,
    GzipBomb,
    Hang,
    Huge,
    MaxTokens,
    RawBody,
    RawWire,
    Redirect,
    Refusal,
    SafetyBlock,
    Scenario,
    Status,
    Success,
    ToolCallUnasked,
)

SIM_PREFIX = "sim-"

_HTML = b"<html><body>It works!</body></html>"
_DEEP = b"[" * 200_000 + b"]" * 200_000
_JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

# OpenRouter says that it does not charge for an answer that ends like this, whatever it has counted.
_BROKEN_OFF = {
    "index": 0,
    "message": {"role": "assistant", "content": "Essay"},
    "finish_reason": "error",
    "native_finish_reason": None,
    "error": {"code": 502, "message": "Provider disconnected", "metadata": {"provider_name": "Anthropic"}},
}
_COUNTED = {"prompt_tokens": 100, "completion_tokens": 47, "total_tokens": 147}

_SCENARIOS: dict[str, Scenario] = {
    **ERRORS,
    "success": Success(),
    "slow": Success(delay=5.0, label="slow"),
    "refusal": Refusal(),
    "safety-block": SafetyBlock(),
    "prompt-blocked": SafetyBlock(prompt=True, label="prompt-blocked"),
    "max-tokens": MaxTokens(),
    "max-tokens-empty": MaxTokens(empty=True, label="max-tokens-empty"),
    "empty-choices": EmptyChoices(),
    "tool-call-unasked": ToolCallUnasked(),
    "no-usage": Success(usage={}, label="no-usage"),
    "fenced": Success(
        text='```json\n{"winner": "Essay A", "confidence": 3, "justification": "Fenced."}\n```', label="fenced"
    ),
    "prose": Success(text="Both essays have merit.", label="prose"),
    "tie": Success(text='{"winner": "Tie", "confidence": 3, "justification": "Equal."}', label="tie"),
    "openrouter-broken-off": Status(
        200, {"id": "gen-1", "choices": [_BROKEN_OFF], "usage": _COUNTED}, label="openrouter-broken-off"
    ),
    "empty": RawBody(b"", label="empty"),
    "no-content": RawBody(b"", status=204, label="no-content"),
    "html": RawBody(_HTML, "text/html", label="html"),
    "json-type-with-html": RawBody(_HTML, label="json-type-with-html"),
    "truncated-json": RawBody(b'{"choices": [{"message": {"con', label="truncated-json"),
    "bad-utf8": RawBody(b'{"text": "\xff\xfe"}', label="bad-utf8"),
    "deep": RawBody(_DEEP, label="deep"),
    "nan": RawBody(b'{"usage": {"prompt_tokens": NaN}}', label="nan"),
    "hang": Hang(),
    "hang-body": Hang(where="body", label="hang-body"),
    "drip": Drip(),
    "cut": Cut(),
    "cut-headers": Cut(after="headers", label="cut-headers"),
    "cut-half": Cut(after="half", label="cut-half"),
    "fin-half": Cut(after="half", how="fin", label="fin-half"),
    "fin-chunk": Cut(after="half", how="fin", framing="chunked", label="fin-chunk"),
    "fin-close": Cut(after="half", how="fin", framing="close", label="fin-close"),
    "gzip-bomb": GzipBomb(),
    "huge": Huge(),
    "redirect": Redirect("http://127.0.0.1:9/"),
    "garbage": RawWire(b"\x15\x03\x01\x00\x02\x02\x28 not http at all\r\n\r\n", label="garbage"),
    "two-lengths": RawWire(_JSON_HEAD + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}", label="two-lengths"),
    "length-and-chunked": RawWire(
        _JSON_HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        label="length-and-chunked",
    ),
    "big-header": RawWire(
        _JSON_HEAD + b"X-Big: " + b"x" * 100_000 + b"\r\nContent-Length: 2\r\n\r\n{}", label="big-header"
    ),
    "many-headers": RawWire(
        _JSON_HEAD + b"".join(b"X-H-%d: 1\r\n" % n for n in range(100_000)) + b"Content-Length: 2\r\n\r\n{}",
        label="many-headers",
    ),
    "extra-bytes": RawWire(
        _JSON_HEAD + b"Content-Length: 2\r\n\r\n{}" + _JSON_HEAD + b'Content-Length: 8\r\n\r\n"POISON"',
        label="extra-bytes",
    ),
}

_KINDS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind)
    for kind in (Success, Status, Refusal, SafetyBlock, MaxTokens, EmptyChoices, ToolCallUnasked, RawBody, RawWire, Cut,
                 Hang, Drip, GzipBomb, Huge, Redirect)
}  # fmt: skip


def scenario_named(name: str) -> Scenario:
    """The scenario called *name*; `status-NNN` is that status. Raises `LookupError` for a name that means nothing."""
    if name.startswith("status-") and name.removeprefix("status-").isdecimal():
        return Status(int(name.removeprefix("status-")))
    if name not in _SCENARIOS:
        raise LookupError(f"there is no scenario {name!r}; there are status-NNN, {', '.join(names())}")
    return _SCENARIOS[name]


def scenario_from(value: str | dict[str, Any]) -> Scenario:
    """A scenario as the control API says it: a name, or `{"kind": "Success", "delay": 0.5}`.

    Raises `LookupError` for an unknown name or kind and pydantic's `ValidationError` for fields that do not fit.
    """
    if isinstance(value, str):
        return scenario_named(value)
    fields = dict(value)
    scenario: Scenario = _KINDS[fields.pop("kind")].validate_python(fields)
    return scenario


def names() -> list[str]:
    """All names that `scenario_named` knows, `status-NNN` apart."""
    return sorted(_SCENARIOS)
