"""The arithmetic of a soak: books that do not agree are found, and so is everything that leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice, pairwise

import orjson
import pytest

from common_core.llm_contracts import LLMComparisonRequest
from tests.soak.books import FrontBooks, VendorBooks
from tests.soak.questions import REFUSED_WITH, Manner, Question, bursts
from tests.soak.result import log_errors
from tests.soak.timeline import INFRASTRUCTURE, OF_VENDORS, Fault, timeline
from tests.soak.verdicts import complaints, judged
from tests.soak.vitals import FEWEST_SAMPLES, Rest, Sample, growth, leaks
from tests.support.crowd import Reply

ATTEMPTS = {"success": 5, "timed_out": 2, "connection_lost": 1, "not_sent": 9, "connect_failed": 4}
CALLS = {"success": 6, "hang": 1}


def vendor(*, attempts: Mapping[str, int] = ATTEMPTS, calls: Mapping[str, int] = CALLS, unsure: int = 0) -> list[str]:
    """The problems of one vendor's books."""
    return list(VendorBooks(provider="openai", attempts=attempts, calls=calls, unsure=unsure).problems())


def front(**changed: object) -> list[str]:
    """The problems of the books at the door."""
    books = {
        "sent": 10,
        "answered": {"200": 7, "503": 1},
        "hung_up": 2,
        "lost": 0,
        "counted": {"200": 8, "503": 1, "499": 1},
    }
    return list(FrontBooks(**books | changed).problems())  # type: ignore[arg-type]  # the tests give what fits


def question(**fields: object) -> Question:
    """One that everybody could ask."""
    first = next(bursts(1))[0]
    asked = {**first.fields, "cache": "use", "fallback": "any", **fields}
    return Question(
        number=first.number, manner=Manner.PLAIN, fields=asked, deadline=5.0, deadline_named=False, pause=0.0
    )


def test_calls_that_arrived_nowhere_are_none_and_one_that_broke_off_in_a_kill_may_be_one() -> None:
    assert vendor() == ["openai: 8 attempts were sent, 7 calls counted"]
    assert vendor(unsure=1) == []


def test_a_call_that_the_gateway_does_not_know_of_is_found_whatever_was_killed() -> None:
    assert vendor(calls={"success": 6, "hang": 3}, unsure=5) == ["openai: 8 attempts were sent, 9 calls counted"]


def test_an_outcome_that_the_vendor_did_not_bring_about_is_found_though_the_sums_agree() -> None:
    assert vendor(attempts={"success": 2}, calls={"success": 1, "status-503": 1}) == [
        "openai: 2 attempts ended as success, the vendor said so 1 times"
    ]
    assert vendor(attempts={"timed_out": 2}, calls={"success": 1, "status-503": 1}) == []


def test_a_call_that_a_real_vendor_would_not_accept_is_found() -> None:
    assert vendor(attempts={"success": 1}, calls={"violation": 1})[0] == (
        "openai: 1 calls ended as violation, which nobody asked for"
    )


def test_the_door_agrees_when_a_caller_hung_up_in_the_moment_of_its_answer() -> None:
    assert front() == []


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"lost": 1, "sent": 11, "counted": {"200": 9, "503": 1, "499": 1}}, "1 requests got no answer"),
        ({"sent": 11}, "11 requests, but 8 answers and 2 who hung up"),
        ({"counted": {"200": 9, "503": 1, "499": 1}}, "10 requests were sent, the gateway counted 11"),
        ({"counted": {"200": 6, "503": 1, "499": 3}}, "status 200: 7 answers, 6 counted"),
        ({"counted": {"200": 7, "500": 1, "499": 2}}, "status 503: 1 answers, 0 counted"),
    ],
)
def test_what_differs_at_the_door_is_found(changed: dict[str, object], problem: str) -> None:
    assert problem in front(**changed)


def test_what_is_held_after_the_load_and_was_not_before_is_found() -> None:
    before = Rest(tasks={"watch": 1}, sockets={"listening": 1, "with openai": 2}, under_way={})
    after = Rest(
        tasks={"watch": 1, "call": 3},
        sockets={"listening": 1, "with openai": 9, "half closed with google": 1},
        under_way={"slots held at openai": 1.0},
    )
    assert list(leaks(before, before, {})) == []
    assert list(leaks(before, after, {"with openai": 9})) == [
        "3 more tasks call",
        "1 sockets half closed with google, at most 0 expected",
        "slots held at openai is 1",
    ]
    assert "9 sockets with openai, at most 2 expected" in list(leaks(before, after, {}))


