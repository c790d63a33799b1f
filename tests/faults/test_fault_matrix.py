"""Every row of FAULTS, chapter 2, about upstreams: what the caller gets, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.faults.matrix import ROWS, run_matrix
from tests.faults.page import PAGE
from tests.faults.rows import Observed, Row, differences, is_only_late


@pytest.fixture(scope="module")
def matrix(request: pytest.FixtureRequest) -> Mapping[str, Observed]:
    """One run of all the rows that are tested; a row with which nothing but the time is wrong is timed once more."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = {item.name for item in items}
    rows = [row for row in ROWS if f"test_a_fault_ends_as_the_catalogue_says[{row.id}]" in names]
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


def test_the_page_shows_every_row_and_no_other() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    shown = [line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith(("| U", "| B"))]
    assert sorted(shown) == sorted(row.id for row in ROWS)


def test_the_page_is_of_a_run_without_problems() -> None:
    assert "Every row was as the tests expect it." in PAGE.read_text(encoding="utf-8")
