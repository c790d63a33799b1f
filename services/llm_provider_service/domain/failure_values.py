"""Values for the policy of a failure class: how long retries wait, and what the caller is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from common_core.error_enums import ErrorCode


class Backoff(StrEnum):
    """How long a retry waits: not at all, briefly as for a passing error, or longer because the vendor throttles us."""

    NONE = "none"
    TRANSIENT = "transient"
    THROTTLE = "throttle"


@dataclass(frozen=True, slots=True)
class CallerMessage:
    """The answer to the caller if this failure explains the error.

    `status` is 422 if the vendor refuses the request, 502 if something is wrong on the vendor's side. `advice` says
    what to do. `example` is a possible reason of the failure, for the API document.
    """

    status: int
    code: ErrorCode
    slug: str
    title: str
    advice: str
    example: str
