"""The mock as a provider: a judge with latency, errors and usage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from common_core.config_enums import LLMProviderType
from common_core.domain_enums import EssayComparisonWinner
from services.llm_provider_service.comparison.mock_judge import judge
from services.llm_provider_service.comparison.prompt import build_request
from services.llm_provider_service.comparison.verdict import accept, verdict_of
from services.llm_provider_service.domain.comparison import Comparison
from services.llm_provider_service.domain.completion import (
    NOTHING_GIVEN,
    CompletionRequest,
    FinishReason,
    Message,
    ResponseSchema,
    Role,
    Sampling,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from services.llm_provider_service.domain.failures import ProviderTimeout, RequestRejected, ServerError
from services.llm_provider_service.implementations.mock_provider_impl import MOCK_MODEL, MockProviderImpl
from services.llm_provider_service.protocols import LLMProviderProtocol
from services.llm_provider_service.resilience.deadline import Deadline

ESSAYS = Path(__file__).parents[5] / "examples" / "essays"
STRONG, WEAK = ESSAYS.joinpath("noor.txt").read_text(), ESSAYS.joinpath("oskar.txt").read_text()


class FakeTime:
    """A clock that moves only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def mock(
    time: FakeTime,
    *,
    seed: int = 0,
    error_rate: float = 0.0,
    latency_seconds: float = 0.0,
    draw: Callable[[], float] = lambda: 0.0,
) -> LLMProviderProtocol:
    return MockProviderImpl(
        seed=seed, error_rate=error_rate, latency_seconds=latency_seconds, sleep=time.sleep, draw=draw
    )


def comparison(essay_a: str, essay_b: str, *, max_output_tokens: int | None = None) -> CompletionRequest:
    return build_request(
        Comparison(instructions="Compare them.", essay_a=essay_a, essay_b=essay_b),
        sampling=Sampling(max_output_tokens=max_output_tokens),
        defaults=NOTHING_GIVEN,
    )


def question(text: str, *, schema: ResponseSchema | None = None) -> CompletionRequest:
    return CompletionRequest(messages=(Message(Role.USER, (TextPart(text),)),), response_schema=schema)


async def test_it_gives_the_judges_verdict_in_both_orders(time: FakeTime) -> None:
    provider, deadline = mock(time, seed=5), Deadline.after(10, time.clock)

    forth = verdict_of(await provider.complete(comparison(STRONG, WEAK), "", deadline))
    back = verdict_of(await provider.complete(comparison(WEAK, STRONG), "", deadline))

    assert (forth.winner, back.winner) == (EssayComparisonWinner.ESSAY_A, EssayComparisonWinner.ESSAY_B)
    expected = judge(STRONG, WEAK, seed=5)
    assert (forth.confidence, forth.justification) == (expected.confidence, expected.justification)
    assert provider.provider is LLMProviderType.MOCK


async def test_its_seed_is_the_judges(time: FakeTime) -> None:
    deadline = Deadline.after(10, time.clock)
    request = comparison("one text", "two text")

    winners = {verdict_of(await mock(time, seed=seed).complete(request, "", deadline)).winner for seed in range(20)}

    assert winners == set(EssayComparisonWinner)


@pytest.mark.parametrize(("asked", "served"), [("", MOCK_MODEL), ("mock-judge-7", "mock-judge-7")])
async def test_the_model_that_answers_is_the_one_that_was_asked(time: FakeTime, asked: str, served: str) -> None:
    answer = await mock(time).complete(question("Hello"), asked, Deadline.after(10, time.clock))

    assert answer.model == served


