"""Maps a path to the pattern of its route, so that text from callers never becomes a label or a span name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from quart import Quart

from services.llm_provider_service.metrics import OTHER

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
VARIABLE_PART = re.compile(r"<[^>]+>")


class RoutePatterns:
    """The route patterns of an application."""

    def __init__(self, patterns: Iterable[str]) -> None:
        given = list(patterns)
        self._fixed = {pattern: pattern for pattern in given if "<" not in pattern}
        self._variable = [
            (re.compile(VARIABLE_PART.sub("[^/]+", pattern)), pattern) for pattern in given if "<" in pattern
        ]

    @classmethod
    def of_app(cls, app: Quart) -> RoutePatterns:
        """Returns the patterns of the routes that are registered in *app* now."""
        return cls(rule.rule for rule in app.url_map.iter_rules())

    def of(self, path: str) -> str:
        """Returns the pattern of *path*; `other` if there is no such route."""
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed
        return next((pattern for shape, pattern in self._variable if shape.fullmatch(path)), OTHER)


def method_of(scope: dict[str, str]) -> str:
    """Returns the request's method; `other` for an unknown one."""
    return scope["method"] if scope["method"] in METHODS else OTHER
