"""When a vendor wants to be asked again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.llm_provider_service.providers.common.retry_after import (
    MAX_RETRY_AFTER_SECONDS,
    UNBELIEVABLE_WAIT_SECONDS,
    duration,
    retry_after,
    spoken_wait,
)

# Sunday, 2025-03-16 09:38:00 UTC.
NOW = 1_742_117_880.0
RESET = "anthropic-ratelimit-requests-reset"
REMAINING = "anthropic-ratelimit-requests-remaining"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "20s"}, 20.0),
        ({"retry-after": "Sun, 16 Mar 2025 09:38:17 GMT"}, 17.0),
        ({"retry-after": "Sun, 16 Mar 2025 09:37:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 16 Mar 2025 09:38:17"}, 17.0),
        ({"retry-after": "Sun, 99 Mar 2025 09:38:17 GMT"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after": "86401"}, UNBELIEVABLE_WAIT_SECONDS),
        ({"retry-after": "1000000000"}, UNBELIEVABLE_WAIT_SECONDS),
        ({"retry-after-ms": "1742117880000"}, UNBELIEVABLE_WAIT_SECONDS),
        ({"retry-after-ms": "86400000"}, MAX_RETRY_AFTER_SECONDS),
        ({"retry-after": "Sun, 16 Mar 2031 09:38:17 GMT"}, UNBELIEVABLE_WAIT_SECONDS),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e400"}, None),
        ({}, None),
        ({REMAINING: "0", RESET: "2025-03-16T09:38:17Z"}, 17.0),
        ({REMAINING: "0", RESET: "2025-03-16T09:30:00Z"}, 0.0),
        ({REMAINING: "3999", RESET: "2025-03-16T09:38:17Z"}, None),
        ({RESET: "2025-03-16T09:38:17+00:00"}, 17.0),
        ({RESET: "tomorrow"}, None),
        ({RESET: "2025-03-16T09:38:17Z", "retry-after": "4"}, 4.0),
        ({"anthropic-ratelimit-input-tokens-reset": "2025-03-16T09:38:20Z", RESET: "2025-03-16T09:38:17Z"}, 20.0),
        ({"x-ratelimit-reset-requests": "6ms"}, 0.006),
        ({"x-ratelimit-reset-requests": "1m30s"}, 90.0),
        ({"x-ratelimit-reset-requests": "17.56s"}, 17.56),
        ({"x-ratelimit-reset-tokens": "7"}, 7.0),
        ({"x-ratelimit-remaining-tokens": "12", "x-ratelimit-reset-tokens": "7"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h"}, 3600.0),
    ],
)
def test_every_dialect_is_understood(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(429, headers, now=NOW) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("status", "honoured"),
    [
        (200, False),
        (400, False),
        (401, False),
        (404, False),
        (408, True),
        (409, True),
        (429, True),
        (500, True),
        (503, True),
        (529, True),
    ],
)
def test_a_wait_counts_only_where_waiting_helps(status: int, *, honoured: bool) -> None:
    assert (retry_after(status, {"retry-after": "2"}, now=NOW) == 2.0) is honoured


def test_the_resets_of_limits_count_only_on_429() -> None:
    assert retry_after(503, {"x-ratelimit-reset-requests": "6s"}, now=NOW) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("58s", 58.0),
        ("0.1s", 0.1),
        ("6ms", 0.006),
        ("1h2m3s", 3723.0),
        ("2m", 120.0),
        ("0s", 0.0),
        ("s", None),
        ("", None),
        ("-3s", None),
        ("3 days", None),
        ("1m30", None),
        ("999999h", UNBELIEVABLE_WAIT_SECONDS),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("You exceeded your current quota. Please retry in 58.217843437s.", 58.217843437),
        ("Rate limit reached. Please try again in 1m30s. Visit the site.", 90.0),
        ("Please try again in 6ms.", 0.006),
        ("Please try again in 1m30.5s.", 90.5),
        ("Please try again in 20s", 20.0),
        ("Please try again in 500ms; more at our site", 0.5),
        ("Please try again in 2h0m0.5s", 7200.5),
        ("Please try again in 5 minutes.", 300.0),
        ("Please try again in 1 minute", 60.0),
        ("Try again in 1 hour, or ask for more", 3600.0),
        ("TRY AGAIN IN 2 HOURS", 7200.0),
        ("retry in 30 seconds and then again", 30.0),
        ("retry in 1 second.", 1.0),
        ("retry in 1.5 minutes.", 90.0),
        ("retry in 90 sec", 90.0),
        ("retry in 5 mins", 300.0),
        ("retry in 250 milliseconds", 0.25),
        ("retry in 250 ms", 0.25),
        ("retry in 20 s", 20.0),
        ("retry in 1 hour and 5 minutes", 3900.0),
        ("retry in 1 minute, 30 seconds", 90.0),
        ("retry in 5m 30s", 330.0),
        ("retry in 48 hours", UNBELIEVABLE_WAIT_SECONDS),
        ("retry in 20", 20.0),
        ("retry in 20. Visit the site.", 20.0),
        ("retry in 1.5 (or later)", 1.5),
        ("retry in 20\nVisit the site", 20.0),
        ("retry in 3 days", None),
        ("retry in 12 days", None),
        ("retry in 5 months", None),
        ("retry in 5months", None),
        ("retry in 5 business days", None),
        ("retry in 1h30 or so", None),
        ("retry in 5 Tage", None),
        ("retry in 5 días", None),
        ("retry in 5 分", None),
        ("retry in 5-10 minutes", None),
        ("Please try again later.", None),
        ("retry in 1.2.3.4", None),
    ],
)
def test_a_wait_that_is_only_spoken_of(message: str, seconds: float | None) -> None:
    assert spoken_wait(message) == (None if seconds is None else pytest.approx(seconds))


WORDS = st.sampled_from(
    ["retry in ", "try again in ", "7", "0.5", "9" * 400, ".", " ", "m", "s", "hours", " and ", ", "]
)


@settings(deadline=None)
@given(words=st.lists(WORDS | st.text(max_size=3), max_size=12))
def test_whatever_a_sentence_says_the_wait_is_sane(words: list[str]) -> None:
    wait = spoken_wait("".join(words))
    assert wait is None or 0 <= wait <= MAX_RETRY_AFTER_SECONDS


@settings(deadline=None)
@given(value=st.text(max_size=40), status=st.integers(100, 599))
def test_whatever_a_header_says_the_wait_is_sane(value: str, status: int) -> None:
    names = ("retry-after", "retry-after-ms", RESET, "x-ratelimit-reset-tokens")
    for name in names:
        wait = retry_after(status, {name: value}, now=NOW)
        assert wait is None or 0 <= wait <= MAX_RETRY_AFTER_SECONDS
