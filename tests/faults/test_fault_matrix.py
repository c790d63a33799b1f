"""Every row of FAULTS, chapter 2, about upstreams: what the caller gets, and what it costs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.browser.samples import WORKING
from tests.browser.tried import Tried
from tests.browser.try_it import NO_CHROMIUM
from tests.faults.bulkhead import SLOTS, Bulkhead, Pair
from tests.faults.matrix import ROWS, run_matrix
from tests.faults.open_breaker import AT_ONCE, OPEN, REFUSED, OpenBreaker
from tests.faults.overload import FLAT_BYTES
from tests.faults.page import PAGE, VERDICT, NotAsExpected, Run, cells, write
from tests.faults.page_check import said_by_the_page, untrue
from tests.faults.promises_page import Promises
from tests.faults.rows import Observed, Row, differences, is_only_late


@pytest.fixture(scope="module")
def matrix(request: pytest.FixtureRequest) -> Mapping[str, Observed]:
    """One run of all the rows that are tested; a row with which nothing but the time is wrong is timed once more."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    tested = {row.id for item in items if isinstance(row := item.callspec.params.get("row"), Row)}
    rows = [row for row in ROWS if row.id in tested]
    observed = asyncio.run(run_matrix(rows))
    late = [row for row in rows if is_only_late(row, observed[row.id])]
    return observed | (asyncio.run(run_matrix(late)) if late else {})


@pytest.mark.timeout(240)  # the first of them waits for the whole run
@pytest.mark.serial  # time and memory are measured
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_fault_ends_as_the_catalogue_says(matrix: Mapping[str, Observed], row: Row) -> None:
    assert differences(row, matrix[row.id]) == []


def test_the_rows_have_names_of_their_own_and_none_of_the_catalogue_is_missing() -> None:
    names = [row.id for row in ROWS]
    assert len(names) == len(set(names))
    wanted = {f"U{number:02}" for number in range(1, 25)} | {f"B{number:02}" for number in range(1, 44)}
    assert wanted == {name.partition("-")[0] for name in names}


@pytest.mark.timeout(240)
@pytest.mark.serial
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_page_says_what_this_run_saw(matrix: Mapping[str, Observed], row: Row) -> None:
    assert untrue(row, matrix[row.id], said_by_the_page()[row.id]) == []


def test_the_page_shows_every_row_and_no_other() -> None:
    assert sorted(said_by_the_page()) == sorted(row.id for row in ROWS)


def test_the_page_is_of_a_run_without_problems() -> None:
    assert VERDICT in PAGE.read_text(encoding="utf-8")


def seen_as_expected(row: Row) -> Observed:
    """What a run observes when all is well."""
    want = row.expected
    return Observed(
        status=want.status, code=want.code, attempts=tuple(sorted(want.attempts)), calls=want.upstream_calls,
        breaker=want.breaker, elsewhere=want.elsewhere, seconds=want.seconds[0], fields=want.fields, growth_bytes=0,
        retry_after=want.retry_after and want.retry_after[0], alert=want.alert, tokens=(7, 7), lives_on=row.lives_on,
        leaks=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("column", "lie"),
    [
        ("caller gets", "504 TIMEOUT, Retry-After 30"),
        ("caller gets", "503 SERVICE_UNAVAILABLE"),
        ("caller gets", "503 SERVICE_UNAVAILABLE, Retry-After 3"),
        ("attempts", "2 × rate_limited"),
        ("calls", "2"),
        ("elsewhere", "no"),
        ("breaker", "model +1"),
        ("notes", "alert"),
        ("s", "60.00"),
        ("MiB", "33.0"),
    ],
)
def test_a_cell_that_is_not_true_is_found(column: str, lie: str) -> None:
    row = next(one for one in ROWS if one.id == "B01-long")
    seen = seen_as_expected(row)
    truth = cells(row, seen)
    assert untrue(row, seen, truth) == []
    assert untrue(row, seen, truth | {column: lie}) != []


def test_a_run_with_a_problem_is_not_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    calm = Bulkhead(pairs=(Pair(calm=1.0, hanging=1.0),), requests=1, failed=0, peak=SLOTS, growth_bytes=0)

    prompt = OpenBreaker(
        refused=Counter({(503, OPEN): REFUSED}), refused_seconds=(0.001, 0.001), calls_while_open=0,
        probed=Counter({(200, ""): 1, (503, OPEN): AT_ONCE - 1}), calls_half_open=1, state_after="closed",
    )  # fmt: skip

    def run(bulkhead: Bulkhead, row: Row, seen: Observed, tried: Tried | None = None) -> Run:
        promises = Promises(amplified=(), lateness=(), breaker=prompt, bulkhead=bulkhead, overloads=())
        return Run(
            began=datetime.now(UTC), commit="x", seconds=1, rows=[row], observed={row.id: seen}, promises=promises,
            tried=tried,
        )  # fmt: skip

    row, seen = ROWS[0], seen_as_expected(ROWS[0])
    bad = [replace(calm, failed=1), replace(calm, peak=SLOTS + 1), replace(calm, growth_bytes=FLAT_BYTES)]
    blank = replace(WORKING, statuses={})
    for refused in (
        *(run(one, row, seen) for one in bad),
        run(calm, row, replace(seen, calls=1)),
        run(calm, row, seen, blank),
    ):
        with pytest.raises(NotAsExpected):
            write(refused, page)
        assert not page.exists()
    write(run(calm, row, seen, WORKING), page)
    assert VERDICT in page.read_text(encoding="utf-8")
    assert "\n".join(WORKING.sentences()) in page.read_text(encoding="utf-8")
    write(run(calm, row, seen), page)
    assert NO_CHROMIUM in page.read_text(encoding="utf-8")
    assert "gave 200" not in page.read_text(encoding="utf-8")
