"""Every way in which a provider can fail us, each with its policy on the class.

    ProviderFailure
    ├── NotSent                 our own limits kept the call from being made (in not_sent)
    ├── ConnectionFailure       counts against the provider as a whole
    │   ├── ConnectFailed       refused, unresolved, no connection in time; two kinds of it are in connect_failures
    │   └── CertificateInvalid  the certificate does not prove who answers
    ├── ConnectionLost          reset or closed before the answer was complete
    ├── ProviderTimeout         no first byte, no next byte, or no end in time
    ├── ServerError             5xx, 408, 409
    │   └── ProviderOverloaded          529 and what means the same
    ├── RateLimited             429: a cooldown, never a breaker failure
    │   └── QuotaExhausted      a day's quota or the credit is used up: alert
    ├── AuthenticationFailed    401 and 403: opens the provider's breaker at once, alert
    ├── ModelNotFound           this provider has no such model, or not for us
    ├── RequestRejected         a parameter or the payload is not accepted
    │   ├── ContextTooLong      more tokens than the model can read
    │   └── NotEncodable           this vendor's wire format has no words for it; nothing was sent
    ├── ContentRefused          refused by the model or by a safety filter; billed
    │   └── PromptRefused       with an error status, before anything was written; not billed
    ├── OutputTruncated         the token limit was reached before a usable answer; billed
    ├── AnswerRejected          delivered and billed, but `accept` could not use it
    └── BadResponse             what came back is not an answer of this vendor
        ├── ResponseTooLarge    more bytes than the cap
        └── RedirectRefused     redirects are never followed

Nobody else compares status codes: providers/ turns what a vendor said into one of these, and everybody later reads the
class attributes. One that breaks off an answer may be billed, and is otherwise what it is (`that_broke_off`).
"""

from __future__ import annotations

from typing import ClassVar, Self

from services.llm_provider_service.domain.attempt import AttemptOutcome
from services.llm_provider_service.domain.completion import Rejection
from services.llm_provider_service.domain.failure_policy import Backoff, Billed
from services.llm_provider_service.domain.usage import USAGE_UNKNOWN, Usage


class ProviderFailure(Exception):
    """Base of all failures of one attempt.

    `retryable`: the same target may be asked again. `max_attempts`: how often at most, the first included.
    `is_re_asked`: by the request's one re-ask, which goes to the same target even while another could answer.
    `trips_breaker`: counts in the target's breaker. `trips_provider`: counts in the provider's own breaker.
    `opens_at_once`: no counting, the provider's breaker opens. `fails_over`: another candidate may be asked.
    `alerts`: an operator must act. `reason` is in our own words and may be logged; `message` goes on with what the
    vendor said, capped and redacted, which may quote the caller's text and is for nobody else; at most 500 characters.
    `retry_after` is in seconds, as the vendor asked; `cools_down` says that it is a cooldown of the target.
    `billed` and `outcome` are the class's as well, unless the failure broke an answer off.
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
    billed: Billed = Billed.NO
    outcome: AttemptOutcome

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


class ConnectionFailure(ProviderFailure):
    """No connection to the provider: its models share the fate."""

    trips_provider = True


class ConnectFailed(ConnectionFailure):
    """Refused, unresolved or not established in time; the vendor has seen nothing."""

    retryable = True
    outcome = AttemptOutcome.CONNECT_FAILED


class CertificateInvalid(ConnectionFailure):
    """The peer did not prove that it is the vendor."""

    alerts = True
    outcome = AttemptOutcome.CERTIFICATE_INVALID


class ConnectionLost(ProviderFailure):
    """Reset or closed before the answer was complete; the vendor may have worked and may charge."""

    retryable = True
    trips_breaker = True
    billed = Billed.UNKNOWN
    outcome = AttemptOutcome.CONNECTION_LOST


class ProviderTimeout(ProviderFailure):
    """Our patience ended; `own_limit` is false when only the caller's short deadline ended it (neutral to breakers)."""

    retryable = True
    trips_breaker = True
    billed = Billed.UNKNOWN
    outcome = AttemptOutcome.TIMED_OUT

    def __init__(self, message: str, *, own_limit: bool = True) -> None:
        super().__init__(message)
        self.own_limit = own_limit


