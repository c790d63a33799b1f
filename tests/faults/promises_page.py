"""The sections of docs/faults.md about the promises that are measured: P2, and P5 to P8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.faults import deadlines, overload
from tests.faults.amplification import (
    BUDGET_TOKENS,
    IN_ONE_WAVE,
    REQUESTS,
    THROTTLE_COST,
    TRANSIENT_COST,
    Amplified,
)
from tests.faults.bulkhead import HANGING_CALLERS, RATE, SLOTS, SLOWER_AT_MOST, Bulkhead
from tests.faults.deadlines import DEADLINE_MS, Lateness
from tests.faults.open_breaker import AT_ONCE, PROBE_SECONDS, REFUSED, UNTIL_OPEN, WITHIN_MS, OpenBreaker
from tests.faults.overload import Overload
from tests.faults.rows import MEBIBYTE

OVERLOAD = """## P8: at {o.TIMES} × capacity the slots stay busy, and the rest is refused at once

{o.SLOTS} slots over a vendor that holds each answer for {o.HOLD_MS} ms can serve {o.CAPACITY:.0f} requests a second;
{o.RATE:.0f} came, no two alike, whether answers came or not. Every request was answered, and the vendor was called once
for each 200. Times are the caller's, from the moment it sent to the moment it had read.

- **goodput**: 200s a second over the capacity, without the first second; at least {o.GOODPUT_AT_LEAST:.0%}.
- **refused**: 503 with `Retry-After`; p99 below {o.REFUSED_WITHIN_MS:.0f} ms.
- **health**: answers of `/healthz`, each asked for 20 ms after the one before; p99 below {o.HEALTH_WITHIN_MS:.0f} ms.
- **MiB**: peak of the resident memory above what it was after two seconds of the same load, with the cache on.

A round in which something was late is played again, four times at most: other work on the machine makes it late too.

| bound of the line | sent | 200 | 503 | goodput | refused, p50 ms | p99 | slowest | health, p99 ms | slowest | MiB |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """What was measured of them."""

    amplified: Sequence[Amplified]
    lateness: Sequence[Lateness]
    breaker: OpenBreaker
    bulkhead: Bulkhead
    overloads: Sequence[Overload]

    def problems(self) -> list[str]:
        """What is not as promised."""
        return [
            *(f"P2, {one.outage.name}: {text}" for one in self.amplified for text in one.problems()),
            *(f"P5, {one.fault.name}: {text}" for one in self.lateness for text in one.problems()),
            *(f"P6: {text}" for text in self.breaker.problems()),
            *(f"P7: {text}" for text in self.bulkhead.problems()),
            *(f"P8, {one.line.name}: {text}" for one in self.overloads for text in one.problems()),
        ]

    def sections(self) -> tuple[str, ...]:
        """Markdown."""
        return (
            _amplified(self.amplified),
            _lateness(self.lateness),
            _breaker(self.breaker),
            _bulkhead(self.bulkhead),
            _overload(self.overloads),
        )


def _amplified(measured: Sequence[Amplified]) -> str:
    lines = [
        "## P2: an outage costs hardly more calls than there are requests",
        "",
        f"{REQUESTS} requests to one worker, {IN_ONE_WAVE} at a time, for one vendor that fails every call; the",
        f"breaker was off. The retry budget is {BUDGET_TOKENS} tokens; a retry costs {TRANSIENT_COST} of them, and",
        f"{THROTTLE_COST} after a 429. Where the vendor does not say how long to wait, each 429 is a cooldown of a",
        "second, and who cannot wait that long is refused without a call.",
        "",
        "| the vendor says | answers | upstream calls | at most |",
        "|---|---|---:|---:|",
        *(f"| {one.outage.name} | {_counted(one.statuses)} | {one.calls} | {one.outage.most} |" for one in measured),
        "",
    ]
    return "\n".join(lines)


