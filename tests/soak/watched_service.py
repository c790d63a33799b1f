"""The service, which also says what tasks its event loop has: on SIGUSR1, into the file that the environment names."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from huleedu_service_libs.http_server.run import serve
from services.llm_provider_service.config import load_settings
from services.llm_provider_service.startup_setup import end_grace, start_draining
from services.llm_provider_service.tools.serve import prepared
from services.llm_provider_service.tools.startup_banner import greeting

TASKS_FILE = "SOAK_TASKS_FILE"


def main() -> int:
    """As `./dev serve`, with one worker."""
    settings = load_settings()
    app, options = prepared(settings)

    @app.before_serving
    async def listen() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _tell, Path(os.environ[TASKS_FILE]))

    return serve(
        app,
        options,
        on_ready=lambda address: print(greeting(settings, f"http://{address[0]}:{address[1]}"), flush=True),
        on_stopping=lambda: start_draining(app),
        on_grace_over=lambda: end_grace(app),
    )


def _tell(path: Path) -> None:
    """The whole file appears at once."""
    names = Counter(getattr(task.get_coro(), "__qualname__", repr(task)) for task in asyncio.all_tasks())
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(names), encoding="utf-8")
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main())
