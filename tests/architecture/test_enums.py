"""A value that nobody gives, takes or compares does not exist."""

from __future__ import annotations

from tests.architecture.enum_sources import declared, error_codes_of_ours, mentioned
from tests.architecture.sources import product_modules, repository_files


def test_every_enum_value_is_used() -> None:
    """Used: named in code, written in a data file beside it, or the one case that is left when all others are named."""
    named = mentioned()
    data = "".join(path.read_text() for path in repository_files() if path.match("services/*/providers/models/*.json"))
    unused: list[str] = []
    for module in product_modules():
        for enum, members in declared(module):
            silent = [name for name, value in members.items() if (enum, name) not in named]
            absent = [name for name in silent if f'"{members[name]}"' not in data]
            if len(members) > 1 and len(silent) == 1:
                continue
            unused.extend(f"{enum}.{name}" for name in absent)
    assert unused == []


def test_every_error_code_of_ours_stands_above_the_line_and_the_older_ones_below() -> None:
    assert error_codes_of_ours() == {member for enum, member in mentioned() if enum == "ErrorCode"}
