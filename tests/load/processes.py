"""Servers as processes of their own: started, pinned to a core, measured and stopped, each by its process id."""

from __future__ import annotations

import http.client
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(rb"http://(127\.0\.0\.1):(\d+)")
START_SECONDS = 30.0
STOP_SECONDS = 10.0
SAY_AND_RUN = 'echo "http://127.0.0.1:$1"; shift; exec "$@"'
MICROS_PER_TICK = 1_000_000 / os.sysconf("SC_CLK_TCK")


class StartFailed(Exception):
    """A server did not come up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server; `spawned` is a moment on the monotonic clock, in seconds."""

    pid: int
    host: str
    port: int
    spawned: float

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}:{self.port}"

    def cpu_micros(self) -> float:
        """User and system time so far, all threads, in microseconds (counted by the kernel in ticks of 10 ms)."""
        after_name = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
        user, system = after_name.split()[11:13]
        return (int(user) + int(system)) * MICROS_PER_TICK

    def waited_seconds(self) -> float:
        """How long its main thread was ready to run and had no core, so far."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9

    def resident_mib(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def get(self, path: str) -> tuple[int, bytes]:
        """GET *path*: status and body."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=START_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def running(module: str, *arguments: str, core: int, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`python -m module` on *core*; nothing of the caller's environment reaches it but the path."""
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), **(settings or {})}
    with running_command([sys.executable, "-m", module, *arguments], core=core, environment=environment) as server:
        yield server


@contextmanager
def running_command(command: Sequence[str], *, core: int, environment: Mapping[str, str]) -> Iterator[Server]:
    """*command*, which prints its address; in an empty folder, so that it finds no `.env`."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as errors:
        spawned = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors)
        try:
            os.sched_setaffinity(process.pid, {core})
            host, port = _address(process, errors)
            yield Server(pid=process.pid, host=host, port=port, spawned=spawned)
        finally:
            _stop(process)


@contextmanager
def running_at(port: int, command: Sequence[str], *, core: int) -> Iterator[Server]:
    """*command*, which will listen on *port* and says nothing of it."""
    says_so = ["/bin/sh", "-c", SAY_AND_RUN, "sh", str(port), *command]
    with running_command(says_so, core=core, environment={}) as server:
        _wait_until_it_listens(server)
        yield server


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """This process, and what it starts, on *core*."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _address(process: subprocess.Popen[bytes], errors: IO[bytes]) -> tuple[str, int]:
    assert process.stdout is not None
    said = b""
    end = time.monotonic() + START_SECONDS
    while (found := ADDRESS.search(said)) is None or not said.endswith(b"\n"):
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))
        chunk = os.read(process.stdout.fileno(), 65536) if readable else b""
        if not chunk:
            errors.seek(0)
            why = errors.read()[-2000:].decode(errors="replace")
            raise StartFailed(f"a server said no address before it ended or its time was over: {why}")
        said += chunk
    return found[1].decode(), int(found[2])


def _wait_until_it_listens(server: Server) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection((server.host, server.port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise StartFailed(f"nobody listens on {server.url}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
