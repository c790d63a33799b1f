"""Whether the committed docs/faults.md says of a fault what a run of today shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from tests.faults.page import COLUMNS, PAGE, cells
from tests.faults.rows import MEBIBYTE, Observed, Row, differences

VARYING = ("s", "MiB")
RETRY_AFTER = re.compile(r"(?<=Retry-After )\d+")

Said = Mapping[str, str]


def said_by_the_page() -> dict[str, Said]:
    """The cells of every row, by its id."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line[2:-2].split(" | ") for line in lines if line.startswith(("| U", "| B"))]
    return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows}


def untrue(row: Row, seen: Observed, said: Said) -> list[str]:
    """In what the page is not what was *seen*; what varies must be within the bounds of *row*."""
    wanted = cells(row, seen)
    found = [
        f"{name}: the page says {said[name]!r}, seen was {wanted[name]!r}"
        for name in COLUMNS
        if name not in VARYING and _without_seconds(said[name]) != _without_seconds(wanted[name])
    ]
    return found + differences(row, _as_said(seen, said))


def _without_seconds(cell: str) -> str:
    return RETRY_AFTER.sub("n", cell)


def _as_said(seen: Observed, said: Said) -> Observed:
    """*seen*, with what varies as the page has it."""
    after = RETRY_AFTER.search(said["caller gets"])
    return replace(
        seen,
        seconds=float(said["s"]),
        growth_bytes=int(float(said["MiB"]) * MEBIBYTE),
        retry_after=None if after is None else int(after.group()),
    )
