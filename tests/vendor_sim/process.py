"""The simulator in a process of its own, so that it can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout

from tests.vendor_sim.vendors import Vendor

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
STOP_SECONDS = 5.0


class SimProcess:
    """`async with SimProcess(vendors=["openai"]) as vendor`: started, asked over its control API, stopped or killed."""

    def __init__(
        self,
        *,
        vendors: Iterable[str] = tuple(Vendor),
        port: int = 0,
        latency_ms: float = 0,
        fail_rate: float = 0.0,
        validate: bool = True,
        journal: Path | None = None,
    ) -> None:
        self._command = [
            sys.executable, "-m", "tests.vendor_sim", "--port", str(port), "--vendors", ",".join(vendors),
            "--latency-ms", str(latency_ms), "--fail-rate", str(fail_rate),
            *([] if validate else ["--no-validate"]), *([] if journal is None else ["--journal", str(journal)]),
        ]  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None
        self._urls: Mapping[str, str] = {}
        self.origin = ""

    async def __aenter__(self) -> SimProcess:
        await self.start()
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Wait until it listens; raises `RuntimeError` when it ends first and `TimeoutError` when it takes too long."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = await asyncio.create_subprocess_exec(
            *self._command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the vendor simulator ended with {await self._process.wait()}")
        told = json.loads(line)
        self.origin, self._urls = told["origin"], told["base_urls"]

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running().pid

    @property
    def returncode(self) -> int | None:
        """How it ended; `None` while it runs."""
        return self._running().returncode

    def base_url(self, vendor: str) -> str:
        """What the gateway's `<P>_BASE_URL` is set to."""
        return self._urls[vendor]

    async def counts(self) -> dict[str, Any]:
        """What `GET /_sim/counts` says."""
        answer: dict[str, Any] = await self._ask("GET", "counts")
        return answer

    async def calls(self) -> list[dict[str, Any]]:
        """What `GET /_sim/calls` says."""
        answer: list[dict[str, Any]] = await self._ask("GET", "calls")
        return answer

    async def count(self, vendor: str) -> int:
        """How many calls this vendor got."""
        number: int = (await self.counts())["vendors"][vendor]["count"]
        return number

    async def script(self, vendor: str, scenarios: list[str | dict[str, Any]], *, model: str | None = None) -> None:
        """Queue scenarios, by name or as `{"kind": …}`."""
        await self._ask("POST", "script", {"vendor": vendor, "scenarios": scenarios, "model": model})

    async def always(self, vendor: str, scenario: str | dict[str, Any] | None, *, model: str | None = None) -> None:
        """Set or take back a standing rule."""
        await self._ask("POST", "always", {"vendor": vendor, "scenario": scenario, "model": model})

    async def reset(self) -> None:
        """Forget scripts and counts."""
        await self._ask("POST", "reset", {})

    async def kill(self) -> None:
        """SIGKILL: connections break, the port is closed."""
        await self._signal(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL where that does not help in time; nothing happens where it has already ended."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._signal(signal.SIGTERM)
        except TimeoutError:
            await self.kill()

    async def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            # Not `send_signal`: it may reap a child that has just died, and asyncio then misses its end.
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
        await process.wait()

    async def _ask(self, method: str, action: str, body: Mapping[str, Any] | None = None) -> Any:
        timeout = ClientTimeout(total=10)
        async with (
            ClientSession(trust_env=False, timeout=timeout) as session,
            session.request(method, f"{self.origin}/_sim/{action}", json=body) as response,
        ):
            answer = await response.json()
            if response.status != 200:
                raise ValueError(answer["error"])
            return answer

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("the vendor simulator has not been started")
        return self._process
