"""How much of our traffic may be repeats: a bucket that failures empty and successes fill again."""

from __future__ import annotations

from services.llm_provider_service.domain.failure_policy import Backoff

CAPACITY = 500
PRICES = {Backoff.NONE: 0, Backoff.TRANSIENT: 14, Backoff.THROTTLE: 5}
EARNED_BY_A_SUCCESS = 1


class RetryBudget:
    """One provider's, in one process. A retry pays for its failure's kind; a success earns one token back.

    With nothing but 503s, 1,000 requests make at most 1,000 + 500 / 14 = 1,035 calls; with nothing but 429s at most
    1,000 + 500 / 5 = 1,100. A re-ask (`Backoff.NONE`) is no sign of an outage and pays nothing: it is limited to one
    for each request.
    """

    def __init__(self) -> None:
        self._tokens = CAPACITY

    @property
    def tokens(self) -> int:
        """What is left, 0 to 500."""
        return self._tokens

    def covers(self, backoff: Backoff) -> bool:
        """Whether the bucket holds enough for one retry."""
        return PRICES[backoff] <= self._tokens

    def take(self, backoff: Backoff) -> bool:
        """Pay for one retry; `False` if the bucket does not hold enough, and then nothing is taken."""
        if not self.covers(backoff):
            return False
        self._tokens -= PRICES[backoff]
        return True

    def succeeded(self) -> None:
        """A call was answered."""
        self._tokens = min(CAPACITY, self._tokens + EARNED_BY_A_SUCCESS)
