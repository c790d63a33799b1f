"""Makes a vendor's text safe to show: short, on one line, without keys."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_VENDOR_TEXT = 300
_READ_AT_MOST = 4_000
_REDACTED = "[redacted]"
_HTML = re.compile(r"<\s*(?:!doctype|html|head|body)\b", re.IGNORECASE)
_KEY_LIKE = re.compile(
    r"Bearer\s+[^\s\"',;]+"
    r"|\b(?:sk|pk|rk)-[A-Za-z0-9*_-]{6,}"
    r"|\bAIza[0-9A-Za-z_-]{10,}"
    r"|\b(?:gsk|xai|hf|ghp|glpat)[_-][A-Za-z0-9_-]{10,}"
    r"|[A-Za-z0-9+/_-]{32,}={0,2}",
    re.IGNORECASE,
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")


def vendor_text(raw: str) -> str:
    """Returns *raw* for a message: at most 300 characters, no control characters, nothing like a key, no HTML."""
    head = raw[:_READ_AT_MOST]
    if _HTML.search(head):
        return "an HTML page (not shown)"
    shown = _KEY_LIKE.sub(_REDACTED, _UNPRINTABLE.sub(_escaped, head)).strip()
    return shown if len(shown) <= MAX_VENDOR_TEXT else shown[: MAX_VENDOR_TEXT - 1] + "…"


def redacted(text: str, secrets: Sequence[str]) -> str:
    """Returns *text* without any of *secrets*, longest first; use it after `vendor_text`, which may miss short keys."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _REDACTED)
    return text


def _escaped(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode("ascii")
