"""One vendor in twenty lines, for tests that want a call to be made and do not look at what it says.

The simulator in tests/vendor_sim knows every vendor and checks every byte, and takes seconds to learn it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

VERDICT = json.dumps({"winner": "Essay A", "justification": "It gives reasons.", "confidence": 4})


@dataclass
class SmallVendor:
    """Answers with *status*; 200 is a verdict. `once` answers first, and each answer takes `seconds`."""

    url: str = ""
    status: int = 200
    once: list[int] = field(default_factory=list)
    seconds: float = 0.0

    async def answer(self, request: web.Request) -> web.Response:
        """Chat Completions, as little of it as will do."""
        asked = await request.json()
        await asyncio.sleep(self.seconds)
        message = {"role": "assistant", "content": VERDICT}
        body = {
            "id": "chatcmpl-1",
            "model": asked["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }
        status = self.once.pop(0) if self.once else self.status
        return web.json_response(body, status=status, headers={"Retry-After": "0.01"} if status == 429 else None)

    @property
    def settings(self) -> dict[str, object]:
        """What makes it live as the gateway's only vendor."""
        return {
            "OPENAI_ENABLED": True,
            "OPENAI_API_KEY": "sk-test-0123456789abcdef",
            "OPENAI_BASE_URL": self.url,
            "OPENAI_ALLOW_PRIVATE": True,
        }


@asynccontextmanager
async def small_vendor() -> AsyncIterator[SmallVendor]:
    """One that runs."""
    vendor = SmallVendor()
    app = web.Application()
    app.router.add_post("/{path:.*}", vendor.answer)
    async with TestServer(app) as server:
        vendor.url = f"http://127.0.0.1:{server.port}"
        yield vendor
