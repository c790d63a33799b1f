"""The words in which a failure's class says what it costs and how patiently it is retried."""

from __future__ import annotations

from enum import StrEnum


class Billed(StrEnum):
    """Whether the vendor charges for a call that ended like this."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Backoff(StrEnum):
    """How patiently a retry waits: not at all, as for a hiccup, or as for somebody who wants to be left alone."""

    NONE = "none"
    TRANSIENT = "transient"
    THROTTLE = "throttle"
