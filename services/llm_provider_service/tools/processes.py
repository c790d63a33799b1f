"""Runs child processes for a tool, and makes sure that they end with it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

_START_SECONDS = 60.0
_NOTICE_SECONDS = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_T = TypeVar("_T")


class StartProblem(Exception):
    """A program did not start or did not keep running; the message has its name, its last output and its log's path."""


class Stopped(Exception):
    """A signal ended the work; `exit_code` is the one that a shell expects then."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class ModuleProcess:
    """Runs `python -m module …` in its own session, so that Ctrl-C in the terminal reaches only the tool.

    It is ready when it has printed its first line. Its standard error is written to the file *log*. It gets
    *stop_seconds* to end when it is stopped.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        stop_seconds: float = 5.0,
    ) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self._folder = folder
        self._log = log
        self._stop_seconds = stop_seconds
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """Returns the process id; raises RuntimeError before `start`."""
        return self._running().pid

    async def start(self) -> str:
        """Returns its first line; raises `StartProblem` if it ends before, or prints nothing for a minute."""
        with self._log.open("wb") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *self._arguments,
                cwd=self._folder, env=self._environment, stdout=PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(_START_SECONDS):
                line = await process.stdout.readline() if process.stdout else b""
        except TimeoutError:
            raise StartProblem(f"{self.name} said nothing for {_START_SECONDS:.0f} s.") from None
        if not line:
            raise self.failure_with_log("did not start")
        return line.decode().strip()

    async def has_ended(self, seconds: float = _NOTICE_SECONDS) -> bool:
        """Returns whether it has ended by itself; waits up to *seconds* for that."""
        try:
            async with asyncio.timeout(seconds):
                await self._running().wait()
        except TimeoutError:
            return False
        return True

    def failure_with_log(self, fate: str) -> StartProblem:
        """Returns the error to raise when it has failed; keeps a copy of its log outside of its folder."""
        handle, kept = tempfile.mkstemp(prefix="llm-demo-", suffix=".log")
        with open(handle, "wb") as copy:
            copy.write(self._log.read_bytes())
        return StartProblem(f"{self.name} {fate}: {self._last_words()}\nIts log is kept in {kept}.")

    async def kill(self) -> None:
        """Send SIGKILL and wait for its end."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL if it does not end in time; does nothing if it never ran or has ended."""
        try:
            async with asyncio.timeout(self._stop_seconds):
                await self._end(signal.SIGTERM)
        except TimeoutError:
            await self.kill()

    async def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            # Not process.send_signal: it may reap a child that has just ended; asyncio then logs an error.
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
        await process.wait()

    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing.")


def run_until_signal(work: Coroutine[Any, Any, _T]) -> _T:
    """Run *work*; the first SIGINT, SIGTERM or SIGHUP cancels it, later ones do not interrupt its clean-up.

    Raises `Stopped` after a signal.
    """
    return asyncio.run(_until_signal(work))


async def _until_signal(work: Coroutine[Any, Any, _T]) -> _T:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    caught: list[int] = []

    def stop(number: int) -> None:
        if not caught:
            caught.append(number)
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not caught:
            raise
        raise Stopped(caught[0]) from None
