"""What passes between the parts of the simulator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class Shape(StrEnum):
    """How the request binds the answer to a JSON schema."""

    TEXT = "text"
    SCHEMA = "schema"
    TOOL = "tool"


class Finish(StrEnum):
    """Why the simulated model stopped; every dialect has its own word for each."""

    STOP = "stop"
    LENGTH = "length"
    REFUSAL = "refusal"
    SAFETY = "safety"
    PROMPT_BLOCKED = "prompt_blocked"
    TOOL_CALL = "tool_call"
    UNASKED_TOOL_CALL = "unasked_tool_call"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a vendor request says, in no vendor's words. `user_text` is all text of all user turns."""

    model: str
    user_text: str
    system_text: str = ""
    shape: Shape = Shape.TEXT
    schema: Mapping[str, Any] = field(default_factory=dict)
    tool_name: str = ""
    output_limit: int | None = None
    effort: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The true number of tokens of one call: `input` has cached reads and writes in it, `output` has reasoning in it.

    This is what the books are compared with; each dialect says it in its vendor's own way.
    """

    input: int = 0
    output: int = 0
    cached_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            input=self.input + other.input,
            output=self.output + other.output,
            cached_read=self.cached_read + other.cached_read,
            cache_write_5m=self.cache_write_5m + other.cache_write_5m,
            cache_write_1h=self.cache_write_1h + other.cache_write_1h,
            reasoning=self.reasoning + other.reasoning,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the simulated model says; `arguments` belong to a tool call named `tool_name`."""

    model: str
    text: str
    finish: Finish
    tokens: Tokens
    tool_name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Why a request is not one that the vendor accepts; `param` and `code` are the vendor's own words, if any."""

    message: str
    status: int = 400
    param: str | None = None
    code: str | None = None


def count_tokens(text: str) -> int:
    """Four bytes of UTF-8 are a token, rounded up: simple, and the same for every vendor."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / 4)