async def test_it_counts_four_bytes_as_a_token_and_knows_what_was_not_used(time: FakeTime) -> None:
    request = CompletionRequest(messages=(Message(Role.USER, (TextPart("äöü"),)),), system="four")

    answer = await mock(time).complete(request, "", Deadline.after(10, time.clock))

    assert answer.usage.input_tokens == 3  # 4 bytes, a line break and 6 bytes
    assert answer.usage.output_tokens == -(-len(answer.text.encode()) // 4)
    assert (answer.usage.cached_read_tokens, answer.usage.reasoning_tokens) == (0, 0)
    assert (answer.usage.cache_write_5m_tokens, answer.usage.cache_write_1h_tokens) == (0, 0)
    assert answer.finish_reason is FinishReason.STOP


async def test_without_essays_it_says_something_short_that_depends_on_the_text_alone(time: FakeTime) -> None:
    deadline = Deadline.after(10, time.clock)

    first = await mock(time).complete(question("one two three"), "", deadline)
    second = await mock(time, seed=9).complete(question("one two three"), "", deadline)

    assert first.text == second.text == "The mock provider has read 3 words."
    assert accept(first) is not None


async def test_it_reads_what_tools_answered(time: FakeTime) -> None:
    parts = (
        ToolCallPart(call_id="1", name="look", arguments={}),
        ToolResultPart(call_id="1", name="look", content="a b"),
    )
    request = CompletionRequest(messages=(Message(Role.USER, parts),))

    answer = await mock(time).complete(request, "", Deadline.after(10, time.clock))

    assert answer.text == "The mock provider has read 2 words."


async def test_it_makes_up_no_answer_for_a_schema_that_it_does_not_know(time: FakeTime) -> None:
    schema = ResponseSchema(name="city", schema={"type": "object"})

    with pytest.raises(RequestRejected, match="no schema but the verdict"):
        await mock(time).complete(question("Where?", schema=schema), "", Deadline.after(10, time.clock))


async def test_an_answer_over_the_output_limit_is_cut_and_says_so(time: FakeTime) -> None:
    request = comparison(STRONG, WEAK, max_output_tokens=10)

    answer = await mock(time).complete(request, "", Deadline.after(10, time.clock))

    assert answer.finish_reason is FinishReason.LENGTH
    assert (answer.usage.output_tokens, len(answer.text)) == (10, 40)
    assert accept(answer) is not None


async def test_the_asked_latency_is_waited_for(time: FakeTime) -> None:
    await mock(time, latency_seconds=1.5).complete(question("Hello"), "", Deadline.after(10, time.clock))

    assert time.now == 101.5


@pytest.mark.parametrize("callers_own", [True, False])
@pytest.mark.parametrize(("left", "latency", "waits"), [(2, 3, 2), (-1, 0, 0)], ids=["too short", "it has passed"])
async def test_no_answer_by_the_deadline_is_a_timeout_at_the_deadline(
    time: FakeTime, left: float, latency: float, waits: float, callers_own: bool
) -> None:
    deadline = Deadline.after(left, time.clock, callers_own=callers_own)

    with pytest.raises(ProviderTimeout) as caught:
        await mock(time, latency_seconds=latency).complete(question("Hello"), "", deadline)

    assert time.now == 100 + waits
    assert caught.value.own_limit is not callers_own


async def failures_of(time: FakeTime, *, error_rate: float, calls: int, seed: int) -> list[bool]:
    provider = mock(time, error_rate=error_rate, draw=Random(seed).random)
    failed = []
    for _ in range(calls):
        try:
            await provider.complete(question("Hello"), "", Deadline.after(10, time.clock))
        except ServerError:
            failed.append(True)
        else:
            failed.append(False)
    return failed


async def test_the_asked_share_of_calls_fails_and_the_same_ones_for_the_same_seed(time: FakeTime) -> None:
    failed = await failures_of(time, error_rate=0.2, calls=1000, seed=4)

    assert 150 < sum(failed) < 250
    assert failed == await failures_of(time, error_rate=0.2, calls=1000, seed=4)
    assert failed != await failures_of(time, error_rate=0.2, calls=1000, seed=5)


@pytest.mark.parametrize(("error_rate", "failing"), [(0.0, 0), (1.0, 50)])
async def test_none_and_all_calls_can_be_made_to_fail(time: FakeTime, error_rate: float, failing: int) -> None:
    assert sum(await failures_of(time, error_rate=error_rate, calls=50, seed=1)) == failing
