"""How much is measured, and where everybody runs."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured. All `questions` lie in Redis once `warm_up`, twice as many requests at least, is over."""

    rounds: int = 7
    requests: int = 3000
    warm_up: int = 600
    questions: int = 300
    connections: int = 24
    starts: int = 3
    latency_rounds: int = 5
    latency_requests: int = 800
    rate: float = 200.0
    hold_ms: int = 50
    latency_connections: int = 200
    worker_rounds: int = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Who runs where; with a single core all share it, and the figures are worth less."""

    servers: int
    load: int

    @classmethod
    def available(cls) -> Cores:
        """The first and the last core that this process may use."""
        cores = sorted(os.sched_getaffinity(0))
        return cls(servers=cores[0], load=cores[-1])
