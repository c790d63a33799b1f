"""Options of a supervisor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from huleedu_service_libs.workers.peers import Fold


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorOptions:
    """How many workers run, and on which address; *folds* keep answers to lasting questions when a worker has ended.

    A retiring worker gets `retire_seconds` for its running requests: as long as a request may take. A worker that is
    not ready `start_seconds` after its start is killed.
    """

    workers: int
    host: str
    port: int
    grace_seconds: float
    retire_seconds: float
    folds: Mapping[str, Fold] = field(default_factory=dict)
    start_seconds: float = 60.0
