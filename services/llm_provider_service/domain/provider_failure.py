"""Base class of all failures of one attempt; the policy of a failure is on its class."""

from __future__ import annotations

from typing import ClassVar, Self

from common_core.llm_attempts import AttemptOutcome, Billed
from services.llm_provider_service.domain.failure_values import Backoff, CallerMessage
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN, Usage


class ProviderFailure(Exception):
    """Base of all failures of one attempt.

    `retryable`: the same target may be asked again. `max_attempts`: if this is the newest failure, the target gets no
    more than this many calls for the request, earlier failures counted.
    `is_re_asked`: the retry is the request's one re-ask; it goes to the same target even if another could answer.
    `trips_breaker`: counts in the target's breaker. `trips_provider`: counts in the account's own breaker.
    `opens_at_once`: the account's breaker opens without counting. `fails_over`: another candidate may be asked.
    `alerts`: an operator must act.

    `reason` is in our own words and may be logged. `message` (at most 500 characters) adds what the vendor said, cut
    and redacted; it may quote the caller's text, so only the caller may see it. `retry_after` is what the vendor asked
    for, in seconds; `cools_down`: it starts a cooldown of the target. `caller_message`: the answer to the caller if
    this failure explains the error; subclasses inherit it. `outcome` is the attempt's outcome, and `billed` follows
    from it unless the class sets it; `as_broken_off` sets both on the instance.
    """

    retryable: ClassVar[bool] = False
    max_attempts: ClassVar[int] = 3
    is_re_asked: ClassVar[bool] = False
    trips_breaker: ClassVar[bool] = False
    trips_provider: ClassVar[bool] = False
    opens_at_once: ClassVar[bool] = False
    fails_over: ClassVar[bool] = True
    cools_down: ClassVar[bool] = False
    alerts: ClassVar[bool] = False
    backoff: ClassVar[Backoff] = Backoff.TRANSIENT
    caller_message: ClassVar[CallerMessage | None] = None
    outcome: AttemptOutcome
    billed: Billed

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "outcome" in vars(cls) and "billed" not in vars(cls):
            cls.billed = cls.outcome.billed

    def __init__(
        self,
        reason: str,
        *,
        vendor_said: str = "",
        retry_after: float | None = None,
        status: int | None = None,
        vendor_code: str | None = None,
        usage: Usage = USAGE_UNKNOWN,
        served_model: str | None = None,
        retry_forbidden: bool = False,
        retry_encouraged: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.message = f"{reason}: {vendor_said}" if vendor_said else reason
        self.retry_after = retry_after
        self.status = status
        self.vendor_code = vendor_code
        self.usage = usage
        self.served_model = served_model
        self._retry_forbidden = retry_forbidden
        self._retry_encouraged = retry_encouraged

    @property
    def may_retry(self) -> bool:
        """Returns the class's policy, unless the vendor said otherwise (`x-should-retry`)."""
        if self._retry_forbidden:
            return False
        return self.retryable or self._retry_encouraged

    @property
    def is_final(self) -> bool:
        """Returns whether no further attempt may follow, on this target or another, however much time is left."""
        return not (self.fails_over or self.may_retry)

    def as_broken_off(self, usage: Usage, served_model: str | None) -> Self:
        """Mark this failure as the end of a partial answer for which the vendor counted *usage*; billing is unknown."""
        self.usage, self.served_model = usage, served_model
        self.billed, self.outcome = Billed.UNKNOWN, AttemptOutcome.BROKEN_OFF
        return self

    def forget_its_frames(self) -> None:
        """Drop traceback and causes, before the failure is kept: they form a reference cycle of some 200 objects.

        In an outage, freeing such cycles stopped the event loop for 100 ms and more (measured).
        """
        self.__traceback__ = self.__cause__ = self.__context__ = None
