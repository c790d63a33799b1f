"""Importing one module of the service libraries must not drag in a web framework that the module is not about."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.sources import Module, product_modules

SERVICE_LIBS = "libs/service_libs/src/"
ABOUT_QUART = ("quart_", "stopping_gate")
FRAMEWORK = {"dishka", "flask", "hypercorn", "quart", "quart_schema", "werkzeug"}


def imported(module: Module) -> Iterator[str]:
    """The full names of what *module* imports, wherever in it."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{one.name}" for one in node.names))


def test_only_the_modules_about_quart_know_quart() -> None:
    others = [
        module for module in product_modules() if module.name.startswith(SERVICE_LIBS) and "/quart_" not in module.name
    ]
    about_names = tuple(f"huleedu_service_libs.{name}" for name in ABOUT_QUART)
    foreign = [
        f"{module.name}: {name}"
        for module in others
        for name in imported(module)
        if name.split(".")[0] in FRAMEWORK or name.startswith(about_names)
    ]
    assert len(others) > 5
    assert foreign == []


def test_the_libraries_do_not_know_the_service() -> None:
    libraries = [module for module in product_modules() if module.name.startswith("libs/")]
    assert [module.name for module in libraries for name in imported(module) if name.startswith("services")] == []
