"""The repository as the architecture tests read it: the files that could be committed, and the product's modules."""

from __future__ import annotations

import ast
import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("libs", "services")
# What .gitignore leaves out: environments, caches, build output.
IGNORED = {
    ".coverage",
    ".dev",
    ".env",
    ".git",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pdm-build",
    ".pdm-python",
    ".pytest_cache",
    ".ruff_cache",
    ".schemathesis",
    ".venv",
    "__pycache__",
    "dist",
}


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file of the repository; `name` is its path from the root."""

    name: str
    text: str
    tree: ast.Module


@cache
def repository_files() -> tuple[Path, ...]:
    """Every file that is, or may soon be, under version control."""
    return tuple(_walk(ROOT))


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        if entry.name in IGNORED:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def named(path: Path) -> str:
    """The path from the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


@cache
def modules() -> tuple[Module, ...]:
    """Every Python file of the repository, parsed."""
    made = []
    for path in repository_files():
        if path.suffix == ".py":
            text = path.read_text(encoding="utf-8")
            made.append(Module(named(path), text, ast.parse(text, filename=str(path))))
    gc.freeze()  # millions of nodes that stay: each collection by a later test would look at all of them
    return tuple(made)


@cache
def product_modules() -> tuple[Module, ...]:
    """The modules of libs/ and services/, without their tests."""
    return tuple(one for one in modules() if one.name.startswith(PRODUCT) and not is_test(one))


def is_test(module: Module) -> bool:
    """Whether the module belongs to the tests."""
    return "tests" in module.name.split("/")
