"""A sleep that is counted as waiting time of the request, not as the gateway's own work."""

from __future__ import annotations

import asyncio
import time

from services.llm_provider_service.domain.time_waited import waited


async def sleep_waiting(seconds: float) -> None:
    """Sleep for *seconds*, and count the time as waiting of the current request."""
    since = time.monotonic()
    try:
        await asyncio.sleep(seconds)
    finally:
        waited(time.monotonic() - since)
