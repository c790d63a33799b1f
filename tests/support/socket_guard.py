"""Who may open a socket: a test that is marked `sockets`, and no other.

An audit hook sees every `connect`, `bind` and look-up of a name, whichever library makes it. In a test without the mark
it raises, so `./dev unit`, which runs what is not marked, holds no test that waits for a network. In a test with the
mark it takes notes: a mark that is not needed would keep a test out of the quick loop.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

MARK = "sockets"
FORBIDDEN = frozenset({"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname"})
PROCESS = "subprocess.Popen"


class SocketForbidden(RuntimeError):
    """A test without the mark has opened a socket."""


@dataclass(slots=True)
class SocketGuard:
    """Knows whether the test that runs may open sockets, and what it did; outside of a test everything is allowed."""

    allowed: bool = True
    sockets: list[str] = field(default_factory=list)
    processes: int = 0

    def begin(self, *, allowed: bool) -> None:
        """A test begins."""
        self.allowed, self.processes = allowed, 0
        self.sockets.clear()

    def end(self) -> None:
        """It is over."""
        self.allowed = True

    def hear(self, event: str, details: tuple[Any, ...]) -> None:
        """What the interpreter says of itself; raises `SocketForbidden`."""
        if event == PROCESS:
            self.processes += 1
        if event not in FORBIDDEN:
            return
        where = details[-1] if event in {"socket.connect", "socket.bind"} else details[0]
        self.sockets.append(f"{event.removeprefix('socket.')} {where!r}")
        if not self.allowed:
            raise SocketForbidden(self.complaint())

    def complaint(self) -> str:
        """What a test without the mark is told; empty where there is nothing to say."""
        if self.allowed or not self.sockets:
            return ""
        return f"a test that is not marked `{MARK}` opened a socket ({self.sockets[0]}): let it open none, or mark it"

    def superfluous(self) -> str:
        """What a test with the mark is told that needs none; empty where there is nothing to say."""
        if not self.allowed or self.sockets or self.processes:
            return ""
        return f"it is marked `{MARK}`, and opened none: without the mark `./dev unit` would run it"


def installed() -> SocketGuard:
    """A guard that hears of everything in this process, as long as it lives."""
    guard = SocketGuard()
    sys.addaudithook(guard.hear)
    return guard
