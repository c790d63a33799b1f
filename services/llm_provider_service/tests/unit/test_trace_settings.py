"""Where traces go: the one setting without our prefix, and what nobody pays who does not set it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from services.llm_provider_service.config import Settings, SettingsProblem, load_settings
from services.llm_provider_service.policies import trace_policy

LOADED = """
import asyncio, sys
from huleedu_service_libs.http_server.lifespan import Lifespan
from services.llm_provider_service.config import Settings
from services.llm_provider_service.startup_setup import create_app

async def live():
    lifespan = Lifespan(create_app(Settings(_env_file=None)))
    await lifespan.startup()
    await lifespan.shutdown()

asyncio.run(live())
costly = ("huleedu_service_libs.observability.otlp", "requests", "google.protobuf")
print([name for name in costly if name in sys.modules])
"""


def test_the_standard_name_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    policy = trace_policy(Settings(_env_file=None, TRACE_SAMPLE_RATIO=0.01))
    assert (policy.endpoint, policy.ratio) == ("http://collector:4318", 0.01)
    assert policy.service["service.name"] == "llm-provider-service"


@pytest.mark.parametrize(
    "value",
    [
        "collector:4318",
        "ftp://collector",
        "http://user:hunter2@collector",
        "http://",
        "http://[::1",
        "http://collector:port",
    ],
)
def test_an_address_that_is_none_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", value)
    with pytest.raises(SettingsProblem) as raised:
        load_settings()
    assert str(raised.value).startswith("OTEL_EXPORTER_OTLP_ENDPOINT: must be an http or https URL")
    assert value not in str(raised.value)


def test_without_it_no_exporter_is_loaded() -> None:
    ended = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=30)
    assert ended.stdout.splitlines()[-1] == "[]"
