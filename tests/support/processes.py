"""Processes as the kernel knows them."""

from __future__ import annotations

import asyncio
import os
import resource
from pathlib import Path
from time import monotonic


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
    """Time on a core so far, of all its threads that live, as the scheduler counts it (in nanoseconds, not ticks)."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in _threads(pid)) / 1e9


def pin(pid: int, core: int) -> None:
    """Let all threads that a process has now run on one core only."""
    for task in _threads(pid):
        os.sched_setaffinity(int(task.name), {core})


def let_grow(pid: int, more_bytes: int) -> None:
    """Limit the address space of a process to what it has and so many bytes more."""
    size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (size + more_bytes,) * 2)


def _threads(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())


async def all_gone(pids: list[int], *, within: float) -> bool:
    """Whether all have ended within so many seconds."""
    end = monotonic() + within
    while any(map(alive, pids)):
        if monotonic() > end:
            return False
        await asyncio.sleep(0.05)
    return True
