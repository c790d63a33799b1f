"""Reads how long a vendor wants us to wait, in all the formats that vendors use."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# The longest limits of vendors are per day. A longer wait (a time of day sent as a wait, for example) cannot be right,
# but it means "not soon": one call per hour does no harm, while a wrong number must not block a vendor for a day.
MAX_RETRY_AFTER_SECONDS = 86_400.0
UNBELIEVABLE_WAIT_SECONDS = 3_600.0
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_LETTER = r"[^\W\d_]"
_UNITS = {
    "millisecond": 0.001,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "sec": 1.0,
    "min": 60.0,
    "hr": 3600.0,
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_AMOUNT = rf"\d++(?:\.\d++)?+ ?(?:{'|'.join(_UNITS)})s?(?!{_LETTER})"
_AMOUNTS = rf"{_AMOUNT}(?:(?:,? and |, | )?{_AMOUNT}){{0,3}}(?!\d)"
_BARE_NUMBER = rf"\d++(?:\.\d++)?+(?![.,–-]\d| *{_LETTER})"
_SPOKEN = re.compile(rf"(?:retry|try again) in (?:(?P<amounts>{_AMOUNTS})|(?P<seconds>{_BARE_NUMBER}))")
_COUNT_AND_UNIT = re.compile(rf"([\d.]+) ?({'|'.join(_UNITS)})")
_RESET = re.compile(r"(?:anthropic-ratelimit-[a-z-]+-reset|x-ratelimit-reset-[a-z-]+)")


def honours_retry_after(status: int) -> bool:
    """Returns whether a wait is accepted from a reply with *status*: 408, 409, 429 and 5xx only."""
    return status in {408, 409, 429} or 500 <= status <= 599


def retry_after(status: int, headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds to wait, 0 to 24 hours, from *headers* (names in lower case); `None` if there is no usable value.

    More than 24 hours counts as one hour. `Retry-After` headers win over the reset times of limits; those count only on
    429 and only for a limit with nothing remaining.
    """
    if not honours_retry_after(status):
        return None
    for read, name in ((_milliseconds, "retry-after-ms"), (_seconds, "retry-after")):
        wait = read(headers[name], now) if name in headers else None
        if wait is not None:
            return wait
    return max(_resets(headers, now), default=None) if status == 429 else None


def duration(value: str) -> float | None:
    """Seconds in a duration such as `58s`, `0.1s`, `6ms`, `1m30s` or `7`; `None` for anything else."""
    match = _DURATION.fullmatch(value.strip())
    if match is None or not any(match.groups()):
        return _number(value)
    hours, minutes, seconds, milliseconds = (float(group or 0) for group in match.groups())
    return _sane(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000)


def spoken_wait(message: str) -> float | None:
    """Seconds in a sentence such as `Please retry in 58.2s.` or `Try again in 5 minutes`; used as a last resort.

    A number without a unit is in seconds; a number of other things (days, requests) gives `None`.
    """
    match = _SPOKEN.search(message[:4_000].lower())
    if match is None:
        return None
    if match["seconds"]:
        return _number(match["seconds"])
    amounts = _COUNT_AND_UNIT.findall(match["amounts"])
    return _sane(sum(float(count) * _UNITS[unit] for count, unit in amounts))


def _sane(seconds: float) -> float | None:
    """Returns None for negative and infinite waits, and one hour for more than a day."""
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return seconds if seconds <= MAX_RETRY_AFTER_SECONDS else UNBELIEVABLE_WAIT_SECONDS


def _number(value: str, *, per_second: float = 1.0) -> float | None:
    try:
        return _sane(float(value) / per_second)
    except ValueError:
        return None


def _milliseconds(value: str, now: float) -> float | None:
    return _number(value, per_second=1000.0)


def _seconds(value: str, now: float) -> float | None:
    number = duration(value)
    return number if number is not None else _until(_http_date(value), now)


def _resets(headers: Mapping[str, str], now: float) -> Iterator[float]:
    for name, value in headers.items():
        if not _RESET.fullmatch(name) or headers.get(name.replace("reset", "remaining"), "0").strip() != "0":
            continue
        wait = duration(value)
        wait = wait if wait is not None else _until(_rfc3339(value), now)
        if wait is not None:
            yield wait


def _until(moment: datetime | None, now: float) -> float | None:
    """Seconds from *now* to *moment*, 0 if it has passed."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return _sane(max(0.0, aware.timestamp() - now))
    except (OverflowError, ValueError):
        return None


def _http_date(value: str) -> datetime | None:
    try:
        return parsedate_to_datetime(value)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None


def _rfc3339(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        return None
