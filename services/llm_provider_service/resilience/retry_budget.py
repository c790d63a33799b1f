"""Retry budget: limits the share of calls that are retries. Retries take tokens, successes add them."""

from __future__ import annotations

from services.llm_provider_service.domain.failure_values import Backoff

CAPACITY = 500
PRICES = {Backoff.NONE: 0, Backoff.TRANSIENT: 14, Backoff.THROTTLE: 5}
EARNED_BY_A_SUCCESS = 1


class RetryBudget:
    """The retry budget of one provider in one process. A retry costs tokens by kind of failure; a success adds one.

    With nothing but 503s, 1,000 requests make at most 1,000 + 500 / 14 = 1,035 calls; with nothing but 429s at most
    1,000 + 500 / 5 = 1,100. A re-ask (`Backoff.NONE`) is no sign of an outage and costs nothing: each request has one
    only.
    """

    def __init__(self) -> None:
        self._tokens = CAPACITY

    @property
    def tokens(self) -> int:
        """Number of tokens left, 0 to 500."""
        return self._tokens

    def covers(self, backoff: Backoff) -> bool:
        """Returns whether there are enough tokens for one retry."""
        return PRICES[backoff] <= self._tokens

    def take(self, backoff: Backoff) -> bool:
        """Take the tokens for one retry; `False` if there are not enough, and then none are taken."""
        if not self.covers(backoff):
            return False
        self._tokens -= PRICES[backoff]
        return True

    def succeeded(self) -> None:
        """Add the token for an answered call."""
        self._tokens = min(CAPACITY, self._tokens + EARNED_BY_A_SUCCESS)
