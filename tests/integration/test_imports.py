"""A process loads what its settings need, and nothing that is big beside it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, sys
from huleedu_service_libs.http_server.lifespan import Lifespan
from services.llm_provider_service.config import Settings
from services.llm_provider_service.startup_setup import create_app

async def start_and_stop(**settings):
    lifespan = Lifespan(create_app(Settings(_env_file=None, **settings)))
    await lifespan.startup()
    print("redis" in sys.modules, file=sys.stderr)
    await lifespan.shutdown()

asyncio.run(start_and_stop())
asyncio.run(start_and_stop(REDIS_URL="redis://127.0.0.1:1/0"))
"""


def test_redis_py_is_imported_only_where_there_is_a_redis() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ran.stderr.split() == ["False", "True"]
