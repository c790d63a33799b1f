"""What is wrong is found, and without a browser nothing is claimed. `./dev prove` is who has one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.browser import __main__ as step
from tests.browser.samples import WORKING
from tests.browser.tried import FORBIDDEN, Tried
from tests.browser.try_it import COMPARE, NO_CHROMIUM, operations, try_it
from tests.contract.documents import operations as documented


def test_a_page_that_works_has_no_problem_and_says_what_was_seen() -> None:
    assert WORKING.problems() == []
    said = " ".join(WORKING.sentences())
    assert "200 for each of 2 operations" in said
    assert "the winner Essay B" in said


@pytest.mark.parametrize(
    ("tried", "problem"),
    [
        (replace(WORKING, statuses={COMPARE: "200"}), "docs is not on the page"),
        (replace(WORKING, statuses={COMPARE: "200", "docs": "503"}), "docs gave '503'"),
        (replace(WORKING, winner="None"), "the page shows the winner 'None'"),
        (replace(WORKING, requests=("http://127.0.0.1:10/x",)), "it asked for http://127.0.0.1:10/x"),
        (replace(WORKING, complaints=("security: no",)), "the browser objects, security: no"),
        (replace(WORKING, refusing=tuple(FORBIDDEN)[1:]), "script-src-elem refuses nothing"),
    ],
)
def test_what_is_not_as_promised_is_a_problem(tried: Tried, problem: str) -> None:
    assert tried.problems() == [problem]


def test_every_documented_operation_is_tried() -> None:
    assert list(operations()) == [operation["operationId"] for _, _, operation in documented()]
    assert operations()["docsFile"] == "operations-This_document-docsFile"


async def test_without_chromium_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await try_it() is None


def test_without_chromium_the_step_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert step.main() == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"{NO_CHROMIUM}\n")
    assert "apt install chromium" in NO_CHROMIUM
