"""Who asks: the one place where a request gets its caller."""

from __future__ import annotations

from collections.abc import Iterable

from services.llm_provider_service.domain.caller import Caller

# Whoever can reach a loopback address.
LOCAL_CALLER = Caller(tenant="local", service="local")


def caller_of(headers: Iterable[tuple[bytes, bytes]]) -> Caller:
    """The caller whose request has *headers*; the service listens on loopback addresses only and knows just one."""
    return LOCAL_CALLER