def _counted(answers: Mapping[int, int]) -> str:
    return ", ".join(f"{number} × {status}" for status, number in sorted(answers.items()))


def _lateness(measured: Sequence[Lateness]) -> str:
    lines = [
        "## P5: never later than the deadline and 250 ms",
        "",
        f"{deadlines.AT_ONCE} requests at once for each fault, each with a deadline of {DEADLINE_MS} ms; the breakers",
        "were off. A run with a late answer is measured again, once: other work on the machine makes it late too.",
        "The figure is the latest answer's distance from its deadline; below zero it came before.",
        "",
        "| fault | answers | upstream calls | ms |",
        "|---|---|---:|---:|",
        *map(_lateness_row, measured),
        "",
    ]
    return "\n".join(lines)


def _lateness_row(one: Lateness) -> str:
    return f"| {one.fault.name} | {', '.join(map(str, sorted(one.statuses)))} | {one.calls} | {one.p99_ms:.0f} |"


def _breaker(measured: OpenBreaker) -> str:
    tail, slowest = measured.tail, max(measured.refused_seconds) * 1000
    lines = [
        "## P6: an open breaker answers at once, and a half-open one asks once",
        "",
        f"A vendor fails {UNTIL_OPEN} requests, and its breaker opens. One caller asks {REFUSED} times, one request",
        f"after the other: each is refused, p50 {tail.p50:.1f} ms, p99 {tail.p99:.1f} ms (below {WITHIN_MS:.0f}), the",
        f"slowest {slowest:.1f} ms; upstream calls: {measured.calls_while_open}. When the pause is over, {AT_ONCE}",
        f"callers come at once, and the vendor takes {PROBE_SECONDS:.0f} s to answer. Upstream calls:",
        f"{measured.calls_half_open}; one caller gets its answer, {AT_ONCE - 1} are refused, and then the breaker is",
        f"{measured.state_after}. A round with a higher p99 is played again, twice at most: other work on the machine",
        "makes it longer too.",
        "",
    ]
    return "\n".join(lines)


def _bulkhead(measured: Bulkhead) -> str:
    lines = [
        "## P7: a provider that hangs takes nothing from the others",
        "",
        f"{RATE:.0f} requests a second to one provider, which answers after 500 ms. Half of the time {HANGING_CALLERS}",
        f"callers ask another, which hangs and has {SLOTS} slots. {measured.requests} requests in each half of a pair;",
        f"{measured.failed} failed.",
        "",
        "| pair | p99 before, ms | p99 while it hangs, ms | ratio |",
        "|---|---:|---:|---:|",
        *(
            f"| {number} | {pair.calm * 1000:.0f} | {pair.hanging * 1000:.0f} | {pair.ratio:.2f} |"
            for number, pair in enumerate(measured.pairs, start=1)
        ),
        "",
        f"Median ratio {measured.ratio:.2f} (at most {SLOWER_AT_MOST:.2f}); {measured.peak} calls hung at one time.",
        f"Resident memory grew by {measured.growth_bytes / MEBIBYTE:.1f} MiB from the first pair to the last.",
        "Five pairs with a higher ratio are measured again, four times at most: other work makes p99 longer.",
        "",
    ]
    return "\n".join(lines)


def _overload(measured: Sequence[Overload]) -> str:
    return "\n".join((OVERLOAD.format(o=overload).rstrip(), *map(_overload_row, measured), ""))


def _overload_row(one: Overload) -> str:
    cells = (
        one.line.name, one.sent, one.statuses[overload.GOOD], one.statuses[overload.BUSY], f"{one.goodput:.0%}",
        f"{one.refused.p50:.1f}", f"{one.refused.p99:.1f}", f"{max(one.refused_seconds) * 1000:.1f}",
        f"{one.health.p99:.1f}", f"{max(one.health_seconds) * 1000:.1f}", f"{one.growth_bytes / MEBIBYTE:.1f}",
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"
