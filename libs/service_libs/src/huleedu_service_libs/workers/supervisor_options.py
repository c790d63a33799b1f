"""What a supervisor is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from huleedu_service_libs.workers.peers import Fold


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorOptions:
    """How many workers where; *folds* keep the answers to lasting questions beyond the life of a worker.

    A retiring worker has `retire_seconds` for what is under way: as long as a request may take. One that is not ready
    `start_seconds` after its start is killed.
    """

    workers: int
    host: str
    port: int
    grace_seconds: float
    retire_seconds: float
    folds: Mapping[str, Fold] = field(default_factory=dict)
    start_seconds: float = 60.0
