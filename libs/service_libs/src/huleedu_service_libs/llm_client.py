"""A typed client of the LLM Provider Service, for the services and tools that call it.

It retries only calls that cannot have cost anything: a connection that was never made, and a 429 or 503 that says
`retryable: true` and lists no attempt that a vendor may charge for. A 500, a 504, or a connection lost during an answer
may stand for tokens that are already paid, so these errors are raised and not retried. One deadline covers all tries;
`Retry-After` is respected within it.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
import orjson
from pydantic import BaseModel, ValidationError

from common_core.llm_attempts import may_be_billed
from common_core.llm_contracts import (
    LLMComparisonRequest,
    LLMComparisonResponse,
    ProblemDocument,
)
from common_core.llm_status_contracts import CircuitBreakerList, ModelList, ProviderList
from huleedu_service_libs.llm_client_errors import (
    LLMGatewayUnavailable,
    LLMProviderBadAnswer,
    LLMProviderClientError,
    LLMProviderConnectionLost,
    LLMProviderProblem,
    LLMProviderTimeout,
    LLMProviderUnreachable,
    LLMRateLimited,
    LLMRequestRefused,
)
from huleedu_service_libs.web.correlation import (
    CORRELATION_HEADER,
    current_correlation_id,
    is_acceptable,
    new_correlation_id,
)

TIMEOUT_HEADER: Final = "X-Request-Timeout-Ms"
_MAX_TIMEOUT_MS: Final = 600_000
_MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
_CONNECT_SECONDS: Final = 2.0
_ANSWER_TRAVEL_SECONDS: Final = 0.25
_BACKOFF_BASE_SECONDS: Final = 0.2
_BACKOFF_CAP_SECONDS: Final = 5.0
_STATUSES_WITHOUT_ANSWER: Final = frozenset({429, 503})
_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    method: str
    path: str
    body: bytes | None
    correlation_id: str
    deadline: float


class LLMProviderClient:
    """Calls the gateway at *base_url*; *timeout* is the seconds one call may take, all tries included.

    The caller closes a *session* that it passes in. Without one the client opens its own session, and `close` (or
    leaving the `async with` block) closes it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        session: aiohttp.ClientSession | None = None,
        timeout: float = 120.0,
        max_retries: int = 2,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"not an http(s) URL: {base_url!r}")
        self._base_url = base_url.rstrip("/")
        self._session = session
        self._owns_session = session is None
        self._timeout = timeout
        self._max_retries = max_retries
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session if the client opened it."""
        if self._owns_session and self._session is not None:
            await self._session.close()
            self._session = None

    async def compare(self, request: LLMComparisonRequest, *, timeout: float | None = None) -> LLMComparisonResponse:
        """Returns one verdict; *timeout* in seconds overrides the client's. Raises LLMProviderClientError."""
        body = request.model_dump_json(exclude_none=True).encode()
        chosen = request.correlation_id
        if chosen is None or not is_acceptable(chosen):  # the gateway replaces it too; some break a header
            chosen = current_correlation_id()
        reply, call = await self._answer("POST", "/api/v1/comparison", body, chosen, timeout)
        return _parsed(LLMComparisonResponse, reply, call)

    async def providers(self) -> ProviderList:
        """Returns the configured providers. Raises LLMProviderClientError."""
        return await self._get("/api/v1/providers", ProviderList)

    async def models(self) -> ModelList:
        """Returns the model registry with prices. Raises LLMProviderClientError."""
        return await self._get("/api/v1/models", ModelList)

    async def circuit_breakers(self) -> CircuitBreakerList:
        """Returns the state of every circuit breaker. Raises LLMProviderClientError."""
        return await self._get("/api/v1/circuit-breakers", CircuitBreakerList)

    async def health(self) -> dict[str, Any]:
        """Returns the body of `/healthz`. Raises LLMProviderClientError."""
        reply, call = await self._answer("GET", "/healthz", None, None, None)
        value = _json(reply, call)
        if not isinstance(value, dict):
            raise _bad_answer(call, "health is not an object")
        return value

    async def _get(self, path: str, model: type[_M]) -> _M:
        reply, call = await self._answer("GET", path, None, current_correlation_id(), None)
        return _parsed(model, reply, call)

    async def _answer(
        self, method: str, path: str, body: bytes | None, correlation_id: str | None, timeout: float | None
    ) -> tuple[_Reply, _Call]:
        seconds = self._timeout if timeout is None else timeout
        call = _Call(
            method=method,
            path=path,
            body=body,
            correlation_id=correlation_id or new_correlation_id(),
            deadline=time.monotonic() + seconds,
        )
        for tries in range(self._max_retries + 1):
            try:
                return await self._try(call), call
            except LLMProviderClientError as error:
                delay = _delay(error, tries)
                if tries == self._max_retries or delay is None or time.monotonic() + delay >= call.deadline:
                    raise
                await self._sleep(delay)
        raise AssertionError("the loop returns or raises")

    async def _try(self, call: _Call) -> _Reply:
        """Send the request once; exceptions of aiohttp become LLMProviderClientError."""
        remaining = call.deadline - time.monotonic()
        try:
            async with asyncio.timeout(remaining):
                reply = await self._exchange(call, remaining)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as exc:
            message = f"no connection to {self._base_url}"
            raise LLMProviderUnreachable(message, correlation_id=call.correlation_id, retryable=True) from exc
        except TimeoutError as exc:
            message = f"no answer within the deadline ({call.method} {call.path})"
            raise LLMProviderTimeout(message, correlation_id=call.correlation_id) from exc
        except aiohttp.ClientError as exc:
            message = f"the connection was lost ({type(exc).__name__})"
            raise LLMProviderConnectionLost(message, correlation_id=call.correlation_id) from exc
        if reply.status >= 400:
            raise _problem_error(reply, call)
        return reply

    async def _exchange(self, call: _Call, remaining: float) -> _Reply:
        headers = {CORRELATION_HEADER: call.correlation_id, TIMEOUT_HEADER: _timeout_header(remaining)}
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        async with self._opened().request(
            call.method, self._base_url + call.path, data=call.body, headers=headers, allow_redirects=False
        ) as response:
            body = await _capped(response, call)
            return _Reply(status=response.status, headers=response.headers, body=body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, ceil_threshold=math.inf)
            self._session = aiohttp.ClientSession(
                timeout=limits, cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
            )
        return self._session


