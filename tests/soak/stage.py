"""All that runs in a soak: the service, four vendors and Redis as processes, and the upstream on bare sockets."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from common_core.config_enums import SelectionStrategy
from services.llm_provider_service.tools.demo_summary import PERHAPS_ARRIVED, attempts_in
from tests.faults.fault_upstream import FaultUpstream
from tests.soak.books import VendorBooks
from tests.soak.questions import LONGEST_BODY, LONGEST_SECONDS, RAW_VENDOR, VENDORS
from tests.soak.watched_service import TASKS_FILE
from tests.support.gateway import KEYS, MODELS, Gateway
from tests.support.redis_server import RedisServer, free_port, redis_server
from tests.support.service_process import ServiceProcess
from tests.vendor_sim import JournalReader, SimProcess

SLOTS = 100
LATENCIES_MS = dict(zip(VENDORS, (20, 40, 60, 80), strict=True))
LIMITS: Mapping[str, Any] = {
    "LLM_REQUEST_TIMEOUT": LONGEST_SECONDS,
    "LLM_FIRST_BYTE_TIMEOUT": 2.0,
    "LLM_IDLE_TIMEOUT": 1.0,
    "LLM_MAX_CONCURRENT_REQUESTS": SLOTS,
    "LLM_MAX_CONCURRENT_PER_PROVIDER": 60,
    "LLM_QUEUE_LIMIT": 100,
    "LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": 1.0,
    "LOCAL_CACHE_MAX_ENTRIES": 200,
    "LLM_CACHE_TTL": 120.0,
    "MAX_BODY_BYTES": LONGEST_BODY,
    "LOG_LEVEL": "WARNING",
}


@dataclass(slots=True, kw_only=True)
class Stage:
    """`unsure` counts, by vendor, attempts that were broken off while it was killed or paused."""

    service: ServiceProcess
    gateway: Gateway
    vendors: Mapping[str, SimProcess]
    raw: FaultUpstream
    redis: RedisServer
    journal: JournalReader
    tasks_file: Path
    unsure: Counter[str] = field(default_factory=Counter)

    async def metrics(self) -> str:
        """The page, as it is now."""
        text: str = (await self.gateway.get("/metrics")).body
        return text

    def books(self, metrics: str) -> list[VendorBooks]:
        """Every vendor's, with the attempts that *metrics* count."""
        attempts = attempts_in(metrics)
        calls = self.journal.calls()
        books = [
            VendorBooks(
                provider=name,
                attempts={outcome: n for (provider, outcome), n in attempts.items() if provider == name},
                calls={scenario: n for (vendor, scenario), n in calls.items() if vendor == name},
                unsure=self.unsure[name],
            )
            for name in self.vendors
        ]
        of_raw = {outcome: n for (provider, outcome), n in attempts.items() if provider == RAW_VENDOR}
        raw = VendorBooks(provider=RAW_VENDOR, attempts=of_raw, calls=dict(self.raw.calls), by_outcome=False)
        return [*books, raw]

    @asynccontextmanager
    async def unsure_of(self, vendor: str) -> AsyncIterator[None]:
        """While *vendor* cannot read what it is sent."""
        before = await self._perhaps_arrived(vendor)
        try:
            yield
        finally:
            self.unsure[vendor] += await self._perhaps_arrived(vendor) - before

    async def _perhaps_arrived(self, vendor: str) -> int:
        attempts = attempts_in(await self.metrics())
        return sum(attempts.get((vendor, outcome), 0) for outcome in PERHAPS_ARRIVED)


@asynccontextmanager
async def running_stage() -> AsyncIterator[Stage]:
    """All of it, on free ports of loopback; stopped whatever happens."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        redis = await stack.enter_async_context(redis_server(folder))
        raw = await stack.enter_async_context(FaultUpstream())
        vendors = {
            name: await stack.enter_async_context(_vendor(name, latency, folder / "calls"))
            for name, latency in LATENCIES_MS.items()
        }
        service = ServiceProcess(
            program="tests.soak.watched_service",
            environment={TASKS_FILE: str(folder / "tasks")},
            REDIS_URL=redis.url(),
            **LIMITS,
            **_providers({name: vendor.base_url(name) for name, vendor in vendors.items()} | {RAW_VENDOR: raw.url}),
        )
        await stack.enter_async_context(service)
        # Without keep-alive: a connection of ours that stays open would be counted with those of the callers.
        connector = aiohttp.TCPConnector(force_close=True)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        yield Stage(
            service=service,
            gateway=Gateway(service.url, http),
            vendors=vendors,
            raw=raw,
            redis=redis,
            journal=JournalReader(folder / "calls"),
            tasks_file=folder / "tasks",
        )


def _vendor(name: str, latency_ms: int, journal: Path) -> SimProcess:
    """On a port of its own, to which it comes back after it was killed."""
    return SimProcess(vendors=[name], port=free_port(), latency_ms=latency_ms, journal=journal)


def _providers(urls: Mapping[str, str]) -> dict[str, Any]:
    """Everybody live, and a rule for each strategy, which questions choose by a tag."""
    rules = [{"when": {"tag": strategy}, "use": {"strategy": strategy}} for strategy in SelectionStrategy]
    settings: dict[str, Any] = {"PROVIDER_PRIORITY_ORDER": tuple(urls), "ROUTING_RULES": json.dumps(rules)}
    for name, url in urls.items():
        settings |= {
            f"{name.upper()}_ENABLED": True,
            f"{name.upper()}_API_KEY": KEYS.get(name),
            f"{name.upper()}_BASE_URL": url,
            f"{name.upper()}_ALLOW_PRIVATE": True,
            f"{name.upper()}_DEFAULT_MODEL": MODELS[name],
        }
    return settings
