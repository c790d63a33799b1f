"""Run by tests/architecture/test_environment.py only: in a pytest of its own, with keys in the environment."""

from __future__ import annotations

import os

from services.llm_provider_service.config import load_settings
from services.llm_provider_service.settings.prefix import PREFIX


def test_nothing_personal_is_left() -> None:
    assert [name for name in os.environ if name.endswith(("_API_KEY", "_PROXY")) or name.startswith(PREFIX)] == []
    assert os.environ["HARMLESS"] == "1"
    os.chdir("/")
    assert load_settings().live_accounts == ()
