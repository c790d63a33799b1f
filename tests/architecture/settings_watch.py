"""Makes everything that settings decide, serves nothing, and prints as JSON which settings were read.

A program of its own, because preparing to serve sets the logging of the whole process.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from huleedu_service_libs.http_server.lifespan import Lifespan
from services.llm_provider_service.config import Settings
from services.llm_provider_service.domain.vendors import VENDORS
from services.llm_provider_service.tools.serve import prepared
from services.llm_provider_service.tools.startup_banner import greeting

READ: set[str] = set()
KEY = "0123456789abcdef"


class WatchedSettings(Settings):
    """Settings that note which of them is asked for."""

    def __getattribute__(self, name: str) -> Any:
        READ.add(name)
        return super().__getattribute__(name)


def watched(**given: Any) -> WatchedSettings:
    """Settings whose own validators have done their reading unseen."""
    before = frozenset(READ)
    settings = WatchedSettings(_env_file=None, PORT=0, **given)
    READ.intersection_update(before)
    return settings


def live(**keys: str) -> dict[str, Any]:
    """Every vendor switched on."""
    address = {"OPENAI_COMPATIBLE_BASE_URL": "https://llm.example", "OPENAI_COMPATIBLE_DEFAULT_MODEL": "m"}
    return {f"{vendor.name}_ENABLED": True for vendor in VENDORS} | address | keys


async def use(settings: Settings) -> None:
    """Start, let the first request bring in what is made on demand, stop."""
    app, _ = prepared(settings)
    greeting(settings, "http://127.0.0.1:0")
    lifespan = Lifespan(app)
    await lifespan.startup()
    answer = await app.test_client().post("/api/v1/comparison", json={})
    assert answer.status_code == 400
    await lifespan.shutdown()


def main() -> None:
    """Three lives: the mock's, the vendors' with keys, and the vendors' without (a shell's keys are looked for)."""
    keys = {f"{vendor.name}_API_KEY": KEY for vendor in VENDORS}
    for given in ({}, live(**keys), live()):
        asyncio.run(use(watched(**given)))
    print(json.dumps(sorted(READ & set(WatchedSettings.model_fields))))


if __name__ == "__main__":
    main()
