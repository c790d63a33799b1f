"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The service that a request comes from; `tenant` separates what one caller may see from what others may."""

    tenant: str
    service: str
