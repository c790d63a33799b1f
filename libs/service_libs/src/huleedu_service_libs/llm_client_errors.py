"""Exceptions of the LLM Provider Service client; `retryable` is the gateway's own answer to "may a retry succeed?"."""

from __future__ import annotations

from common_core.llm_contracts import ProblemDocument


class LLMProviderClientError(Exception):
    """Base of all errors of a call.

    ├── LLMProviderUnreachable    no connection was made; nothing was sent
    ├── LLMProviderConnectionLost the connection broke after sending; the call may have been paid for
    ├── LLMProviderTimeout        the caller's own deadline passed; the call may have been paid for
    ├── LLMProviderBadAnswer      the answer is not what the contract says
    └── LLMProviderProblem        the gateway answered with a problem
        ├── LLMRequestRefused     4xx: change the request
        ├── LLMRateLimited        429
        └── LLMGatewayUnavailable 5xx
    """

    def __init__(
        self,
        message: str,
        *,
        correlation_id: str,
        retryable: bool = False,
        code: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        problem: ProblemDocument | None = None,
    ) -> None:
        super().__init__(message)
        self.correlation_id = correlation_id
        self.retryable = retryable
        self.code = code
        self.status = status
        self.retry_after = retry_after
        self.problem = problem


class LLMProviderUnreachable(LLMProviderClientError):
    """No connection could be made; nothing was sent."""


class LLMProviderConnectionLost(LLMProviderClientError):
    """The connection broke after the request was sent."""


class LLMProviderTimeout(LLMProviderClientError):
    """The caller's own deadline passed."""


class LLMProviderBadAnswer(LLMProviderClientError):
    """The answer is too large, not JSON, or not of the promised shape."""


class LLMProviderProblem(LLMProviderClientError):
    """The gateway answered with an error; `problem` is its problem document, or None if the body was not one."""


class LLMRequestRefused(LLMProviderProblem):
    """A 4xx answer other than 429: the request must be changed."""


class LLMRateLimited(LLMProviderProblem):
    """A 429 answer: too many requests."""


class LLMGatewayUnavailable(LLMProviderProblem):
    """A 5xx answer: the gateway could not give a result."""
