"""Token usage as it is billed, with one meaning for every vendor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one upstream call; `None` means that the vendor did not report it, never zero.

    `input_tokens` is all input, cache reads and cache writes included. `output_tokens` is all billed output, reasoning
    included. The other fields are parts of these two.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_read_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None

    @property
    def known(self) -> bool:
        """Returns whether enough is known to price the call."""
        return self.input_tokens is not None and self.output_tokens is not None

    @property
    def total_tokens(self) -> int | None:
        """Returns input plus output tokens; `None` unless both are known."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens


USAGE_UNKNOWN = Usage()


def total_usage(usages: Iterable[Usage]) -> Usage:
    """Returns the sum of several calls; a number that is unknown in one call is unknown in the sum."""
    return reduce(_add, usages)


def _add(one: Usage, other: Usage) -> Usage:
    return Usage(**{name: _sum(getattr(one, name), getattr(other, name)) for name in Usage.__slots__})


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
