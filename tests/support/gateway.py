"""The service on a real socket in the test's own loop, and a client that asks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from quart import Quart

from huleedu_service_libs.http_server.lifespan import Lifespan
from huleedu_service_libs.http_server.server import HttpServer, bind
from services.llm_provider_service.config import Settings
from services.llm_provider_service.exceptions import TYPE_PREFIX
from services.llm_provider_service.startup_setup import create_app
from tests.vendor_sim import VendorSim

MODELS = {
    "openai": "gpt-5-mini",
    "anthropic": "claude-sonnet-4-5",
    "google": "gemini-2.5-flash",
    "openrouter": "anthropic/claude-sonnet-4.5",
    "ollama": "llama3.1",
}
KEYS = {
    "openai": "sk-test-openai-0123456789abcdef",
    "anthropic": "sk-ant-test-0123456789abcdef",
    "google": "AIzaTest0123456789abcdef0123456789abcde",
    "openrouter": "sk-or-test-0123456789abcdef",
}
ESSAY_A = (
    "Phones should be banned in school, because pupils who are not distracted learn more. However, exceptions help."
)
ESSAY_B = "phones is good i think and they is fun. phones is good."


@dataclass
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class Gateway:
    """A running gateway."""

    url: str
    http: aiohttp.ClientSession
    defaults: dict[str, Any] = field(default_factory=dict)

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """Any request; JSON answers are parsed."""
        async with self.http.request(method, self.url + path, **options) as response:
            is_json = "json" in response.headers.get("Content-Type", "")
            body = await response.json(content_type=None) if is_json else await response.text()
            return Answer(response.status, response.headers, body)

    async def get(self, path: str) -> Answer:
        """GET *path*."""
        return await self.ask("GET", path)

    async def compare(self, *, headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
        """POST a comparison; what is not given is a small sensible request."""
        body = {"user_prompt": "Which essay argues better?", "essay_a": ESSAY_A, "essay_b": ESSAY_B, **self.defaults}
        return await self.ask("POST", "/api/v1/comparison", json={**body, **fields}, headers=headers)

    async def metric(self, name: str, **labels: str) -> float:
        """The value of one series, 0 where there is none."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        text = (await self.get("/metrics")).body
        total = 0.0
        for line in text.splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and wanted <= set(series.partition("{")[2].rstrip("}").split(",")):
                total += float(value)
        return total

    async def until(self, name: str, value: float, **labels: str) -> None:
        """Wait until that series has *value*; five seconds at most."""
        async with asyncio.timeout(5):
            while await self.metric(name, **labels) != value:  # noqa: ASYNC110  # metrics tell nobody
                await asyncio.sleep(0.01)


def vendors(sim: VendorSim, *names: str) -> dict[str, Any]:
    """Settings that make these vendors live, in this order, at the simulator."""
    settings: dict[str, Any] = {"PROVIDER_PRIORITY_ORDER": names}
    for name in names:
        prefix = name.upper()
        settings[f"{prefix}_ENABLED"] = True
        settings[f"{prefix}_API_KEY"] = KEYS.get(name)
        settings[f"{prefix}_BASE_URL"] = sim.base_url(name)
        settings[f"{prefix}_ALLOW_PRIVATE"] = True
        settings[f"{prefix}_DEFAULT_MODEL"] = MODELS[name]
    return settings


@asynccontextmanager
async def running_gateway(**settings: Any) -> AsyncIterator[Gateway]:
    """The service with *settings* (no `.env`), stopped and closed at the end."""
    async with gateway_of(create_app(Settings(_env_file=None, **settings))) as gateway:
        yield gateway


@asynccontextmanager
async def gateway_of(app: Quart) -> AsyncIterator[Gateway]:
    """The same for an application that has been made."""
    lifespan = Lifespan(app)
    await lifespan.startup()
    server = HttpServer(app, type_prefix=TYPE_PREFIX)
    listener = bind("127.0.0.1", 0)
    await server.start(listener)
    try:
        async with aiohttp.ClientSession() as http:
            yield Gateway(f"http://127.0.0.1:{listener.getsockname()[1]}", http)
    finally:
        await server.stop(5.0)
        await lifespan.shutdown()
        listener.close()
