"""Files for the cache: what is read, and which lines are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from common_core.llm_contracts import CacheMode
from services.llm_provider_service.tools.warm import Warmed, summary
from services.llm_provider_service.tools.warm_file import WarmFileProblem, read_warm_file

GOOD = '{"user_prompt": "Which?", "essay_a": "One.", "essay_b": "Two.", "user_id": null, "later_field": null}'


def file_of(folder: Path, *lines: str) -> Path:
    """A file of these lines."""
    path = folder / "warm.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_each_line_is_a_request_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    refreshing = GOOD.replace("}", ', "cache": "refresh"}')
    lines = read_warm_file(file_of(tmp_path, GOOD, "", refreshing, "  ", ""))
    assert [line.number for line in lines] == [1, 3]
    assert [line.request.cache for line in lines] == [CacheMode.USE, CacheMode.REFRESH]
    assert lines[0].request.essay_b == "Two."


def test_every_bad_line_is_named_with_its_reason(tmp_path: Path) -> None:
    bad = file_of(
        tmp_path,
        GOOD,
        "nonsense",
        '{"user_prompt": "Which?", "essay_a": "", "essay_b": "Two."}',
        GOOD.replace("null", "7"),
        '{"user_prompt": "Which?", "user_prompt": "Who?", "essay_a": "One.", "essay_b": "Two."}',
        GOOD.replace("}", ', "cache": "bypass"}'),
    )
    with pytest.raises(WarmFileProblem) as caught:
        read_warm_file(bad)
    head, *complaints = str(caught.value).splitlines()
    assert head.startswith("Nothing was sent: ")
    assert [complaint.partition(":")[0] for complaint in complaints] == [f"line {n}" for n in (2, 3, 4, 5, 6)]
    assert "/essay_a" in complaints[1]
    assert "bypass" in complaints[4]


def test_a_file_that_is_not_there_and_one_without_requests_are_named(tmp_path: Path) -> None:
    with pytest.raises(WarmFileProblem, match="cannot be read: No such file"):
        read_warm_file(tmp_path / "missing.jsonl")
    with pytest.raises(WarmFileProblem, match="holds no requests"):
        read_warm_file(file_of(tmp_path, "", " "))


def test_the_example_file_can_be_used() -> None:
    root = next(parent for parent in Path(__file__).parents if (parent / "examples").is_dir())
    assert len(read_warm_file(root / "examples" / "warm.jsonl")) == 3


def test_the_summary_names_failures_in_the_order_of_the_file() -> None:
    found = [
        Warmed(number=9, problem="503"),
        Warmed(number=1),
        Warmed(number=2, cached=True),
        Warmed(number=4, problem="400"),
    ]
    assert summary(found) == ["1 warmed, 1 already cached, 2 failed", "line 4: 400", "line 9: 503"]
