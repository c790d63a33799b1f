"""The caller of a request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The service that sends a request; `tenant` separates the data of one caller from that of others."""

    tenant: str
    service: str
