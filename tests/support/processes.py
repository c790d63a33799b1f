"""Processes as the kernel knows them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from time import monotonic

SECONDS_PER_TICK = 1 / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """The children of a process, oldest first."""
    try:
        return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()))
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def cpu_seconds(pid: int) -> float:
    """User and system time so far, all threads."""
    after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2]
    return sum(map(int, after_name.split()[11:13])) * SECONDS_PER_TICK


async def all_gone(pids: list[int], *, within: float) -> bool:
    """Whether all have ended within so many seconds."""
    end = monotonic() + within
    while any(map(alive, pids)):
        if monotonic() > end:
            return False
        await asyncio.sleep(0.05)
    return True
