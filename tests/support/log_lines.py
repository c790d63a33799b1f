"""What the service logs, for tests that run it in their own process.

A logger keeps the sink that it has at its first line, whichever test that was in. So there is one sink for all of
them, and it passes on to whoever listens.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from huleedu_service_libs.observability.logging import configure_logging


class _Switch(io.BytesIO):
    """A stream that hands every line to the capture that is on."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[LogLines] = []

    def write(self, line: Any) -> int:
        for one in self.heard:
            one.raw += line
        return len(line)


_SWITCH = _Switch()


class LogLines:
    """The lines of one capture; `raw` is all their bytes."""

    def __init__(self) -> None:
        self.raw = b""

    @property
    def events(self) -> list[dict[str, Any]]:
        """Each line, parsed."""
        return [json.loads(line) for line in self.raw.splitlines()]


@contextmanager
def log_lines() -> Iterator[LogLines]:
    """Whatever is logged in the block, debug lines included."""
    configure_logging(service="test", level="debug", stream=_SWITCH)
    lines = LogLines()
    _SWITCH.heard.append(lines)
    try:
        yield lines
    finally:
        _SWITCH.heard.remove(lines)
