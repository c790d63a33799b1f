"""What settings are made of that pydantic has no type for; a complaint says what is wrong and never shows the value."""

from __future__ import annotations

from typing import Annotated, Literal
from unicodedata import category

from pydantic import AfterValidator, BeforeValidator, SecretStr, StringConstraints

MOST_MB = 1024 * 1024
CONTROL = "Cc"
LONE_SURROGATE = "Cs"


def key_problem(key: SecretStr) -> str | None:
    """Why *key* cannot be sent in a header, or `None`."""
    text = key.get_secret_value()
    if text.isascii() and text.isprintable() and " " not in text:
        return None
    return "must be ASCII without blanks, line breaks and other control characters inside"


def _stripped(key: SecretStr | None) -> SecretStr | None:
    """*key* without the line break that files and secret stores like to leave at its end; nothing left is no key."""
    text = "" if key is None else key.get_secret_value().strip()
    return SecretStr(text) if text else None


def _sendable(text: str) -> str:
    """*text*; letters of any language can be sent, because the HTTP client writes headers in UTF-8."""
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
