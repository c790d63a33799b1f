"""All provider failures, one class for each kind, with its policy on the class.

ProviderFailure
├── NotSent                 our own limits kept the call from being made (in not_sent)
├── ConnectionFailure       counts against the provider as a whole
│   ├── ConnectFailed       refused, unresolved, no connection in time; two kinds of it are in connect_failures
│   └── CertificateInvalid  the certificate does not prove who answers
├── ConnectionLost          reset or closed before the answer was complete
├── ProviderTimeout         no first byte, no next byte, or no end in time
├── ServerError             5xx, 408, 409
│   └── ProviderOverloaded  529 and what means the same
├── RateLimited             429: a cooldown, never a breaker failure
│   └── QuotaExhausted      a day's quota or the credit is used up: alert
├── AuthenticationFailed    401 and 403: opens the provider's breaker at once, alert
├── ModelNotFound           this provider has no such model, or not for us
├── RequestRejected         a parameter or the payload is not accepted
│   ├── ContextTooLong      more tokens than the model can read
│   └── NotEncodable        this vendor's wire format cannot express the request; nothing was sent
├── ContentRefused          refused by the model or by a safety filter; billed
│   └── PromptRefused       with an error status, before anything was written; not billed
├── OutputTruncated         the token limit was reached before a usable answer; billed
├── AnswerRejected          delivered and billed, but `accept` could not use it
└── BadResponse             the reply is not an answer of this vendor
    ├── ResponseTooLarge    more bytes than the cap
    └── RedirectRefused     redirects are never followed

Only providers/ reads status codes: it turns a vendor's reply into one of these classes, and all later code reads the
class attributes. Billing by outcome is in `common_core.llm_attempts`; everything else is on the class, including what
the caller is told. A failure that broke off an answer may be billed, and otherwise keeps its policy (`as_broken_off`).
"""

from __future__ import annotations

from common_core.error_enums import ErrorCode
from common_core.llm_attempts import AttemptOutcome, Billed
from services.llm_provider_service.domain.completion import Rejection
from services.llm_provider_service.domain.failure_values import Backoff, CallerMessage
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.usage import Usage


class ConnectionFailure(ProviderFailure):
    """No connection to the provider: this affects all its models."""

    trips_provider = True


class ConnectFailed(ConnectionFailure):
    """Refused, unresolved or not established in time; the vendor has received nothing."""

    retryable = True
    outcome = AttemptOutcome.CONNECT_FAILED


class CertificateInvalid(ConnectionFailure):
    """The peer's certificate does not prove that it is the vendor."""

    alerts = True
    outcome = AttemptOutcome.CERTIFICATE_INVALID
    caller_message = CallerMessage(
        status=502,
        code=ErrorCode.INVALID_RESPONSE,
        slug="certificate-invalid",
        title="The provider's certificate is not valid",
        advice="An operator must look at the address and its certificate.",
        example="the certificate has expired",
    )


class ConnectionLost(ProviderFailure):
    """Reset or closed before the answer was complete; the vendor may have done the work and may charge."""

    retryable = True
    trips_breaker = True
    outcome = AttemptOutcome.CONNECTION_LOST


class ProviderTimeout(ProviderFailure):
    """A time limit passed; `own_limit` is false if only the caller's short deadline did (breakers ignore that)."""

    retryable = True
    trips_breaker = True
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
    """529 and similar answers: the vendor is overloaded."""

    backoff = Backoff.THROTTLE
    outcome = AttemptOutcome.OVERLOADED


class RateLimited(ProviderFailure):
    """429: we sent too many requests to this target; it cools down."""

    retryable = True
    cools_down = True
    backoff = Backoff.THROTTLE
    outcome = AttemptOutcome.RATE_LIMITED


class QuotaExhausted(RateLimited):
    """The quota of a day, or the account's credit, is used up: a short wait does not help."""

    retryable = False
    alerts = True
    outcome = AttemptOutcome.QUOTA_EXHAUSTED


class AuthenticationFailed(ProviderFailure):
    """401 or 403: our key is not accepted; every further call would be refused too."""

    trips_provider = True
    opens_at_once = True
    alerts = True
    outcome = AttemptOutcome.AUTHENTICATION_FAILED
    caller_message = CallerMessage(
        status=502,
        code=ErrorCode.PROVIDER_AUTHENTICATION_ERROR,
        slug="provider-authentication-error",
        title="The provider does not accept the gateway's key",
        advice="An operator must check the key; asking again does not help.",
        example="invalid key",
    )


