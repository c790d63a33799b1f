"""The command-line tools as a person runs them: processes of their own, and what they leave behind."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[2]
MARK = "TEST_PROGRAM_MARK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a program ended and what it printed."""

    exit_code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A running tool; all its children inherit its *mark*."""

    process: Process
    mark: str

    async def line_with(self, text: str) -> str:
        """Read standard output up to the first line that holds *text*."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if text in line.decode():
                return line.decode()
        raise AssertionError(f"it ended without saying {text!r}")

    async def finish(self) -> Finished:
        """Wait for its end."""
        out, err = await self.process.communicate()
        return Finished(exit_code=self.process.returncode or 0, out=out.decode(), err=err.decode())

    def pids_of(self, text: str) -> list[int]:
        """The living processes that carry the mark and have *text* in their command line."""
        marked = f"{MARK}={self.mark}".encode()
        return [int(pid.name) for pid in _pids() if marked in _read(pid / "environ") and text in _command_line(pid)]

    def left_behind(self) -> list[str]:
        """Command lines of processes that carry the mark."""
        marked = f"{MARK}={self.mark}".encode()
        return [words for pid in _pids() if marked in _read(pid / "environ") and (words := _command_line(pid))]


async def start_tool(
    name: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    through: Sequence[str] = (),
) -> Program:
    """`./dev name …` without the shell around it; *folder* holds the sources, *through* is a command to run it by."""
    mark = uuid4().hex
    inherited = {key: value for key, value in os.environ.items() if key != "FORCE_COLOR"}
    process = await asyncio.create_subprocess_exec(
        *through, sys.executable, "-m", f"services.llm_provider_service.tools.{name}", *arguments,
        cwd=folder, env={**inherited, **(environment or {}), MARK: mark}, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    return Program(process=process, mark=mark)


async def run_tool(name: str, *arguments: str) -> Finished:
    """The same, to its end."""
    return await (await start_tool(name, *arguments)).finish()


def _pids() -> list[Path]:
    return [path for path in Path("/proc").glob("[0-9]*") if path.name != str(os.getpid())]


def _command_line(pid: Path) -> str:
    return _read(pid / "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # ended meanwhile, or another user's
        return b""
