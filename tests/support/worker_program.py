"""`worker_app.py` as a process: its address, what it says, what it logs, its workers and its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from time import monotonic
from typing import Any

from tests.support.processes import alive, children

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests" / "faults" / "worker_app.py"


class WorkerProgram:
    """`async with WorkerProgram("fine", workers=2, grace=5) as program`; whatever is left at the end is killed."""

    def __init__(self, mode: str, *, workers: int = 2, port: int = 0, grace: float = 5.0) -> None:
        self._arguments = (mode, str(workers), str(port), str(grace))
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 — closed at the end of the context
        self._seen: set[int] = set()
        self.process: Process
        self.url = ""

    async def __aenter__(self) -> WorkerProgram:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), *self._arguments,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}, stdout=PIPE, stderr=self._log,
        )  # fmt: skip
        return self

    async def __aexit__(self, *_raised: object) -> None:
        self.workers()
        for pid in [*self._seen, self.process.pid]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        await self.process.communicate()
        self._log.close()

    async def ready(self) -> None:
        """Wait until all workers answer."""
        word, host, port = (await self.line()).split()
        assert word == "ready"
        self.url = f"http://{host}:{port}"

    async def line(self) -> str:
        """What any process of it says next on standard output."""
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().strip()

    def workers(self) -> list[int]:
        """Process ids of the workers there are now."""
        found = children(self.process.pid)
        self._seen.update(found)
        return found

    async def ended(self) -> int:
        """Wait for the supervisor's end; its exit code."""
        return await self.process.wait()

    def events(self, name: str) -> list[dict[str, Any]]:
        """All log lines of one kind so far."""
        size = os.fstat(self._log.fileno()).st_size
        lines = os.pread(self._log.fileno(), size, 0).decode().splitlines()
        return [line for line in map(json.loads, lines) if line["event"] == name]

    async def logged(self, name: str, count: int = 1, *, within: float = 45.0) -> list[dict[str, Any]]:
        """Wait for so many log lines of one kind."""
        end = monotonic() + within
        while len(found := self.events(name)) < count:
            assert monotonic() < end, f"{len(found)} of {count} {name}"
            await asyncio.sleep(0.02)
        return found
