"""Addresses at which nobody answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

UNRESOLVABLE = "http://vendor.invalid"  # RFC 6761: never resolves
ENOUGH_TO_FILL = 4


@contextmanager
def closed_port() -> Iterator[str]:
    """The address of a port that is taken, so that nobody else gets it, and at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of a listener whose backlog is full: the kernel drops every further SYN."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(ENOUGH_TO_FILL):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def silent_port() -> Iterator[str]:
    """The address of a listener that takes connections and never says a word, not even the TLS handshake's."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
