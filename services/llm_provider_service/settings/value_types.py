"""Types for setting values; their error messages say what is wrong and never show the value."""

from __future__ import annotations

from typing import Annotated, Literal
from unicodedata import category

from pydantic import AfterValidator, BeforeValidator, SecretStr, StringConstraints

MOST_MB = 1024 * 1024
CONTROL = "Cc"
LONE_SURROGATE = "Cs"


def key_problem(key: SecretStr) -> str | None:
    """Returns why *key* cannot be sent in a header, or `None`."""
    text = key.get_secret_value()
    if text.isascii() and text.isprintable() and " " not in text:
        return None
    return "must be ASCII without blanks, line breaks and other control characters inside"


def _stripped(key: SecretStr | None) -> SecretStr | None:
    """Returns *key* without blanks and line breaks around it, as files often add; an empty one is no key."""
    text = "" if key is None else key.get_secret_value().strip()
    return SecretStr(text) if text else None


def _sendable(text: str) -> str:
    """Returns *text* if it can be sent in a header; letters of any language can, as the HTTP client writes UTF-8."""
    if any(category(character) in {CONTROL, LONE_SURROGATE} for character in text):
        raise ValueError(
            "must be text without line breaks and other control characters, because it is sent in a header"
        )
    return text


def _lowered(text: object) -> object:
    return text.strip().lower() if isinstance(text, str) else text


Environment = Annotated[Literal["development", "testing", "staging", "production"], BeforeValidator(_lowered)]
Address = Annotated[str, StringConstraints(strip_whitespace=True)]
Key = Annotated[SecretStr | None, AfterValidator(_stripped)]
HeaderText = Annotated[str, AfterValidator(_sendable)]
