"""For every test, however pytest is started: nothing of the person who runs it, and sockets only where a mark says so.

What that person keeps in the environment is taken away on import, before any test module is read, so that no test can
make a paid call with somebody's key. And no property is judged by how long an example took: on a busy machine that
fails at random.
"""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Generator, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.socket_guard import MARK, SocketForbidden, installed

# As `scrub_environment` in ./dev has them.
PERSONAL = ("*_API_KEY", "LLM_PROVIDER_SERVICE_*", "OTEL_*", "*_PROXY", "*_proxy")
UNIT = f"not {MARK}"
ALL_OF_THEM = re.compile(rf"^pytestmark = .*\b{MARK}\b", re.MULTILINE)
# Fixtures that open sockets: who asks for one has the mark.
OPENING = frozenset({
    "bench", "client", "gateway", "impatient", "live_url", "matrix", "redis", "running", "served", "sim"
})  # fmt: skip


def personal(names: Iterable[str]) -> list[str]:
    """Those of *names* that are keys, settings or proxies."""
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in PERSONAL)]


for _name in personal(tuple(os.environ)):
    del os.environ[_name]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

GUARD = installed()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Who wants no sockets need not import the modules in which every test has the mark: that takes seconds."""
    if UNIT not in config.option.markexpr or not collection_path.match("test_*.py"):
        return None
    return ALL_OF_THEM.search(collection_path.read_text(encoding="utf-8")) is not None or None


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Before anything is selected by marks."""
    if isinstance(item, pytest.Function) and OPENING & {*item.fixturenames} - {*parameters_of(item)}:
        item.add_marker(MARK)


def parameters_of(item: pytest.Function) -> Iterable[str]:
    """The names that `parametrize` gives a value: no fixture of that name is asked."""
    return item.callspec.params if hasattr(item, "callspec") else ()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take longer than others comes first, so that nobody waits for it in the end."""
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


def pytest_collection_finish() -> None:
    """What is there now stays: a collection by a test need not look at it, and takes a hundredth of the time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """From the set-up of a test to the end of its clean-up."""
    GUARD.begin(allowed=item.get_closest_marker(MARK) is not None)
    try:
        return (yield)
    finally:
        GUARD.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Code that catches what the guard raises does not hide it."""
    try:
        result = yield
    except SocketForbidden:
        raise
    except Exception as failure:  # perhaps a consequence of what the guard has raised and somebody caught
        if complaint := GUARD.complaint():
            failure.add_note(complaint)
        raise
    if complaint := GUARD.complaint() or (GUARD.superfluous() if opens_by_itself(item) else ""):
        pytest.fail(complaint, pytrace=False)
    return result


def opens_by_itself(item: pytest.Item) -> bool:
    """Whether it uses nothing that another test may have opened for it."""
    definitions: Sequence[Sequence[pytest.FixtureDef[object]]] = []
    if isinstance(item, pytest.Function):
        definitions = [*item._fixtureinfo.name2fixturedefs.values()]
    return all(one[-1].scope == "function" or one[-1].baseid == "" for one in definitions)
