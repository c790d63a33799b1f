"""Which worker a process is: handed from the supervisor to the program that it starts, in one environment variable."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass
from typing import Final, Self

import orjson

_VARIABLE: Final = "HULEEDU_WORKER_SEAT"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    """Slot *slot* of *workers*; file descriptors that were inherited, and the process that watches over this one."""

    slot: int
    workers: int
    link: int
    listeners: tuple[int, ...]
    supervisor: int

    def environment(self) -> dict[str, str]:
        """What the supervisor adds to the environment of the worker."""
        return {_VARIABLE: orjson.dumps(asdict(self)).decode()}

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the worker inherits."""
        return (self.link, *self.listeners)

    @classmethod
    def taken(cls) -> Self | None:
        """That of this process, or None if no supervisor started it; what it starts itself does not inherit it."""
        text = os.environ.pop(_VARIABLE, None)
        if text is None:
            return None
        context = orjson.loads(text)
        return cls(**{**context, "listeners": tuple(context["listeners"])})


def bind_shared(host: str, port: int, count: int) -> list[socket.socket]:
    """*count* sockets bound to one address with SO_REUSEPORT, none listening; raises OSError.

    The kernel spreads new connections over them by hash. The address is first taken without sharing, because a
    second service of the same user could otherwise share the port unnoticed.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    made: list[socket.socket] = []
    try:
        with _socket(family) as probe:
            probe.bind(address)
        for _ in range(count):
            shared = _socket(family)
            made.append(shared)
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            shared.bind(made[0].getsockname() if len(made) > 1 else address)
    except OSError:
        for one in made:
            one.close()
        raise
    return made


def _socket(family: int) -> socket.socket:
    """With IPPROTO_TCP, because asyncio turns Nagle off only then (40 ms per answer otherwise)."""
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.settimeout(0)
    return made
