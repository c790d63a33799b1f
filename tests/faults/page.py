"""docs/faults.md, written from what was observed in one run."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import orjson

from tests.browser.tried import Tried
from tests.browser.try_it import NO_CHROMIUM
from tests.faults.promises_page import Promises
from tests.faults.rows import MEBIBYTE, MOST_GROWTH_BYTES, Observed, Row, Stage, differences
from tests.faults.world import LIMITS
from tests.support.service_process import ROOT

PAGE = ROOT / "docs" / "faults.md"
COLUMNS = ("id", "vendor", "fault", "caller gets", "attempts", "calls", "elsewhere", "breaker", "notes", "s", "MiB")
VERDICT = "Every row was as the tests expect it."
INTRODUCTION = """# What vendors can do, and what the caller gets

Written by `python -m tests.faults.write_matrix` from one run of it, and only where nothing was other than expected;
nobody edits this page. Every run of the tests in `tests/faults` plays the same rows, and fails where a cell is not what
it saw itself; seconds, MiB and Retry-After, which vary, must be within the row's bounds. Each row is one fault, asked
for through the front door of the service in a process of its own (`POST /api/v1/comparison`, `cache: bypass`,
`fallback: none`). Rows U01 to U24 are played by an upstream on bare sockets, the others by the vendor simulator with
the vendors' real bodies. A row that was late, and nothing else, is played again: other work on the machine does that.

- **caller gets**: status and code, with Retry-After in seconds where there is one.
- **attempts**: how they ended, and how many calls the upstream counted. An attempt that made no connection is no call.
- **elsewhere**: the same request with `fallback: any`. *yes*: another vendor answered it; *no*: it is the caller's
  business, so nobody else was asked. Empty: there was nothing to ask again.
- **breaker**: what the first request left behind. *model +3*: three calls count against this model; *provider +3*:
  against the provider as a whole; *provider open*: closed to all calls at once; *–*: nothing is held against anybody.
- **notes**: *alert*: the log called an operator; *n tokens booked*: the metrics count exactly the output tokens that
  the vendor charged; else what the answer says.
- **s**: seconds until the answer (the longest, where several were asked). **MiB**: peak of the service's resident
  memory during the row, above what it held before; the limit is {limit} MiB.

After every row a healthy model of the same vendor was asked and answered (where the vendor can be reached at all). In
no row did an answer or the log hold a byte of a hostile body or a key, no cookie was sent back, and no request went
where a redirect pointed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that one run of `write_matrix` found; `commit` is the one that was checked out when it `began`.

    `tried` is what came of trying the API page; `None` where there was no browser for it.
    """

    began: datetime
    commit: str
    seconds: float
    rows: Sequence[Row]
    observed: Mapping[str, Observed]
    promises: Promises
    tried: Tried | None

    def problems(self) -> list[str]:
        """What is not as it should be."""
        found = [f"{row.id}: {text}" for row in self.rows for text in differences(row, self.observed[row.id])]
        of_the_page = [] if self.tried is None else [f"API page: {text}" for text in self.tried.problems()]
        return found + self.promises.problems() + of_the_page


class NotAsExpected(Exception):
    """A run that must not become the page; the arguments are its problems."""


def write(run: Run, path: Path = PAGE) -> None:
    """Replace the page; raises `NotAsExpected`, and leaves the page as it is, where the run has problems."""
    if problems := run.problems():
        raise NotAsExpected(*problems)
    parts = (
        INTRODUCTION.format(limit=MOST_GROWTH_BYTES // MEBIBYTE),
        _circumstances(run),
        *(_table(run, letter) for letter in ("U", "B")),
        *run.promises.sections(),
        _api_page(run.tried),
    )
    path.write_text("\n".join(parts), encoding="utf-8")


def _circumstances(run: Run) -> str:
    lines = [
        "## This run",
        "",
        f"{run.began.astimezone(UTC):%Y-%m-%d %H:%M} UTC, {run.seconds:.0f} s, commit {run.commit}; {machine()}.",
        f"{len(run.rows)} rows. {VERDICT} Every promise below was kept.",
        "",
    ]
    return "\n".join(lines)


def _table(run: Run, letter: str) -> str:
    title = {"U": "Upstream transport", "B": "Upstream HTTP and body"}[letter]
    lines = [
        f"## {title}",
        "",
        _table_line(COLUMNS),
        "|---|---|---|---|---|---:|---|---|---|---:|---:|",
    ]
    rows = sorted((row for row in run.rows if row.id.startswith(letter)), key=lambda row: row.id.partition("-")[0])
    for _, same in groupby(rows, key=lambda row: row.id.partition("-")[0]):
        lines += [_table_line(cells(row, run.observed[row.id]).values()) for row in same]
    return "\n".join([*lines, ""])


def cells(row: Row, seen: Observed) -> dict[str, str]:
    """What the page says of *row* in each of its columns."""
    outcomes = Counter(seen.attempts)
    attempts = ", ".join(name if number == 1 else f"{number} × {name}" for name, number in outcomes.items())
    after = "" if seen.retry_after is None else f", Retry-After {seen.retry_after}"
    fault = f"{row.fault} (limits here: {_limits()})" if row.stage is Stage.SLOW else row.fault
    said = (
        row.id, row.vendor, fault, f"{seen.status} {seen.code}".strip() + after, attempts, str(seen.calls),
        {True: "yes", False: "no", None: ""}[seen.elsewhere], seen.breaker, _notes(row, seen),
        f"{seen.seconds:.2f}", f"{seen.growth_bytes / MEBIBYTE:.1f}",
    )  # fmt: skip
    return dict(zip(COLUMNS, said, strict=True))


def _table_line(said: Iterable[str]) -> str:
    return f"| {' | '.join(said)} |"


def _limits() -> str:
    """The limits of the stage that has shorter ones than the service by itself."""
    first, idle = LIMITS[Stage.SLOW].values()
    return f"first byte {first} s, idle {idle} s"


def _notes(row: Row, seen: Observed) -> str:
    notes = ["alert"] if seen.alert else []
    if row.expected.books:
        notes.append(f"{seen.tokens[0]:.0f} tokens booked")
    notes += [f"{name} {orjson.dumps(value).decode()}" for name, value in seen.fields.items()]
    return ", ".join(notes)


def _api_page(tried: Tried | None) -> str:
    """“Try it” is claimed only where a browser has done it."""
    said = [NO_CHROMIUM] if tried is None else tried.sentences()
    return "\n".join(("## The API page in a browser", "", *said, ""))


def commit() -> str:
    """What is checked out, and whether something was changed."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"


def machine() -> str:
    """Where it ran."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
