"""Reports of other replicas: the circuit breaker of a target or an account is open there, until about a given time.

A report never changes a breaker here. It is only a reason to ask another target first. If there is none, the target is
asked anyway, and this replica's own breaker learns from the result.
"""

from __future__ import annotations

from collections import OrderedDict

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.resilience.deadline import Clock

LONGEST_SECONDS = 300.0
MOST_REPORTS = 1000

# Provider, account and model, as in the key of a breaker; without a model it is the whole account.
ReportKey = tuple[LLMProviderType, str, str | None]


class PeerReports:
    """Open breakers of other replicas, on a monotonic clock; at most five minutes and 1,000 reports."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[ReportKey, float] = OrderedDict()
        self._latest = 0.0  # no report ends later; a report for a model not asked here is never looked up

    @property
    def none(self) -> bool:
        """Returns whether no report can still be valid."""
        return not self._until or self._clock() >= self._latest

    def learn(self, key: ReportKey, seconds: float) -> None:
        """Record that another replica's breaker of *key* is open for *seconds* from now; the newest report wins."""
        until = self._clock() + min(seconds, LONGEST_SECONDS)
        self._until[key] = until
        self._latest = max(self._latest, until)
        self._until.move_to_end(key)
        while len(self._until) > MOST_REPORTS:
            self._until.popitem(last=False)

    def forget(self, key: ReportKey) -> None:
        """Record that another replica's breaker of *key* has closed again."""
        self._until.pop(key, None)

    def remaining(self, target: Target) -> float:
        """Seconds for which others do not call *target* or its account; 0 without a valid report."""
        if not self._until:
            return 0.0
        return max(self._left((*target.account_key, None)), self._left((*target.account_key, target.model)))

    def _left(self, key: ReportKey) -> float:
        until = self._until.get(key)
        if until is None:
            return 0.0
        left = until - self._clock()
        if left > 0:
            return left
        del self._until[key]
        return 0.0
