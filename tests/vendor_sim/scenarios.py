"""What a simulated vendor can do with one call. Each scenario is a frozen value with a name that the counters use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.vendor_sim.values import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """`label` replaces the name under which the call is counted; `delay` is in seconds and comes first."""

    label: str = ""
    delay: float = 0.0

    @property
    def name(self) -> str:
        """The class name in kebab-case, unless a label says better."""
        return self.label or re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(self).__name__).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Success(Named):
    """A true answer. `text` replaces it, `tokens` replaces the counted ones (and the bill), `usage` replaces the raw
    usage object on the wire but not the bill (`{}` takes it away), `finish` is the vendor's raw word, `extra` is merged
    into the top of the body."""

    text: str | None = None
    tokens: Tokens | None = None
    usage: Mapping[str, Any] | None = None
    finish: str | None = None
    served_model: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Status(Named):
    """An error status. `body` is JSON, text or bytes; without one, the vendor's own error shape is used. The text
    `<<key>>` in it is replaced by the key that arrived, as vendors that echo keys do."""

    code: int
    body: Mapping[str, Any] | list[Any] | str | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.label or f"status-{self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Named):
    """The model declines; billed."""

    text: str = "I cannot help with that."


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyBlock(Named):
    """A filter steps in; billed. `prompt` blocks before any candidate exists, where the vendor knows such a thing."""

    prompt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxTokens(Named):
    """The output limit is reached: with half of the answer, or `empty` because thinking ate the budget; billed."""

    empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyChoices(Named):
    """Success without any candidate; billed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallUnasked(Named):
    """The model calls a tool that nobody offered; billed."""


@dataclass(frozen=True, slots=True)
class RawBody(Named):
    """These bytes as the body."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200


@dataclass(frozen=True, slots=True)
class RawWire(Named):
    """These bytes on the connection, status line included; then it is closed."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut(Named):
    """The connection ends: before any byte, after the headers, or half through the body (the last two are billed).

    `how` is a reset or a clean close; `framing` is how the body's end would have been told.
    """

    after: Literal["accept", "headers", "half"] = "accept"
    how: Literal["rst", "fin"] = "rst"
    framing: Literal["length", "chunked", "close"] = "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang(Named):
    """Nothing more comes, before the headers or after them, until the client leaves."""

    where: Literal["headers", "body"] = "headers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip(Named):
    """A true answer, `bytes_per_interval` every `interval` seconds; billed."""

    bytes_per_interval: int = 1
    interval: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class GzipBomb(Named):
    """About 200 KB that unpack to `size` bytes."""

    size: int = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Huge(Named):
    """A body of `size` bytes, honestly sent."""

    size: int = 300_000_000


@dataclass(frozen=True, slots=True)
class Redirect(Named):
    """Points to another address."""

    to: str
    code: int = 307


Scenario = (
    Success | Status | Refusal | SafetyBlock | MaxTokens | EmptyChoices | ToolCallUnasked
    | RawBody | RawWire | Cut | Hang | Drip | GzipBomb | Huge | Redirect
)  # fmt: skip
