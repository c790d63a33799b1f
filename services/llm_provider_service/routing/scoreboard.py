"""Remembers latency, load and turns of the targets; the selection strategies read it.

Mutable, in-process and without I/O; for one event loop, so nothing here locks. Strategies only read it, so a plan can
be previewed; only `take_turn` moves a cursor. All maps are bounded, because a model's name may come from a caller.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp
from random import Random

from common_core.config_enums import SelectionStrategy
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.routing.candidates import Candidate

MAX_TARGETS = 1024
DECAY_SECONDS = 10.0
FAILURE_SECONDS = 10.0
EXPLORE_AFTER_TURNS = 20
EXPLORE_AFTER_SECONDS = 30.0

_NEEDS_LUCK = frozenset({SelectionStrategy.RANDOM, SelectionStrategy.LEAST_BUSY})


@dataclass(slots=True)
class _Latency:
    seconds: float
    at: float
    turn: int


class Scoreboard:
    """Latency, load and turns of each target; *clock* is monotonic seconds, *seed* makes random choices repeatable.

    Latency is a peak-EWMA: a slower call counts at once and in full, and faster calls lower it with a time constant of
    ten seconds. A failure counts as at least ten seconds, so that a target that fails fast never looks fast.
    """

    def __init__(self, clock: Callable[[], float], *, seed: int | None = None) -> None:
        self._clock = clock
        self._random = Random(seed)
        self._latency: OrderedDict[Target, _Latency] = OrderedDict()
        self._in_flight: dict[Target, int] = {}
        self._last_turn: OrderedDict[Target, int] = OrderedDict()
        self._smooth: OrderedDict[Target, int] = OrderedDict()
        self.turn = 0
        self.luck = self._random.getrandbits(64)

    def started(self, target: Target) -> None:
        """Count a call to *target*; `finished` must follow, whatever the outcome."""
        self._in_flight[target] = self._in_flight.get(target, 0) + 1

    def finished(self, target: Target) -> None:
        """Count the end of a call to *target*."""
        left = self._in_flight.get(target, 0) - 1
        if left > 0:
            self._in_flight[target] = left
        else:
            self._in_flight.pop(target, None)

    def in_flight(self, target: Target) -> int:
        """Number of running calls to *target*."""
        return self._in_flight.get(target, 0)

    def answered(self, target: Target, seconds: float) -> None:
        """Record that *target* answered after *seconds*."""
        now = self._clock()
        known = self._latency.get(target)
        if known is not None and seconds < known.seconds:
            kept = exp(-max(0.0, now - known.at) / DECAY_SECONDS)
            seconds += (known.seconds - seconds) * kept
        if known is None:
            self._latency[target] = _Latency(seconds, now, self.turn)
            _trim(self._latency, target)
        else:
            known.seconds, known.at, known.turn = seconds, now, self.turn
            self._latency.move_to_end(target)

    def failed(self, target: Target, seconds: float) -> None:
        """Record that *target* failed after *seconds*; not for a failure that says nothing about the target."""
        self.answered(target, max(seconds, FAILURE_SECONDS))

    def latency(self, target: Target) -> float | None:
        """Peak-EWMA latency in seconds; `None` for a target never tried."""
        known = self._latency.get(target)
        return None if known is None else known.seconds

    def due_for_exploration(self, target: Target) -> bool:
        """Returns whether *target* was tried, but neither in the last 20 turns nor in the last 30 seconds."""
        known = self._latency.get(target)
        if known is None or self.turn - known.turn < EXPLORE_AFTER_TURNS:
            return False
        return self._clock() - known.at >= EXPLORE_AFTER_SECONDS

    def last_turn(self, target: Target) -> int:
        """Number of the turn in which *target* came first; 0 if it never did."""
        return self._last_turn.get(target, 0)

    def smooth_weight(self, candidate: Candidate) -> int:
        """Weight that *candidate* would have in the next weighted turn."""
        return self._smooth.get(candidate.target, 0) + candidate.weight

    def take_turn(self, strategy: SelectionStrategy, pool: Sequence[Candidate], first: Target) -> None:
        """Move the cursor of *strategy*, which put *first* at the head of *pool*; once for each planned request."""
        self.turn += 1
        if strategy is SelectionStrategy.ROUND_ROBIN:
            self._last_turn[first] = self.turn
            _trim(self._last_turn, first)
        elif strategy is SelectionStrategy.WEIGHTED:
            self._take_weighted_turn(pool, first)
        elif strategy in _NEEDS_LUCK:
            self.luck = self._random.getrandbits(64)

    def _take_weighted_turn(self, pool: Sequence[Candidate], first: Target) -> None:
        total = 0
        for candidate in pool:
            self._smooth[candidate.target] = self.smooth_weight(candidate)
            total += candidate.weight
        self._smooth[first] -= total
        _trim(self._smooth, first)


def _trim(table: OrderedDict[Target, _Latency] | OrderedDict[Target, int], used: Target) -> None:
    """Keep *table* bounded; *used* is the entry that was used last."""
    table.move_to_end(used)
    if len(table) > MAX_TARGETS:
        table.popitem(last=False)
