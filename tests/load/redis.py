"""The Redis behind the service, as a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.load.processes import Server, free_port, running_at
from tests.support.redis_server import server_program


@contextmanager
def redis(*, core: int) -> Iterator[Server]:
    """An empty one on *core* that keeps nothing on disk."""
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--logfile", "/dev/null"]
    with running_at(port, [server_program(), *options], core=core) as server:
        yield server
