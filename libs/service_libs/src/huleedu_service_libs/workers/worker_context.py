"""Tells a process which worker it is, in one environment variable that the supervisor sets."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass
from typing import Final, Self

import orjson

_VARIABLE: Final = "HULEEDU_WORKER_CONTEXT"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    """Slot *slot* of *workers*; `link` and `listeners` are inherited file descriptors, `supervisor` is a process id."""

    slot: int
    workers: int
    link: int
    listeners: tuple[int, ...]
    supervisor: int

    def environment(self) -> dict[str, str]:
        """Returns the variable that the supervisor adds to the worker's environment."""
        return {_VARIABLE: orjson.dumps(asdict(self)).decode()}

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Returns the file descriptors that the worker inherits."""
        return (self.link, *self.listeners)

    @classmethod
    def taken(cls) -> Self | None:
        """Returns the context of this process, or None if no supervisor started it.

        It removes the variable, so that child processes do not inherit it.
        """
        text = os.environ.pop(_VARIABLE, None)
        if text is None:
            return None
        context = orjson.loads(text)
        return cls(**{**context, "listeners": tuple(context["listeners"])})


def bind_shared(host: str, port: int, count: int) -> list[socket.socket]:
    """Returns *count* sockets bound to one address with SO_REUSEPORT, not listening yet; raises OSError.

    The kernel spreads new connections over them by hash. The address is first bound without sharing, because otherwise
    a second service of the same user could share the port unnoticed.
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
    """Returns a socket with IPPROTO_TCP: asyncio turns Nagle's algorithm off only then (otherwise 40 ms per answer)."""
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.settimeout(0)
    return made
