"""What a library drags in: no web framework that a module is not about, no package that its own does not declare."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions

import pytest

from tests.architecture.sources import ROOT, Module, product_modules

SERVICE_LIBS = "libs/service_libs/src/"
ABOUT_QUART = ("web.quart_",)
FRAMEWORK = {"dishka", "flask", "hypercorn", "quart", "quart_schema", "werkzeug"}

# Our own packages, which are installed as links and therefore unknown to the metadata.
OURS = {
    "common_core": "huleedu-common-core",
    "huleedu_service_libs": "huleedu-service-libs",
    "services": "llm-provider-service",
}
PACKAGES = ("libs/common_core", "libs/service_libs", "services/llm_provider_service")


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


@cache
def distributions() -> Mapping[str, list[str]]:
    """Which installed distributions an import name may come from."""
    return packages_distributions()


def plain(requirement: str) -> str:
    """The normalized name of a distribution, without version and extras."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", requirement)[0]).lower()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_import_is_declared_by_the_package_that_makes_it(package: str) -> None:
    """What is not declared is there by chance: because of the tests' packages, or of another's dependencies."""
    project = tomllib.loads((ROOT / package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {plain(one) for one in (project["name"], *project["dependencies"])}
    modules = [module for module in product_modules() if module.name.startswith(f"{package}/")]
    undeclared = {
        (module.name, top)
        for module in modules
        for top in {name.split(".")[0] for name in imported(module)} - sys.stdlib_module_names
        if not declared & {plain(one) for one in (OURS.get(top, top), *distributions().get(top, ()))}
    }
    assert modules
    assert undeclared == set()
