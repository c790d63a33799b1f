"""What every failure of one attempt has in common: its policy, on the class."""

from __future__ import annotations

from typing import ClassVar, Self

from common_core.llm_attempts import AttemptOutcome, Billed
from services.llm_provider_service.domain.failure_policy import Backoff, ToldAs
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN, Usage


class ProviderFailure(Exception):
    """Base of all failures of one attempt.

    `retryable`: the same target may be asked again. `max_attempts`: how often at most, the first included.
    `is_re_asked`: by the request's one re-ask, which goes to the same target even while another could answer.
    `trips_breaker`: counts in the target's breaker. `trips_provider`: counts in the provider's own breaker.
    `opens_at_once`: no counting, the provider's breaker opens. `fails_over`: another candidate may be asked. `alerts`:
    an operator must act. `reason` is in our own words and may be logged; `message` goes on with what the vendor said,
    capped and redacted, which may quote the caller's text and is for nobody else; at most 500 characters. `retry_after`
    is in seconds, as the vendor asked; `cools_down` says that it is a cooldown of the target. `told_as`: what the
    caller is told where this failure says what is wrong; a subclass inherits it. `outcome` is the attempt's, and
    `billed` that of the outcome where the class says nothing else; a failure that broke an answer off has its own.
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
    told_as: ClassVar[ToldAs | None] = None
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
        """The class's policy, unless the vendor said otherwise (`x-should-retry`)."""
        if self._retry_forbidden:
            return False
        return self.retryable or self._retry_encouraged

    @property
    def is_the_last_word(self) -> bool:
        """Whether neither the same target nor another would be asked again after it, whatever the time."""
        return not (self.fails_over or self.may_retry)

    def that_broke_off(self, usage: Usage, served_model: str | None) -> Self:
        """This failure as the end of an answer for which the vendor counted *usage*; nobody says whether it charges."""
        self.usage, self.served_model = usage, served_model
        self.billed, self.outcome = Billed.UNKNOWN, AttemptOutcome.BROKEN_OFF
        return self

    def forget_its_frames(self) -> None:
        """For whoever keeps it: frames would hold the failure and the failure its frames, some 200 objects in a circle.

        In an outage, freeing such circles stopped the event loop for 100 ms and more (measured).
        """
        self.__traceback__ = self.__cause__ = self.__context__ = None