class ModelNotFound(ProviderFailure):
    """The provider does not know the model, or not for this key."""

    outcome = AttemptOutcome.MODEL_NOT_FOUND
    caller_message = CallerMessage(
        status=422,
        code=ErrorCode.INVALID_REQUEST,
        slug="model-not-found",
        title="The provider does not have this model",
        advice="Take a model from GET /api/v1/models.",
        example="no such model",
    )


class RequestRejected(ProviderFailure):
    """400, 413, 422: a parameter or the payload is wrong; another vendor would get the same wrong request."""

    fails_over = False
    outcome = AttemptOutcome.REQUEST_REJECTED
    caller_message = CallerMessage(
        status=422,
        code=ErrorCode.INVALID_REQUEST,
        slug="provider-rejected-request",
        title="The provider does not accept the request",
        advice="Change what it names, or leave the override out.",
        example="the parameter was not accepted",
    )


class ContextTooLong(RequestRejected):
    """More tokens than the model can read."""

    outcome = AttemptOutcome.CONTEXT_TOO_LONG
    caller_message = CallerMessage(
        status=422,
        code=ErrorCode.CONTEXT_LENGTH_EXCEEDED,
        slug="context-length-exceeded",
        title="The request is longer than the model can read",
        advice="Shorten it, or name a model with a larger context window.",
        example="the prompt is too long",
    )


class NotEncodable(RequestRejected):
    """The vendor's wire format cannot express the request; nothing was sent."""

    outcome = AttemptOutcome.NOT_SENT


class ContentRefused(ProviderFailure):
    """The model or a safety filter refused; the tokens are billed."""

    fails_over = False
    outcome = AttemptOutcome.CONTENT_REFUSED
    caller_message = CallerMessage(
        status=422,
        code=ErrorCode.CONTENT_REFUSED,
        slug="content-refused",
        title="The model refused to answer, or a safety filter stepped in",
        advice="Have a person look at the text, or name another provider.",
        example="the answer was blocked",
    )


class PromptRefused(ContentRefused):
    """The vendor's moderation answered with an error status: no answer was started, and nothing is billed."""

    billed = Billed.NO


class OutputTruncated(ProviderFailure):
    """The output limit was reached before a usable answer; the tokens are billed."""

    fails_over = False
    outcome = AttemptOutcome.OUTPUT_TRUNCATED
    caller_message = CallerMessage(
        status=502,
        code=ErrorCode.PARSING_ERROR,
        slug="output-truncated",
        title="The answer was cut off by the output limit",
        advice="Raise max_tokens_override (LLM_DEFAULT_MAX_TOKENS where none is given).",
        example="the output limit was reached",
    )


class AnswerRejected(ProviderFailure):
    """Delivered and billed, but `accept` cannot use it; asked again at once, unless `asked_before` is true."""

    retryable = True
    is_re_asked = True
    fails_over = False
    backoff = Backoff.NONE
    outcome = AttemptOutcome.REJECTED
    caller_message = CallerMessage(
        status=502,
        code=ErrorCode.PARSING_ERROR,
        slug="answer-rejected",
        title="The model's answer cannot be used",
        advice="Another model may do better.",
        example="winner is neither Essay A nor Essay B",
    )

    def __init__(self, rejection: Rejection, *, usage: Usage, served_model: str | None, asked_before: bool) -> None:
        super().__init__(rejection.message, usage=usage, served_model=served_model, retry_forbidden=asked_before)
        self.rejection = rejection


class BadResponse(ProviderFailure):
    """Not an answer of this vendor: garbage, HTML, cut JSON or nothing; tried twice at most."""

    retryable = True
    max_attempts = 2
    trips_breaker = True
    outcome = AttemptOutcome.BAD_RESPONSE
    caller_message = CallerMessage(
        status=502,
        code=ErrorCode.INVALID_RESPONSE,
        slug="invalid-response",
        title="The provider's answer is not one",
        advice="It may pass; if it does not, an operator must look at the address.",
        example="the body is not JSON",
    )


class ResponseTooLarge(BadResponse):
    """More bytes than the cap, before or after decompression."""

    retryable = False


class RedirectRefused(BadResponse):
    """The vendor's address answered with a redirect. It is not followed, because keys belong to one origin."""

    retryable = False
    billed = Billed.NO
