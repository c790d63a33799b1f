"""What of a vendor's text may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.llm_provider_service.providers.common.redaction import MAX_VENDOR_TEXT, redacted, vendor_text

KEYS = [
    "sk-abcDEF1234567890",
    "sk-proj-abc_DEF-1234567890",
    "sk-ant-api03-abcDEF123",
    "sk-or-v1-abcdef0123",
    "AIzaSyA1234567890abcdefg",
    "gsk_abcdefghij1234567890",
    "xai-abcdefghij1234567890",
    "Bearer abc.def.ghi",
    "0123456789abcdef0123456789abcdef",
    "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
]


@pytest.mark.parametrize("key", KEYS)
def test_what_looks_like_a_key_is_not_shown(key: str) -> None:
    shown = vendor_text(f"Incorrect API key provided: {key}. See the docs.")
    assert key.split()[-1] not in shown
    assert shown == "Incorrect API key provided: [redacted]. See the docs." or "[redacted]" in shown


def test_a_key_that_openai_echoes_half_is_not_shown_either() -> None:
    assert "abcd" not in vendor_text("Incorrect API key provided: sk-proj-****************abcd.")


@pytest.mark.parametrize("page", ["<!DOCTYPE html><p>x", "<html>", " \n<HTML lang=en>", "x <body class=a> secret"])
def test_a_page_is_not_shown(page: str) -> None:
    assert vendor_text(page) == "an HTML page (not shown)"


def test_a_line_cannot_be_forged() -> None:
    assert vendor_text("a\nb\r\x1b[31m\u2028c\u202ed") == "a\\nb\\r\\x1b[31m\\u2028c\\u202ed"


def test_ordinary_text_stays_as_it_is() -> None:
    assert vendor_text(" Räksmörgås: model 'x' not found, status 404 ") == "Räksmörgås: model 'x' not found, status 404"


def test_exact_secrets_are_removed_longest_first() -> None:
    assert redacted("key abc and abcdef", ["abc", "abcdef", ""]) == "key [redacted] and [redacted]"


@settings(deadline=None)
@given(st.text(max_size=2000))
def test_shown_text_is_short_and_printable(raw: str) -> None:
    shown = vendor_text(raw)
    assert len(shown) <= MAX_VENDOR_TEXT
    assert "\n" not in shown
    shown.encode()
