"""What must not be committed: mocks of our own code, unfinished work, addresses of one machine or one index."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.sources import Module, is_test, modules, named, repository_files

# Written in two pieces, so that this file does not contain what it looks for.
MOCKS = re.compile("Async" + "Mock|Magic" + "Mock|monkeypatch." + r"setattr|unittest" + r"\.mock")
UNFINISHED = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|XX" + r"X)\b")
INDEX = re.compile(r"(?:pypi|pytho" + r"nhosted)\.(?:org|io)|files\.pyth" + r"on|/simp" + r"le\b", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.~$}])/(?:ho" + "me|Us" + "ers|ro" + "ot|wo" + "rk|mnt|workspace)" + r"/\w")
MODULE_NAMED = re.compile(r"`([\w/]+\.py)`")
BINARY = {".png", ".ico", ".gz", ".woff2"}
FOREIGN = "services/llm_provider_service/api/docs_page/swagger_ui/"  # as its package has it


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """Where *pattern* stands in the files of the repository that we wrote."""
    found = []
    for path in repository_files():
        if path.suffix not in BINARY and not named(path).startswith(FOREIGN):
            text = path.read_text(encoding="utf-8")
            found += [f"{named(path)}: {match.group()}" for match in pattern.finditer(text)]
    return found


@pytest.mark.parametrize(
    "pattern",
    [UNFINISHED, INDEX, MACHINE_PATH, MOCKS],
    ids=["what is left to do", "a package index", "a path of one machine", "a mock of our own code"],
)
def test_no_file_holds(pattern: re.Pattern[str]) -> None:
    assert lines_with(pattern) == []


def test_every_module_that_the_documents_name_is_there() -> None:
    files = {f"/{named(path)}" for path in repository_files()}
    gone = [
        f"{named(page)}: {name}"
        for page in repository_files()
        if page.suffix == ".md"
        for name in MODULE_NAMED.findall(page.read_text(encoding="utf-8"))
        if not any(file.endswith(f"/{name}") for file in files)
    ]
    assert gone == []


def test_imports_are_absolute() -> None:
    relative = [
        f"{module.name}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_a_test_that_does_not_run_says_why() -> None:
    silent = [place for module in modules() if is_test(module) for place in _skips_without_reason(module)]
    assert silent == []


def _skips_without_reason(module: Module) -> list[str]:
    """A skip or expected failure that is not a call with a reason."""
    reasoned = {
        id(node.func)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and (node.args or any(word.arg == "reason" for word in node.keywords))
    }
    return [
        f"{module.name}:{node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"skip", "skipif", "xfail", "importorskip"}
        and ast.unparse(node.value) in {"pytest", "pytest.mark"}
        and id(node) not in reasoned
    ]
