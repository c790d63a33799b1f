"""Cooldowns: targets that must not be called for a while, because their vendor asked for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.resilience.deadline import Clock

LONGEST_SECONDS = 24 * 3600.0
MOST_TARGETS = 1000


class Cooldowns:
    """When each target may be asked again, on a monotonic clock.

    A later end wins, so an old header never shortens a wait. No cooldown is longer than a day. At most 1,000 targets
    are kept, because model names come from callers; the oldest entry is dropped. *on_cool* is called for each wait that
    a vendor asked this process for, if it is longer than the known one.
    """

    def __init__(self, clock: Clock, *, on_cool: Callable[[Target, float], None] | None = None) -> None:
        self._clock = clock
        self._on_cool = on_cool
        self._until: OrderedDict[Target, float] = OrderedDict()
        self._latest = 0.0

    @property
    def none(self) -> bool:
        """Returns whether no target is in cooldown."""
        return self._clock() >= self._latest

    def cool(self, target: Target, seconds: float) -> None:
        """Start a cooldown of *target* for *seconds* from now."""
        seconds = min(seconds, LONGEST_SECONDS)
        if self.learn(target, seconds) and self._on_cool is not None:
            self._on_cool(target, seconds)

    def learn(self, target: Target, seconds: float) -> bool:
        """Start a cooldown that another replica reported; returns whether the wait has become longer."""
        until = self._clock() + min(seconds, LONGEST_SECONDS)
        if until <= self._until.get(target, 0.0):
            return False
        self._until[target] = until
        self._latest = max(self._latest, until)
        self._until.move_to_end(target)
        while len(self._until) > MOST_TARGETS:
            self._until.popitem(last=False)
        return True

    def cooling(self) -> Mapping[Target, float]:
        """Returns the targets in cooldown, with the seconds left for each."""
        now = self._clock()
        return {target: until - now for target, until in self._until.items() if until > now}

    def remaining(self, target: Target) -> float:
        """Seconds until *target* may be asked again; 0 if it may be asked now."""
        until = self._until.get(target)
        if until is None:
            return 0.0
        left = until - self._clock()
        if left > 0:
            return left
        del self._until[target]
        return 0.0
