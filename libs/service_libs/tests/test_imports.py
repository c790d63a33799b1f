"""Importing one module drags in only what the module is about."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "quart",
    "werkzeug",
    "flask",
    "dishka",
    "aiohttp",
    "uvicorn",
    "prometheus_client",
    "structlog",
    "hypercorn",
    "opentelemetry",
    "requests",
    "redis",
)
ALLOWED: dict[str, set[str]] = {
    "web.problem": set(),
    "web.verbatim_json": set(),
    "web.json_body": set(),
    "web.correlation": set(),
    "http_server.lifespan": set(),
    "observability.logging": {"structlog"},
    "observability.metrics": {"prometheus_client"},
    "llm_client_errors": set(),
    "llm_client": {"aiohttp"},
    "http_server.protocol": {"uvicorn"},
    "observability.tracing": set(),
    "observability.genai_attributes": set(),
    "observability.otlp": {"opentelemetry", "requests", "structlog"},
    "http_server.run": {"uvicorn", "structlog"},
    "redis_link.link": {"structlog"},
    "web.quart_app": {"quart", "werkzeug", "flask", "dishka", "structlog", "hypercorn"},
}


@pytest.mark.parametrize("module", ALLOWED)
def test_a_module_drags_in_only_its_own_framework(module: str) -> None:
    code = (
        f"import sys, huleedu_service_libs.{module}; "
        f"print(*[name for name in {HEAVY!r} if name in sys.modules]); "
        "assert not any(name.startswith('services') for name in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) <= ALLOWED[module]
