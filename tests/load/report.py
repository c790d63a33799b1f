"""Says what was measured: a table for the person at the terminal, a dated section for docs/performance.md."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.load.extent import Extent
from tests.load.figures import Measured, Subject, middle
from tests.load.processes import ROOT

PAGE = ROOT / "docs" / "performance.md"
NO_NGINX = "nginx is not installed here, so it was not measured."
INTRODUCTION = """# Performance

Written by `./dev bench`; the newest result comes first.

**CPU** is user and system time of the server process over completed requests, in microseconds: the median of the
rounds. The subjects take turns within each round, and a ratio is the median of the ratios within the rounds. Servers
have one core, the load generator and the upstream another. **Compare ratios; absolute figures belong to the machine.**

- *bare pass-through*: Quart on the service's own server (uvicorn's protocol, uvloop, httptools); parses the body with
  orjson, validates it with the request model, forwards it with aiohttp, answers with what came back, and does nothing
  else.
- *service, cache miss*: the service with one vendor and its default settings; no two requests are alike.
- *service, cache miss, Redis and 1 % traces*: the same with Redis behind the cache, and with the spans of one request
  in a hundred sent to a collector; both run on the load's core.
- *service, cache hit*: the same request again and again.
- *service, hit from Redis*: a few hundred requests in turn, while the process's own memory holds one answer only, so
  that Redis gives each; with traces as above.
- *nginx*: a plain proxy to the same upstream.

A request carries two essays of 2.5 KB; the upstream answers each with the same chat completion. **Added latency** is
what a request through the service (a cache miss) takes longer than one sent to the upstream itself, percentile by
percentile in the same round, at a fixed rate and while the upstream holds each answer for a fixed time. **Resident
memory** is read one second after readiness; **ready** is the time from the spawn of the process to the first 200 from
`/readyz`. **A worker, over a process alone** is what a request costs one of two workers with its supervisor, in CPU and
at its cheapest; two that have a core each serve 1.8 times as much as one process while that is at most 2 / 1.8. With
four cores it is measured by itself: the requests a second of one process, over those of two workers.
"""


def show(measured: Measured, extent: Extent, console: Console) -> None:
    """Print the tables."""
    cpu = Table(title=f"CPU per request, {extent.rounds} rounds of {extent.requests} requests")
    for name in ("", "µs", "lowest to highest round", "× bare"):
        cpu.add_column(name, justify="left" if not name else "right")
    for row in _cpu_rows(measured):
        cpu.add_row(*row)
    console.print(cpu)
    if Subject.NGINX not in measured.cpu:
        console.print(NO_NGINX)
    console.print(_disturbance_sentence(measured))
    console.print(_latency_sentence(measured, extent))
    goals = Table(title="Reach")
    for name in ("", "measured", "reach", ""):
        goals.add_column(name, justify="right" if name else "left")
    for name, value, limit, reached in _goal_rows(measured):
        goals.add_row(name, value, limit, f"[{'green' if reached == 'yes' else 'red'}]{reached}[/]")
    console.print(goals)


def save(measured: Measured, extent: Extent, now: datetime, page: Path = PAGE) -> None:
    """Put the result in front of the earlier ones on *page*."""
    page.parent.mkdir(exist_ok=True)
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    _, mark, earlier = before.partition("\n## ")
    section = "\n".join(_section(measured, extent, now))
    page.write_text(f"{INTRODUCTION}\n{section}\n{mark}{earlier}", encoding="utf-8")


def _section(measured: Measured, extent: Extent, now: datetime) -> Iterator[str]:
    yield f"## {now:%Y-%m-%d %H:%M} UTC, revision {_revision()}"
    yield ""
    yield f"{_machine()}."
    yield ""
    yield f"CPU: {extent.rounds} rounds of {extent.requests} requests over {extent.connections} connections."
    yield ""
    yield "| CPU per request | µs | lowest to highest round | × bare |"
    yield "|---|---:|---:|---:|"
    yield from (f"| {' | '.join(row)} |" for row in _cpu_rows(measured))
    yield ""
    if Subject.NGINX not in measured.cpu:
        yield NO_NGINX
        yield ""
    yield _disturbance_sentence(measured)
    yield ""
    yield _latency_sentence(measured, extent)
    yield ""
    yield "| | measured | reach | reached |"
    yield "|---|---:|---:|---|"
    yield from (f"| {' | '.join(row)} |" for row in _goal_rows(measured))


def _cpu_rows(measured: Measured) -> Iterator[tuple[str, str, str, str]]:
    for subject in measured.cpu:
        low, high = measured.spread(subject)
        yield subject, f"{measured.micros(subject):.0f}", f"{low:.0f} to {high:.0f}", f"{measured.ratio(subject):.2f}"


def _goal_rows(measured: Measured) -> Iterator[tuple[str, str, str, str]]:
    for goal in measured.goals():
        unit = goal.unit if goal.unit == "×" else f" {goal.unit}"
        yield goal.name, f"{goal.value:.2f}{unit}", f"≤ {goal.limit:g}{unit}", "yes" if goal.reached else "no"


def _disturbance_sentence(measured: Measured) -> str:
    share = median(measured.disturbance)
    return f"Other work had the servers' core for {share:.0%} of the time; the more, the less the milliseconds say."


def _latency_sentence(measured: Measured, extent: Extent) -> str:
    direct, bare, service = map(middle, (measured.direct, measured.added_by_bare, measured.added_by_service))
    return (
        f"At {extent.rate:g} requests/s over an upstream that holds each answer for {extent.hold_ms} ms "
        f"({extent.latency_rounds} rounds of {extent.latency_requests} requests): direct p50 {direct.p50:.2f} ms, "
        f"p99 {direct.p99:.2f} ms; the bare pass-through adds {bare.p50:.2f} and {bare.p99:.2f} ms, "
        f"the service {service.p50:.2f} and {service.p99:.2f} ms."
    )


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {cores} cores, {platform.system()}, {python}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _revision() -> str:
    """The commit, and whether files differed from it; `unknown` outside of a repository."""
    commit = _git("rev-parse", "--short", "HEAD")
    return f"{commit} with changes" if commit and _git("status", "--porcelain") else commit or "unknown"


def _git(*arguments: str) -> str:
    try:
        asked = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.strip()
