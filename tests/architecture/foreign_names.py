"""Where our code reaches into what libraries do not document: found in the code, so that nobody has to remember it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache

from tests.architecture.sources import Module, product_modules

# Libraries whose inner parts we subclass or handle, and those of their modules that are documented.
LIBRARIES = {"aiohttp", "httptools", "hypercorn", "quart", "uvicorn", "uvloop", "werkzeug"}
DOCUMENTED_MODULES = {"aiohttp", "aiohttp.abc", "httptools", "quart", "uvloop", "werkzeug.exceptions"}
# Names with an underscore that their documentation offers for use.
DOCUMENTED_NAMES = {
    "_current_frames",  # sys
    "_exit",  # os
    "_value_",  # enum
}


def foreign_imports(module: Module) -> dict[str, str]:
    """What *module* takes from undocumented modules of `LIBRARIES`: its name there, and the library's module."""
    return {
        one.name: node.module
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in LIBRARIES
        for one in node.names
        if node.module not in DOCUMENTED_MODULES
    }


@cache
def seam_modules() -> tuple[Module, ...]:
    """Our modules that import such parts, and those with a class that extends one of a module that does."""
    found = [module for module in product_modules() if foreign_imports(module)]
    extending = [module for module in product_modules() if set(_extended(module)) & set(found)]
    return (*found, *(module for module in extending if module not in found))


@cache
def classes_of(module: Module) -> tuple[ast.ClassDef, ...]:
    """The classes that *module* defines."""
    return tuple(node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef))


def uses(names: Collection[str]) -> Mapping[str, set[str]]:
    """Which of *names* stand in our code at the seams, as an attribute or a method, and in which modules.

    By the name alone, whatever it is asked of: a use through a variable is found too.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for module in seam_modules():
        for name in set(_names_in(module.tree)).intersection(names):
            found[name].add(module.name)
    return found


def names_of(library_class: type) -> set[str]:
    """Methods and attributes of a library's class, those of its bases in that library included."""
    library = library_class.__module__.split(".")[0]
    own = [one for one in library_class.__mro__ if one.__module__.split(".")[0] == library]
    return {name for one in own for name in _set_in(ast.parse(textwrap.dedent(inspect.getsource(one))))}


def replaced_whole(module: Module, foreign: Iterable[type]) -> set[str]:
    """Methods of *foreign* classes in whose place *module* has its own, which do not call them."""
    by_name = {one.__name__: names_of(one) for one in foreign}
    return {
        method.name
        for node in classes_of(module)
        for base in _bases(node)
        for method in node.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
        and method.name in by_name.get(base, ())
        and f"super().{method.name}(" not in ast.unparse(method)
    }


def private_uses(module: Module) -> set[str]:
    """Names with one underscore that *module* uses although neither it nor one of ours that it extends defines them."""
    nodes = list(ast.walk(module.tree))
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    used |= {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}
    defined = {name for one in (module, *_extended(module)) for name in _set_in(one.tree)}
    return {name for name in used - defined - DOCUMENTED_NAMES if name.startswith("_") and not name.startswith("__")}


def _extended(module: Module) -> list[Module]:
    """Our modules with a class that one of *module* extends."""
    bases = {base for node in classes_of(module) for base in _bases(node)}
    return [owner for base in bases for owner in _owners().get(base, ())]


@cache
def _owners() -> Mapping[str, list[Module]]:
    """Which of our modules define a class of that name."""
    owners: dict[str, list[Module]] = defaultdict(list)
    for module in product_modules():
        for node in classes_of(module):
            owners[node.name].append(module)
    return owners


def _bases(node: ast.ClassDef) -> list[str]:
    return [ast.unparse(base).split("[")[0].rpartition(".")[2] for base in node.bases]


def _names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def _set_in(tree: ast.AST) -> Iterator[str]:
    """What *tree* defines: functions, fields of classes, and attributes that something is assigned to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ClassDef):
            yield from (ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign))
            yield from (ast.unparse(one.targets[0]) for one in node.body if isinstance(one, ast.Assign))
