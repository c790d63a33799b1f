"""docs/soak.md, written from what one soak found; the same text is printed when a soak ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC
from pathlib import Path

from tests.faults.page import machine
from tests.soak.board import answers, clock
from tests.soak.callers import SLACK_SECONDS
from tests.soak.result import MEBIBYTE, MOST_RISE_BYTES, Result
from tests.soak.stage import SLOTS
from tests.support.service_process import ROOT

PAGE = ROOT / "docs" / "soak.md"
AS_IT_SHOULD_BE = "The books agree, and nothing has leaked."
INTRODUCTION = f"""# The soak

Written by `./dev soak` from one run of it; nobody edits this page. The same code runs for a minute in `./dev test`,
with a fixed seed.

The service runs in a process of its own with Redis, four simulated vendors (each a process), and a fifth on bare
sockets that does what no HTTP library would. Callers ask at random moments: new questions and well-known ones, the same
one at the same moment, every mode of the cache and of fallback, every strategy, deadlines from 0.2 s; they hang up,
break off in the body, send it slowly, or send what is refused. Meanwhile vendors limit, fail, hang, drip, reset, answer
nonsense, are killed and paused; Redis is killed, frozen, slow and full; the cache is cleared. A seed decides all of it.

It is a failure

- when a request ends in anything but one answer of [the contract](api.md#errors), or later than its deadline and
  {SLACK_SECONDS:g} s, or with a winner or a reason that the vendor did not give, or with another request's answer;
- when callers and the gateway's `/metrics` count different answers, or the gateway and a vendor different calls, or
  when the gateway names an outcome more often than the vendor brought it about;
- when, five seconds after the last fault, a question that can be answered is not, a breaker is not closed, or health is
  not healthy;
- when, of {SLOTS} requests at once for {SLOTS} slots, one has to wait; when a task of the event loop, a socket, a slot
  or a place in line is held that was not held before the load; when the log holds an error;
- when resident memory rises by more than {MOST_RISE_BYTES / MEBIBYTE:g} MiB over the second half of the run, by a line
  through its samples. Where nothing leaked it rose by 0.3 to 1.0 MiB in seven runs of 36 seconds to five minutes;
  1.7 MiB in one in whose second half more requests piled up than ever before. With 4 KB kept of every request it rose
  by 3.8 MiB in 48 seconds; a longer run finds a smaller leak.
"""


def write(result: Result, path: Path = PAGE) -> None:
    """Replace the page."""
    path.write_text("\n".join((INTRODUCTION, *report(result), "")), encoding="utf-8")


def report(result: Result) -> Iterator[str]:
    """Line by line."""
    problems = result.problems()
    early = ", ended early" if result.ended_early else ""
    yield f"## {result.began.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {clock(result.seconds)} minutes{early}"
    yield ""
    yield f"Commit {result.commit}; {machine()}; seed {result.extent.seed}, {result.extent.rate:g} bursts a second."
    yield AS_IT_SHOULD_BE if not problems else "**Not as it should be:**"
    yield from (f"- {problem}" for problem in problems)
    yield ""
    yield f"{result.tally.sent} requests: {answers(result.tally)}. {result.tally.cached} answers were stored ones."
    yield f"The latest answer came {result.tally.latest:+.2f} s from its deadline."
    yield ""
    yield from _vendors(result)
    yield from _faults(result.played)
    yield from _rest(result)


def _vendors(result: Result) -> Iterator[str]:
    yield "| vendor | attempts sent | calls counted | perhaps never read | how the attempts ended |"
    yield "|---|---:|---:|---:|---|"
    for vendor in result.vendors:
        ends = ", ".join(f"{n} {outcome}" for outcome, n in sorted(vendor.attempts.items(), key=lambda one: -one[1]))
        yield f"| {vendor.provider} | {vendor.sent} | {vendor.counted} | {vendor.unsure} | {ends} |"
    yield ""
    yield "An attempt that was broken off while its vendor was killed or paused may never have been read there."
    yield ""


def _faults(played: Counter[str]) -> Iterator[str]:
    each = ", ".join(f"{n} × {name}" for name, n in sorted(played.items()))
    yield f"{played.total()} faults: {each or 'none'}."
    yield ""


def _rest(result: Result) -> Iterator[str]:
    calm = result.calm
    yield f"In the calm afterwards {calm.asked} questions had to be answered, {len(calm.unanswered)} were not."
    yield f"The last wave: {calm.wave[200]} of {calm.wave.total()} answered, {calm.wave_waited:g} had to wait."
    yield ""
    yield "| at rest | before the load | after it |"
    yield "|---|---|---|"
    yield f"| tasks | {_counted(result.before.tasks)} | {_counted(result.after.tasks)} |"
    yield f"| sockets | {_counted(result.before.sockets)} | {_counted(result.after.sockets)} |"
    yield f"| slots, places in line | {_counted(result.before.under_way)} | {_counted(result.after.under_way)} |"
    yield ""
    yield from _memory(result)


def _memory(result: Result) -> Iterator[str]:
    sizes = [sample.resident / MEBIBYTE for sample in result.samples]
    grew = result.growth
    yield f"Resident memory in MiB: {sizes[0]:.1f} at first, {max(sizes):.1f} at most, {sizes[-1]:.1f} at last."
    if grew is None:
        yield "The run was too short to say whether it grew."
        return
    rise = f"{grew.rise / MEBIBYTE:.2f} MiB over {grew.requests} requests, {grew.bytes_per_request:.0f} bytes for each"
    yield f"Rise over the second half: {rise}."


def _counted(found: Mapping[str, float]) -> str:
    total = sum(found.values())
    return f"{total:g}: " + ", ".join(f"{n:g} {name}" for name, n in sorted(found.items())) if found else "0"
