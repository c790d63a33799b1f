"""Reads a file of comparison requests, one JSON object per line, as strictly as the service reads a body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common_core.llm_contracts import CacheMode, LLMComparisonRequest
from huleedu_service_libs.web.json_body import InvalidBody
from huleedu_service_libs.web.problem import ProblemError
from services.llm_provider_service.api.comparison_mapping import ComparisonDefaults, ComparisonMapping
from services.llm_provider_service.domain.completion import Sampling

_DESK = ComparisonMapping(ComparisonDefaults(sampling=Sampling(), cache=CacheMode.USE))


class WarmFileProblem(Exception):
    """The file cannot be used; the message names every invalid line by its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmLine:
    """One request and its line number, counted from 1."""

    number: int
    request: LLMComparisonRequest


def read_warm_file(path: Path) -> Sequence[WarmLine]:
    """Returns the requests of *path* without blank lines; a request without a cache mode gets `use`.

    Raises `WarmFileProblem`.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise WarmFileProblem(f"{path} cannot be read: {error.strerror}.") from None
    read = [_read(number, line) for number, line in enumerate(raw.split(b"\n"), start=1) if line.strip()]
    bad = [one for one in read if isinstance(one, str)]
    if bad:
        raise WarmFileProblem("\n".join((f"Nothing was sent: {path} has lines that are no requests.", *bad)))
    if not read:
        raise WarmFileProblem(f"{path} holds no requests.")
    return [one for one in read if isinstance(one, WarmLine)]


def _read(number: int, raw: bytes) -> WarmLine | str:
    """Returns the request, or a sentence about what is wrong with it."""
    try:
        asked = _DESK.read(raw).request
    except InvalidBody as wrong:
        return f"line {number}: {wrong}"
    except ProblemError as wrong:
        return f"line {number}: {wrong.problem.detail}"
    if asked.cache is CacheMode.BYPASS:
        return f"line {number}: /cache: bypass keeps the answer out of the cache"
    return WarmLine(number=number, request=asked.model_copy(update={"cache": asked.cache or CacheMode.USE}))
