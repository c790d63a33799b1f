"""Identifies the caller of a request; the only place that does so."""

from __future__ import annotations

from collections.abc import Iterable

from services.llm_provider_service.domain.caller import Caller

# Any client that can reach a loopback address.
LOCAL_CALLER = Caller(tenant="local", service="local")


def caller_of(headers: Iterable[tuple[bytes, bytes]]) -> Caller:
    """Returns the caller of a request with *headers*: always the local one, as the service listens on loopback only."""
    return LOCAL_CALLER
