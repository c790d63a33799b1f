"""Starts the processes of the demo: the service and three simulated vendors, which cost nothing."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from common_core.config_enums import LLMProviderType, SelectionStrategy
from services.llm_provider_service.domain.vendors import VENDORS
from services.llm_provider_service.settings.prefix import PREFIX
from services.llm_provider_service.tools.http_get import fetch
from services.llm_provider_service.tools.processes import ModuleProcess, StartProblem
from services.llm_provider_service.tools.task_group import together

ROOT = Path(__file__).resolve().parents[3]
SIMULATOR = "tests.vendor_sim"
SERVICE = "services.llm_provider_service.tools.serve"
CAST = tuple(zip(tuple(VENDORS)[:3], (60, 90, 120), strict=True))
"""The simulated vendors, and how many milliseconds each takes to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedVendor:
    """A running simulator of one vendor."""

    provider: LLMProviderType
    process: ModuleProcess
    origin: str
    base_url: str

    async def calls(self) -> int:
        """Returns how many calls it has counted; raises `PageProblem`."""
        counts = json.loads(await fetch(f"{self.origin}/_sim/counts"))
        return int(counts["vendors"][self.provider]["count"])

    async def die(self) -> int:
        """Kill it (SIGKILL) while it works; returns how many calls it had counted.

        It hangs for the few milliseconds between its last count and its death. So it answers no call that it has not
        counted, and the counts can be compared.
        """
        wish = json.dumps({"vendor": self.provider, "scenario": "hang"}).encode()
        await fetch(f"{self.origin}/_sim/always", json_body=wish)
        counted = await self.calls()
        await self.process.kill()
        return counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """All running processes of the demo."""

    url: str
    vendors: Sequence[SimulatedVendor]
    service: ModuleProcess

    async def no_answer_error(self) -> StartProblem:
        """Returns the error to raise if the service does not report its counts."""
        return self.service.failure_with_log("died on the way" if await self.service.has_ended() else "does not answer")


@asynccontextmanager
async def running_stage() -> AsyncIterator[Stage]:
    """Yields the running processes, on free ports, and stops them in any case; raises `StartProblem`.

    The service runs in an empty folder and without the caller's keys and settings, so no `.env` and no shell can make
    it ask a real vendor.
    """
    if not (ROOT / SIMULATOR.replace(".", "/")).is_dir():
        raise StartProblem("The simulated vendors are part of the repository's tests: run the demo from a clone.")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="llm-demo-")))
        vendors = await _start_vendors(stack, folder)
        environment = clean_environment(os.environ) | gateway_settings(vendors)
        gateway = ModuleProcess(
            "The service", [SERVICE], environment=environment, folder=folder, log=folder / "service.log"
        )
        stack.push_async_callback(gateway.stop)
        greeting = await gateway.start()
        yield Stage(url=greeting.rpartition(" ")[2], vendors=vendors, service=gateway)


async def _start_vendors(stack: AsyncExitStack, folder: Path) -> list[SimulatedVendor]:
    async def start(provider: LLMProviderType, latency_ms: int) -> SimulatedVendor:
        process = ModuleProcess(
            f"The simulated vendor {provider}",
            [SIMULATOR, "--vendors", provider, "--latency-ms", str(latency_ms)],
            environment=clean_environment(os.environ),
            folder=folder,
            log=folder / f"{provider}.log",
        )
        stack.push_async_callback(process.stop)
        told = json.loads(await process.start())
        return SimulatedVendor(
            provider=provider, process=process, origin=told["origin"], base_url=told["base_urls"][provider]
        )

    return await together(start(provider, latency) for provider, latency in CAST)


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns *environment* without keys and settings of the service, with a path to the repository and with UTF-8."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.upper().endswith("_API_KEY") and not name.upper().startswith(PREFIX)
    }
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def gateway_settings(vendors: Sequence[SimulatedVendor]) -> dict[str, str]:
    """Returns the settings with which the service uses only these vendors, round-robin."""
    settings = {
        "PORT": "0",
        "LOG_LEVEL": "WARNING",
        "USE_MOCK_LLM": "false",
        "PROVIDER_SELECTION_STRATEGY": SelectionStrategy.ROUND_ROBIN.value,
        "PROVIDER_PRIORITY_ORDER": ",".join(vendor.provider for vendor in vendors),
    }
    for vendor in vendors:
        name = vendor.provider.name
        settings[f"{name}_ENABLED"] = "true"
        settings[f"{name}_API_KEY"] = f"simulated-{vendor.provider}-key"
        settings[f"{name}_BASE_URL"] = vendor.base_url
        settings[f"{name}_ALLOW_PRIVATE"] = "true"
    return {PREFIX + name: value for name, value in settings.items()}


async def counted_calls(vendors: Sequence[SimulatedVendor], dead: Mapping[str, int]) -> dict[str, int]:
    """Returns calls by vendor, from running vendors or from *dead*; raises `PageProblem` if one does not answer."""
    return {
        vendor.provider: dead[vendor.provider] if vendor.provider in dead else await vendor.calls()
        for vendor in vendors
    }
