"""What other replicas found out about a target or an account: their breaker is open, until about then.

A report moves nobody's breaker. It is one more reason to ask somebody else first; where there is nobody else, the
target is asked all the same, and this replica's own breaker learns from that.
"""

from __future__ import annotations

from collections import OrderedDict

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.domain.target import Target
from services.llm_provider_service.resilience.deadline import Clock

LONGEST_SECONDS = 300.0
MOST_REPORTS = 1000

# Provider, account and model, as the key of a breaker; no model: the account as a whole.
ReportKey = tuple[LLMProviderType, str, str | None]


class PeerReports:
    """Until when others leave whom alone, on a monotonic clock; at most five minutes and 1,000 reports."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[ReportKey, float] = OrderedDict()
        self._latest = 0.0  # no report ends after it; that of a model that nobody asks here is never looked up

    @property
    def none(self) -> bool:
        """Whether nothing was heard of anybody that may still hold."""
        return not self._until or self._clock() >= self._latest

    def learn(self, key: ReportKey, seconds: float) -> None:
        """Somebody's breaker of *key* is open for *seconds* from now; the newest word on a key holds."""
        until = self._clock() + min(seconds, LONGEST_SECONDS)
        self._until[key] = until
        self._latest = max(self._latest, until)
        self._until.move_to_end(key)
        while len(self._until) > MOST_REPORTS:
            self._until.popitem(last=False)

    def forget(self, key: ReportKey) -> None:
        """Somebody's breaker of *key* has closed again: it was answered."""
        self._until.pop(key, None)

    def remaining(self, target: Target) -> float:
        """Seconds for which others leave *target* or its account alone; 0 when nobody does."""
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
