"""The fault catalogue: what each vendor's bad reply means, when it may be asked again, and whether it was billed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest

from common_core.config_enums import LLMProviderType
from common_core.llm_attempts import AttemptOutcome, Billed
from services.llm_provider_service.domain.failures import BadResponse, RedirectRefused, RequestRejected, ServerError
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN
from services.llm_provider_service.providers.common.encoding import ANSWER_TOOL
from services.llm_provider_service.tests.unit.providers.failure_rows import (
    BEHIND_TOO_LONG,
    HTML,
    Row,
    broken_off,
    openai_error,
    openrouter_error,
)
from services.llm_provider_service.tests.unit.providers.http_failure_rows import HTTP_ROWS
from services.llm_provider_service.tests.unit.providers.replies import (
    ANTHROPIC,
    GOOGLE,
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
from services.llm_provider_service.tests.unit.providers.reply_failure_rows import REPLY_ROWS


@pytest.mark.parametrize("row", [*HTTP_ROWS, *REPLY_ROWS], ids=lambda row: row.id)
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


def test_what_the_vendor_behind_says_is_shown_short_and_without_its_key() -> None:
    raw = orjson.dumps(openai_error("Bad key sk-proj-abcdef123456. " + "So it is. " * 100, code="odd_code")).decode()
    found = failure(OPENROUTER, openrouter_error(400, raw=raw, provider_name="Somebody"), status=400)
    assert "Provider returned error: Somebody: Bad key [redacted]. So it is." in found.message
    assert len(found.message) < 350
    assert found.vendor_code == "odd_code"


def test_a_page_of_the_vendor_behind_is_not_repeated() -> None:
    found = failure(OPENROUTER, openrouter_error(502, raw=HTML.decode()), status=502)
    assert type(found) is ServerError
    assert "canary" not in found.message


@pytest.mark.parametrize("raw", [None, "", 7, "7", [], ["x"], {}, {"error": {}}, "[" * 200_000, {"error": [[]]}])
def test_what_the_vendor_behind_says_may_be_anything(raw: object) -> None:
    assert type(failure(OPENROUTER, openrouter_error(400, raw=raw), status=400)) is RequestRejected


def test_only_a_reseller_has_vendors_behind_it() -> None:
    assert type(failure(OPENAI, openrouter_error(400, raw=BEHIND_TOO_LONG), status=400)) is RequestRejected


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


@pytest.mark.parametrize("code", [400, 401, 403, 404, 408, 429, 500, 502, 503, 7])
def test_what_was_counted_is_kept_when_an_answer_breaks_off(code: int) -> None:
    found = failure(OPENROUTER, broken_off(code, 100, 50))
    assert type(found) is type(failure(OPENROUTER, broken_off(code)))
    assert found.billed is Billed.UNKNOWN
    assert found.outcome is AttemptOutcome.BROKEN_OFF
    assert (found.usage.input_tokens, found.usage.output_tokens, found.served_model) == (100, 50, "served")


@pytest.mark.parametrize("counted", [(), (100,), (0, 0), (100, -1)])
def test_an_answer_that_breaks_off_uncounted_is_no_more_than_its_error(counted: tuple[int, ...]) -> None:
    found = failure(OPENROUTER, broken_off(502, *counted))
    assert (found.billed, found.outcome) == (Billed.NO, AttemptOutcome.SERVER_ERROR)
    assert found.usage == USAGE_UNKNOWN


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


def deep_answer(levels: int) -> bytes:
    call = {"type": "tool_use", "id": "1", "name": ANSWER_TOOL, "input": "DEEP"}
    return orjson.dumps(anthropic_reply(content=[call])).replace(b'"DEEP"', deep(levels))


@pytest.mark.parametrize("levels", [200, 500, 900, 980, 1000])
def test_b35_an_answer_that_is_a_deep_document_is_read_or_refused(levels: int) -> None:
    with suppress(BadResponse):
        assert read(ANTHROPIC, deep_answer(levels)).text == deep(levels).decode()


def test_b35_an_answer_that_is_far_too_deep_is_a_bad_response() -> None:
    assert type(failure(ANTHROPIC, deep_answer(5000))) is BadResponse
