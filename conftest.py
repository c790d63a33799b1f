"""For every test, however pytest is started: what the person who runs it keeps in the environment does not exist.

Happens on import, before any test module is read, so that no test can make a paid call with somebody's key. And no
property is judged by how long an example took: on a busy machine that fails at random.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from fnmatch import fnmatchcase

from hypothesis import settings

# As `scrub_environment` in ./dev has them.
PERSONAL = ("*_API_KEY", "LLM_PROVIDER_SERVICE_*", "OTEL_*", "*_PROXY", "*_proxy")


def personal(names: Iterable[str]) -> list[str]:
    """Those of *names* that are keys, settings or proxies."""
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in PERSONAL)]


for _name in personal(tuple(os.environ)):
    del os.environ[_name]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
