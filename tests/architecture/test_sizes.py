"""A file answers one question, and a function does one thing: the hard stops."""

from __future__ import annotations

import ast

from tests.architecture.sources import product_modules

LONGEST_MODULE = 300
LONGEST_FUNCTION = 50


def test_no_module_is_longer_than_the_hard_stop() -> None:
    lengths = {module.name: len(module.text.splitlines()) for module in product_modules()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_no_function_is_longer_than_the_hard_stop() -> None:
    too_long = [
        f"{module.name}:{node.lineno} {node.name}"
        for module in product_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert too_long == []
