"""The mock provider: it costs nothing and judges the essays itself, so all other parts can be tried for real."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson

from common_core.config_enums import LLMProviderType
from services.llm_provider_service.comparison.mock_judge import judge
from services.llm_provider_service.comparison.prompt import essays_in
from services.llm_provider_service.domain.completion import (
    CompletionAnswer,
    CompletionRequest,
    FinishReason,
    TextPart,
    ToolResultPart,
)
from services.llm_provider_service.domain.failures import ProviderTimeout, RequestRejected, ServerError
from services.llm_provider_service.domain.usage import Usage
from services.llm_provider_service.resilience.deadline import Deadline

MOCK_MODEL = "mock-judge-1"

_BYTES_OF_A_TOKEN = 4


class MockProviderImpl:
    """`LLMProviderProtocol` without a vendor.

    `error_rate` (0 to 1) is the share of calls that fail with `ServerError`; `draw` returns the random numbers in [0,
    1) for this decision. `seed` is passed to the judge. `sleep` is awaited for `latency_seconds` unless that is zero.
    """

    def __init__(
        self,
        *,
        seed: int,
        error_rate: float,
        latency_seconds: float,
        sleep: Callable[[float], Awaitable[None]],
        draw: Callable[[], float],
    ) -> None:
        self._seed = seed
        self._error_rate = error_rate
        self._latency_seconds = latency_seconds
        self._sleep = sleep
        self._draw = draw

    @property
    def provider(self) -> LLMProviderType:
        """Returns MOCK."""
        return LLMProviderType.MOCK

    async def complete(self, request: CompletionRequest, model: str, deadline: Deadline) -> CompletionAnswer:
        """Answer as *model*, or as `MOCK_MODEL` if it is empty.

        Raises `ProviderTimeout` if the latency is longer than the deadline allows, `ServerError` for the share
        `error_rate`, and `RequestRejected` for a schema other than the verdict's, because it invents no answers.
        """
        await self._wait(deadline)
        if self._draw() < self._error_rate:
            raise ServerError("The mock provider fails as often as it was asked to.", status=500)
        prompt = _text_of(request)
        text = self._answer_to(prompt, request)
        limit = request.sampling.max_output_tokens or request.defaults.max_output_tokens
        kept = text if limit is None else text.encode()[: limit * _BYTES_OF_A_TOKEN].decode(errors="ignore")
        return CompletionAnswer(
            parts=(TextPart(kept),),
            finish_reason=FinishReason.STOP if kept == text else FinishReason.LENGTH,
            usage=_usage(prompt, kept),
            model=model or MOCK_MODEL,
        )

    async def _wait(self, deadline: Deadline) -> None:
        remaining = deadline.remaining()
        if self._latency_seconds > remaining:
            await self._sleep(max(0.0, remaining))
            raise ProviderTimeout("The mock provider did not answer in time.", own_limit=not deadline.callers_own)
        if self._latency_seconds > 0:
            await self._sleep(self._latency_seconds)

    def _answer_to(self, prompt: str, request: CompletionRequest) -> str:
        essays = essays_in(prompt)
        if essays is not None:
            reading = judge(*essays, seed=self._seed)
            verdict = {
                "justification": reading.justification,
                "winner": reading.winner,
                "confidence": reading.confidence,
            }
            return orjson.dumps(verdict).decode()
        if request.response_schema is not None:
            raise RequestRejected("The mock provider answers no schema but the verdict on two essays.", status=400)
        return f"The mock provider has read {len(prompt.split())} words."


def _text_of(request: CompletionRequest) -> str:
    """Returns all text that a model would read, with a line break between messages."""
    said = ("".join(_said(part) for part in message.parts) for message in request.messages)
    return "\n".join((request.system or "", *said))


def _said(part: object) -> str:
    match part:
        case TextPart(text) | ToolResultPart(content=text):
            return text
        case _:
            return ""


def _usage(prompt: str, answer: str) -> Usage:
    """Returns the usage: four bytes are one token, rounded up; nothing is cached or reasoned."""
    return Usage(
        input_tokens=_tokens(prompt),
        output_tokens=_tokens(answer),
        cached_read_tokens=0,
        cache_write_5m_tokens=0,
        cache_write_1h_tokens=0,
        reasoning_tokens=0,
    )


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // _BYTES_OF_A_TOKEN)