def test_growth_is_that_of_the_second_half_and_a_short_run_says_nothing() -> None:
    half = FEWEST_SAMPLES
    filling = [Sample(n, 10 * n, 1000 * n) for n in range(half)]
    assert growth(filling[1:]) is None
    flat = [Sample(n, 10 * n, 1000 * half) for n in range(half, 2 * half)]
    level = growth(filling + flat)
    assert level is not None
    assert (round(level.rise), level.requests) == (0, 10 * (half - 1))
    leaking = [Sample(n, 10 * n, 1000 * half + 30 * n) for n in range(half, 2 * half)]
    found = growth(filling + leaking)
    assert found is not None
    assert found.rise == pytest.approx(30 * (half - 1))


def test_the_log_may_call_an_operator_for_a_vendor_and_nothing_else() -> None:
    lines = (
        {"event": "provider_attempt_failed", "level": "error", "alert": True},
        {"event": "provider_attempt_failed", "level": "warning", "alert": False},
        {"event": "unhandled_exception", "level": "error"},
    )
    text = "".join(f"{orjson.dumps(line).decode()}\n" for line in lines)
    assert log_errors(text + "Traceback (most recent call last):\n") == Counter(
        {"unhandled_exception": 1, "Traceback (most recent call last):": 1}
    )


def test_one_seed_asks_one_sequence_in_which_every_manner_and_the_same_question_at_once_occur() -> None:
    first, again, other = (list(islice(bursts(seed), 2000)) for seed in (1, 1, 2))
    assert first == again != other
    asked = [one for burst in first for one in burst]
    assert [one.number for one in asked] == list(range(len(asked)))
    assert {one.manner for one in asked} == set(Manner)
    together = [burst for burst in first if len(burst) > 1]
    assert together
    assert all(one.essays == burst[0].essays for burst in together for one in burst)
    for one in asked:
        if one.manner not in REFUSED_WITH:
            LLMComparisonRequest.model_validate_json(one.body())


def test_one_seed_plays_one_timeline_and_every_fault_comes_before_one_comes_twice() -> None:
    lines = timeline(1, 120.0)
    assert lines == timeline(1, 120.0) != timeline(2, 120.0)
    for line, faults in zip(lines, (OF_VENDORS, INFRASTRUCTURE), strict=True):
        assert {event.fault for event in line[: len(faults)]} == set(faults)
        assert all(one.at + one.seconds <= two.at for one, two in pairwise(line))
        assert line[-1].at + line[-1].seconds <= 120.0
    assert {event.fault for line in lines for event in line} == set(Fault)


def verdict(asked: Question, **changed: object) -> Reply:
    """The answer of OpenAI to *asked*, or one that differs in some fields."""
    winner, justification = judged("openai", *asked.essays)
    tokens = dict.fromkeys(
        (
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
            "cached_tokens",
            "cache_write_tokens",
            "reasoning_tokens",
        )
    )
    fields = {
        "winner": winner, "justification": justification, "confidence": 3.0, "provider": "openai", "model": "m",
        "response_time_ms": 1, "cached": False, "token_usage": tokens, "cost_estimate": None, "cost_usd": None,
        "pricing_status": "unpriced", "correlation_id": "c", "metadata": asked.fields["metadata"], "request_id": "r",
        "requested_provider": None, "requested_model": None, "attempts": 1, "prompt_sha256": "0", "flags": [],
    }  # fmt: skip
    return Reply(200, {}, orjson.dumps(fields | changed))


def test_a_verdict_of_the_vendor_passes_and_a_made_up_one_does_not() -> None:
    asked = question()
    assert list(complaints(asked, verdict(asked))) == []
    winner, _ = judged("openai", *asked.essays)
    other = "Essay A" if winner == "Essay B" else "Essay B"
    assert [f"openai said {winner}" in text for text in complaints(asked, verdict(asked, winner=other))] == [True]
    assert next(complaints(asked, verdict(asked, winner="Tie"))).startswith("200, but the body is none")


@pytest.mark.parametrize(
    ("fields", "changed", "problem"),
    [
        ({}, {"metadata": {"number": -1}}, "0 got the answer to {'number': -1}"),
        ({"cache": "bypass"}, {"cached": True}, "0 got a stored answer, which it did not want"),
        (
            {"fallback": "none", "llm_config_overrides": {"provider_override": "google"}},
            {},
            "0 asked nobody but google, and openai answered",
        ),
    ],
)
def test_an_answer_to_something_else_is_found(
    fields: dict[str, object], changed: dict[str, object], problem: str
) -> None:
    asked = question(**fields)
    assert list(complaints(asked, verdict(asked, **changed))) == [problem]
