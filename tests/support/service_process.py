"""The service in a process of its own, as `./dev serve` starts it: for what happens to a process and what it costs."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.llm_provider_service.settings.prefix import PREFIX

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "services.llm_provider_service.tools.serve"
GREETING = re.compile(rb"http://(127\.0\.0\.1|\[::1\]):\d+")
START_SECONDS = 40.0
STOP_SECONDS = 10.0
_RESET_PEAK = "5"


class ServiceProcess:
    """`async with ServiceProcess(OPENAI_ENABLED=True, …) as service`: started, measured, stopped by SIGTERM.

    Settings are given without their prefix, as Python values. Of the caller's environment it gets only the path, and
    its folder is empty, so that no `.env` is found; *environment* is added (unprefixed variables). *program* is a
    module that serves in the same way and says more.
    """

    def __init__(
        self, *, program: str = PROGRAM, environment: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        self._program = program
        given = {PREFIX + name: _written(value) for name, value in settings.items() if value is not None}
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(ROOT),
            f"{PREFIX}PORT": "0",
            **given,
            **(environment or {}),
        }
        self._folder = tempfile.TemporaryDirectory(prefix="service-")
        self._log = Path(self._folder.name) / "stderr.log"
        self._process: Process | None = None
        self._reading: asyncio.Task[bytes] | None = None
        self.url = ""

    async def __aenter__(self) -> ServiceProcess:
        try:
            await self.start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.stop()
        self._folder.cleanup()

    async def start(self) -> None:
        """Wait for its greeting; raises `RuntimeError` with its last words when it ends first."""
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self._program,
                cwd=self._folder.name, env=self._environment, stdout=PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(START_SECONDS):
                self.url = await self._greeting()
        except TimeoutError:
            await self.end(signal.SIGKILL)
            raise
        assert self._process.stdout is not None
        self._reading = asyncio.create_task(self._process.stdout.read())

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running().pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; `None` while it runs."""
        return self._running().returncode

    def log(self) -> str:
        """What it has written to standard error so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def write_dotenv(self, text: str) -> None:
        """A `.env` in its folder, for whoever reads the settings from now on."""
        (Path(self._folder.name) / ".env").write_text(text, encoding="utf-8")

    def resident_bytes(self) -> int:
        """Resident memory at this moment."""
        return self._memory("VmRSS")

    def peak_bytes(self) -> int:
        """The most resident memory since the start, or since `forget_peak`."""
        return self._memory("VmHWM")

    def forget_peak(self) -> None:
        """Let `peak_bytes` begin anew from what is resident now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text(_RESET_PEAK, encoding="ascii")

    def send_signal(self, number: signal.Signals) -> None:
        """Deliver a signal and wait for nothing."""
        self._running().send_signal(number)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Deliver a signal, unless it has ended already, and wait for its end; the exit code."""
        process = self._running()
        if process.returncode is None:
            process.send_signal(number)
        code = await process.wait()
        if self._reading is not None:
            await self._reading
        return code

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL where that does not help in time."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.end()
        except TimeoutError:
            await self.end(signal.SIGKILL)

    async def _greeting(self) -> str:
        """The address in its first line; the rest of what it says is read so that no pipe fills up."""
        process = self._running()
        assert process.stdout is not None
        async for line in process.stdout:
            if found := GREETING.search(line):
                return found[0].decode()
        raise RuntimeError(f"the service ended with {await process.wait()}: {self.log()[-2000:]}")

    def _memory(self, name: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace")
        line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024

    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError("the service has not been started")
        return self._process


def _written(value: Any) -> str:
    """A setting as the environment says it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