def _timeout_header(remaining: float) -> str:
    """Milliseconds for the gateway: a little less than our deadline, so that its 504 reaches us in time."""
    answer_travel = min(_ANSWER_TRAVEL_SECONDS, remaining / 20)
    return str(min(_MAX_TIMEOUT_MS, max(1, math.floor((remaining - answer_travel) * 1000))))


async def _capped(response: aiohttp.ClientResponse, call: _Call) -> bytes:
    chunks = []
    size = 0
    async for chunk in response.content.iter_chunked(64 * 1024):
        size += len(chunk)
        if size > _MAX_ANSWER_BYTES:
            raise _bad_answer(call, "the answer is too large")
        chunks.append(chunk)
    return b"".join(chunks)


def _delay(error: LLMProviderClientError, tries: int) -> float | None:
    """Seconds until the next try; None if a retry could be charged twice or cannot help.

    It is Retry-After plus full jitter.
    """
    nobody_answered = isinstance(error, LLMProviderUnreachable) or error.status in _STATUSES_WITHOUT_ANSWER
    if not error.retryable or not nobody_answered or _may_be_billed(error.problem):
        return None
    jitter = random.uniform(0, min(_BACKOFF_CAP_SECONDS, _BACKOFF_BASE_SECONDS * 2**tries))
    return (error.retry_after or 0.0) + jitter


def _may_be_billed(problem: ProblemDocument | None) -> bool:
    """Returns whether a vendor may have charged for an attempt of the gateway."""
    attempts = (problem.attempts if problem else None) or ()
    return any(may_be_billed(attempt.outcome) for attempt in attempts)


def _problem_error(reply: _Reply, call: _Call) -> LLMProviderProblem:
    problem = _problem(reply)
    kinds = {429: LLMRateLimited}
    kind = kinds.get(reply.status, LLMGatewayUnavailable if reply.status >= 500 else LLMRequestRefused)
    return kind(
        f"{reply.status} {problem.code}: {problem.detail}" if problem else f"{reply.status} without a problem document",
        correlation_id=problem.correlation_id if problem else call.correlation_id,
        retryable=problem.retryable if problem else False,
        code=problem.code if problem else None,
        status=reply.status,
        retry_after=_retry_after(reply),
        problem=problem,
    )


def _problem(reply: _Reply) -> ProblemDocument | None:
    try:
        return ProblemDocument.model_validate_json(reply.body)
    except ValidationError:
        return None


def _retry_after(reply: _Reply) -> float | None:
    value = reply.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) <= 9 else None


def _parsed(model: type[_M], reply: _Reply, call: _Call) -> _M:
    try:
        return model.model_validate_json(reply.body)
    except ValidationError as exc:
        raise _bad_answer(call, f"the answer is not a {model.__name__}") from exc


def _json(reply: _Reply, call: _Call) -> Any:
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError as exc:
        raise _bad_answer(call, "the answer is not JSON") from exc


def _bad_answer(call: _Call, message: str) -> LLMProviderBadAnswer:
    return LLMProviderBadAnswer(message, correlation_id=call.correlation_id)