class ServerError(ProviderFailure):
    """500, 502, 503, 504, 408 and 409: trouble at the vendor that may pass."""

    retryable = True
    trips_breaker = True
    outcome = AttemptOutcome.SERVER_ERROR


class ProviderOverloaded(ServerError):
    """529 and its relatives: the vendor has too much to do."""

    backoff = Backoff.THROTTLE
    outcome = AttemptOutcome.OVERLOADED


class RateLimited(ProviderFailure):
    """429: we asked too much of this target; it cools down."""

    retryable = True
    cools_down = True
    backoff = Backoff.THROTTLE
    outcome = AttemptOutcome.RATE_LIMITED


class QuotaExhausted(RateLimited):
    """A day's quota, or the account's credit, is used up: waiting a moment does not help."""

    retryable = False
    alerts = True
    outcome = AttemptOutcome.QUOTA_EXHAUSTED


class AuthenticationFailed(ProviderFailure):
    """401 or 403: our key is not accepted; every further call would be refused too."""

    trips_provider = True
    opens_at_once = True
    alerts = True
    outcome = AttemptOutcome.AUTHENTICATION_FAILED


class ModelNotFound(ProviderFailure):
    """The provider does not know the model, or not for this key."""

    outcome = AttemptOutcome.MODEL_NOT_FOUND


class RequestRejected(ProviderFailure):
    """400, 413, 422: a parameter or the payload; another vendor would be asked the same wrong thing."""

    fails_over = False
    outcome = AttemptOutcome.REQUEST_REJECTED


class ContextTooLong(RequestRejected):
    """More tokens than the model can read."""

    outcome = AttemptOutcome.CONTEXT_TOO_LONG


class NotEncodable(RequestRejected):
    """The vendor's wire format cannot express the request; nothing was sent."""

    outcome = AttemptOutcome.NOT_SENT


class ContentRefused(ProviderFailure):
    """The model declined or a safety filter stepped in; tokens were bought."""

    fails_over = False
    billed = Billed.YES
    outcome = AttemptOutcome.CONTENT_REFUSED


class PromptRefused(ContentRefused):
    """The vendor's moderation answered with an error status: no answer was begun, and no usage is charged."""

    billed = Billed.NO


class OutputTruncated(ProviderFailure):
    """The output limit was reached before a usable answer; tokens were bought."""

    fails_over = False
    billed = Billed.YES
    outcome = AttemptOutcome.OUTPUT_TRUNCATED


class AnswerRejected(ProviderFailure):
    """Delivered and billed, but `accept` cannot use it; asked again at once, unless it was `asked_before`."""

    retryable = True
    is_re_asked = True
    fails_over = False
    billed = Billed.YES
    backoff = Backoff.NONE
    outcome = AttemptOutcome.REJECTED

    def __init__(self, rejection: Rejection, *, usage: Usage, served_model: str | None, asked_before: bool) -> None:
        super().__init__(rejection.message, usage=usage, served_model=served_model, retry_forbidden=asked_before)
        self.rejection = rejection


class BadResponse(ProviderFailure):
    """Not an answer of this vendor: garbage, HTML, cut JSON, nothing at all; asked once more."""

    retryable = True
    max_attempts = 2
    trips_breaker = True
    billed = Billed.UNKNOWN
    outcome = AttemptOutcome.BAD_RESPONSE


class ResponseTooLarge(BadResponse):
    """More bytes than the cap, before or after decompression."""

    retryable = False


class RedirectRefused(BadResponse):
    """The vendor's address answered with a redirect; keys are bound to origins, so it is not followed."""

    retryable = False
    billed = Billed.NO
