"""A pause that a request makes on purpose, counted as waiting and not as work."""

from __future__ import annotations

import asyncio
import time

from services.llm_provider_service.domain.wait_time import waited


async def sleep_waiting(seconds: float) -> None:
    """Sleep; the current request was kept waiting meanwhile."""
    since = time.monotonic()
    try:
        await asyncio.sleep(seconds)
    finally:
        waited(time.monotonic() - since)
