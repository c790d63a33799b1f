"""Everything that the stages need around a service: bad places, the raw upstream, and the simulated vendors."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.fault_upstream import FaultUpstream
from tests.faults.fault_upstream.certificates import Certificates, make_certificates
from tests.faults.fault_upstream.places import UNRESOLVABLE, black_hole, closed_port, silent_port
from tests.faults.rows import Stage
from tests.support.gateway import KEYS, MODELS
from tests.vendor_sim import VendorSim

OTHER = "ollama"
VENDORS = (OTHER, "openai", "anthropic", "google", "openrouter")
QUICK_TO_RECOVER = {"LLM_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": 0.2}
IMPATIENT = {"LLM_FIRST_BYTE_TIMEOUT": 0.5, "LLM_IDLE_TIMEOUT": 0.4}
ONE_SLOT = {"LLM_MAX_CONCURRENT_PER_PROVIDER": 1, "LLM_QUEUE_SECONDS": 0.3}
LIMITS: Mapping[Stage, Mapping[str, Any]] = {
    Stage.KEYS: QUICK_TO_RECOVER,
    Stage.SLOW: IMPATIENT,
    Stage.NARROW: ONE_SLOT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is shared by all stages; `upstreams` are the raw ones, the plain one first."""

    upstreams: tuple[FaultUpstream, ...]
    addresses: Mapping[Stage, Mapping[str, str]]
    authority: Path

    @property
    def raw(self) -> FaultUpstream:
        """The raw upstream without TLS."""
        return self.upstreams[0]

    def calls(self, model: str) -> int:
        """Requests for *model* at any raw upstream."""
        return sum(upstream.calls[model] for upstream in self.upstreams)

    def settings(self, stage: Stage, sim: VendorSim) -> dict[str, Any]:
        """The settings of a service of *stage*; a vendor that has no address of its own there is at *sim*."""
        settings: dict[str, Any] = {"PROVIDER_PRIORITY_ORDER": VENDORS, **LIMITS.get(stage, {})}
        for vendor in VENDORS:
            prefix = vendor.upper()
            settings[f"{prefix}_ENABLED"] = True
            settings[f"{prefix}_API_KEY"] = KEYS.get(vendor)
            settings[f"{prefix}_ALLOW_PRIVATE"] = True
            settings[f"{prefix}_DEFAULT_MODEL"] = MODELS[vendor]
            settings[f"{prefix}_BASE_URL"] = self.addresses.get(stage, {}).get(vendor, sim.base_url(vendor))
        if stage is Stage.NARROW:
            settings["ANTHROPIC_ALLOW_PRIVATE"] = False
        return settings


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """All of it, closed at the end."""
    async with AsyncExitStack() as stack:
        certificates = make_certificates(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tls-"))))
        raw = await stack.enter_async_context(FaultUpstream())
        trusted = [await stack.enter_async_context(FaultUpstream(tls=one)) for one in _shown(certificates)]
        port = raw.url.rpartition(":")[2]
        addresses = {
            Stage.TRANSPORT: {"openai": raw.url},
            Stage.SLOW: {"openai": raw.url},
            Stage.NARROW: {
                "openai": raw.url,
                "anthropic": f"https://vendor.localhost:{port}",
                "google": stack.enter_context(silent_port()),
            },
            Stage.TLS: dict(
                zip(("openai", "anthropic", "google", "openrouter"), (one.url for one in trusted), strict=True)
            ),
            Stage.PLACES: {
                "openai": stack.enter_context(closed_port()),
                "anthropic": stack.enter_context(black_hole()),
                "google": UNRESOLVABLE,
                "openrouter": f"https://127.0.0.1:{port}",
            },
        }
        yield World(upstreams=(raw, *trusted), addresses=addresses, authority=certificates.authority)


def _shown(certificates: Certificates) -> tuple[Any, ...]:
    return certificates.self_signed, certificates.wrong_host, certificates.expired, certificates.valid
