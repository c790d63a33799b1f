"""The environment in which the demo's service runs: nothing of the caller's, nobody paid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common_core.config_enums import LLMProviderType, SelectionStrategy
from services.llm_provider_service.config import Settings
from services.llm_provider_service.settings.prefix import PREFIX
from services.llm_provider_service.tools.demo_processes import (
    CAST,
    SimulatedVendor,
    clean_environment,
    gateway_settings,
)
from services.llm_provider_service.tools.processes import ModuleProcess


def vendor(provider: LLMProviderType) -> SimulatedVendor:
    """One that was never started."""
    process = ModuleProcess("it", ["it"], environment={}, folder=Path(), log=Path("log"))
    return SimulatedVendor(
        provider=provider, process=process, origin="http://127.0.0.1:9", base_url=f"http://127.0.0.1:9/{provider}"
    )


def test_keys_and_settings_of_the_caller_are_left_behind() -> None:
    kept = clean_environment(
        {
            "OPENAI_API_KEY": "real",
            "anthropic_api_key": "real",
            f"{PREFIX}PORT": "1",
            f"{PREFIX.lower()}openrouter_enabled": "true",
            "PATH": "/bin",
            "PYTHONPATH": "/elsewhere",
        }
    )
    assert kept.keys() == {"PATH", "PYTHONPATH", "PYTHONIOENCODING"}
    assert kept["PYTHONPATH"] != "/elsewhere"


def test_the_service_knows_the_three_simulated_vendors_and_nobody_else() -> None:
    environment = gateway_settings([vendor(provider) for provider, _ in CAST])
    given: dict[str, Any] = {name.removeprefix(PREFIX): value for name, value in environment.items()}
    settings = Settings(_env_file=None, **given)
    assert {one.provider for one in settings.live_accounts} == {provider for provider, _ in CAST}
    assert len(CAST) == 3
    assert all(one.base_url.startswith("http://127.0.0.1:") for one in settings.live_accounts)
    assert not settings.mock_mode
    assert settings.PROVIDER_SELECTION_STRATEGY is SelectionStrategy.ROUND_ROBIN
    assert settings.PORT == 0
