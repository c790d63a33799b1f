"""What one request calls stays within its limits: a count and no time, so it is the same on every machine."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.load.call_trace import Call, entries_of
from tests.load.trace_calls import Kind

ROOT = Path(__file__).resolve().parents[2]
FIGURES = re.compile(r"(\d+) calls in (\d+) modules, \d+ of them entered more than once\nbeside them (\d+) calls")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one request; `generated` are the calls of methods that classes were given."""

    calls: int
    modules: int
    generated: int


# What is reached, on Python 3.11; later versions count no comprehensions. Whoever needs fewer lowers the limit.
LIMITS = {
    Kind.MISS: Figures(calls=260, modules=77, generated=32),
    Kind.HIT: Figures(calls=100, modules=39, generated=14),
}


def trace_calls(kind: Kind) -> str:
    """What the command prints, from a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.load.trace_calls", kind.value],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_a_request_calls_no_more_than_its_limit_and_the_same_each_time(kind: Kind) -> None:
    said = trace_calls(kind)
    found = FIGURES.search(said)
    assert found, said[:500]
    figures = Figures(*map(int, found.groups()))
    limit = LIMITS[kind]
    above = [name for name in Figures.__slots__ if getattr(figures, name) > getattr(limit, name)]
    assert above == [], f"{figures}; `./dev trace-calls {kind.value}` shows which calls"
    assert trace_calls(kind) == said


def test_the_calls_are_shown_as_a_tree_and_by_module() -> None:
    said = trace_calls(Kind.HIT)
    tree, table = said.split("\n\n")[1:]
    assert tree.splitlines()[0].endswith(":LimitedHttpProtocol.data_received")
    assert re.search(r"^  +services\.llm_provider_service\.cache\.local:LocalCache\.get$", tree, re.MULTILINE)
    rows = [line.split() for line in table.splitlines()[1:]]
    assert sum(int(calls) for calls, _, _ in rows) == len(tree.splitlines())


def test_a_module_is_entered_by_a_call_from_elsewhere() -> None:
    calls = [
        Call(0, "a", "f"),
        Call(1, "a", "g"),
        Call(2, "b", "h"),
        Call(1, "b", "h"),
        Call(1, "a", "g"),
        Call(0, "b", "h"),
    ]
    assert entries_of(calls) == {"a": 1, "b": 3}
