"""When a vendor wants to be asked again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.llm_provider_service.wire.retry_after import (
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
        ("Please try again later.", None),
        ("retry in 1.2.3.4", None),
    ],
)
def test_a_wait_that_is_only_spoken_of(message: str, seconds: float | None) -> None:
    assert spoken_wait(message) == (None if seconds is None else pytest.approx(seconds))


@settings(deadline=None)
@given(value=st.text(max_size=40), status=st.integers(100, 599))
def test_whatever_a_header_says_the_wait_is_sane(value: str, status: int) -> None:
    names = ("retry-after", "retry-after-ms", RESET, "x-ratelimit-reset-tokens")
    for name in names:
        wait = retry_after(status, {name: value}, now=NOW)
        assert wait is None or 0 <= wait <= MAX_RETRY_AFTER_SECONDS
