"""The enums of the product as its sources declare and name them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.sources import Module, product_modules

ENUM_BASES = {"StrEnum", "IntEnum", "Enum"}
ERROR_ENUMS = "libs/common_core/src/common_core/error_enums.py"


def declared(module: Module) -> Iterator[tuple[str, dict[str, str]]]:
    """The enums of *module*: name, and value by member."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) in ENUM_BASES for base in node.bases):
            members = [one for one in _members(node) if not _is_older_name(module, node, one)]
            yield node.name, {ast.unparse(one.targets[0]): _value(one.value) for one in members}


def _value(written: ast.expr) -> str:
    """A member's value; the first of several, where the others are what the enum knows about it."""
    return str(ast.literal_eval(written.elts[0] if isinstance(written, ast.Tuple) else written))


def _members(enum: ast.ClassDef) -> list[ast.Assign]:
    return [statement for statement in enum.body if isinstance(statement, ast.Assign)]


def _is_older_name(module: Module, enum: ast.ClassDef, member: ast.Assign) -> bool:
    """The platform's older error codes stand below the blank line: other services still send and read them."""
    if module.name != ERROR_ENUMS:
        return False
    lines = module.text.splitlines()
    first = _members(enum)[0].lineno
    blank = next((number for number in range(first, len(lines) + 1) if not lines[number - 1].strip()), len(lines) + 1)
    return member.lineno > blank


def mentioned() -> set[tuple[str, str]]:
    """Each `Enum.MEMBER` in the product's code."""
    return {
        (node.value.attr if isinstance(node.value, ast.Attribute) else ast.unparse(node.value), node.attr)
        for module in product_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
    }


def error_codes_of_ours() -> set[str]:
    """The codes that the gateway answers with: those above the blank line."""
    (module,) = (one for one in product_modules() if one.name == ERROR_ENUMS)
    ((_, ours),) = declared(module)
    return set(ours)
