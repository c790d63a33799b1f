"""The words in which a failure's class says how patiently it is retried, and what the caller is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from common_core.error_enums import ErrorCode


class Backoff(StrEnum):
    """How patiently a retry waits: not at all, as for a hiccup, or as for somebody who wants to be left alone."""

    NONE = "none"
    TRANSIENT = "transient"
    THROTTLE = "throttle"


@dataclass(frozen=True, slots=True)
class ToldAs:
    """The answer that a caller gets when this failure says what is wrong.

    `status` is 422 where the vendor will not do it, 502 where the vendor's side is broken. `advice` is what to do.
    `example` is a reason as the failure may give it, for the API document.
    """

    status: int
    code: ErrorCode
    slug: str
    title: str
    advice: str
    example: str
