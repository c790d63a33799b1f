"""The demo's report, as a pipe gets it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import pytest
from rich.console import Console

from common_core.llm_status_contracts import CircuitBreakerList
from services.llm_provider_service.tests.unit.tools.samples import THREE, failure, outcome
from services.llm_provider_service.tools.console import WIDTH, say
from services.llm_provider_service.tools.demo_client import Outcome
from services.llm_provider_service.tools.demo_essays import EssaySet
from services.llm_provider_service.tools.demo_report import DemoResult, report
from services.llm_provider_service.tools.demo_summary import vendor_books

ATTEMPTS = {("openai", "success"): 2, ("openai", "connection_lost"): 1, ("anthropic", "success"): 4}
COUNTED = {"anthropic": 4, "openai": 3}
VERDICTS = [
    outcome(0, 1, provider="openai"),
    outcome(1, 0, provider="openai", first_wins=False),
    outcome(0, 2),
    outcome(2, 0, first_wins=False),
    outcome(1, 2),
    outcome(2, 1),
]


def result(
    outcomes: Sequence[Outcome], *, counted: Mapping[str, int], killed: str | None = None, essays: EssaySet = THREE
) -> DemoResult:
    """A result of these."""
    breakers = CircuitBreakerList(circuit_breakers=[])
    books = vendor_books(outcomes, ATTEMPTS, breakers, counted=counted, killed=killed)
    return DemoResult(essays=essays, outcomes=outcomes, vendors=books, seconds=1.5)


def printed(shown: DemoResult, *, width: int = WIDTH) -> str:
    """What a pipe gets."""
    out = io.StringIO()
    say(Console(file=out, width=width, highlight=False, markup=False), *report(shown))
    return out.getvalue()


def cells(text: str, first: str) -> list[str]:
    """The words of the line that begins with *first*."""
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [first])


def test_the_ranking_stands_beside_the_intended_one() -> None:
    text = printed(result(VERDICTS, counted=COUNTED))
    place, name, score, error, won, played, intended = cells(text, "1")
    assert (place, name, won, played, intended) == ("1", "ann", "4", "4", "1")
    assert score.startswith("+")
    assert float(error) > 0
    assert "Rank correlation with the intended order:" in text
    assert "Swapping the order changed the verdict in 1 of 3 pairs; the essay shown first won 4 of 6 times." in text


def test_books_that_match_say_so() -> None:
    shown = result(VERDICTS, counted=COUNTED, killed="openai")
    text = printed(shown)
    assert shown.books_agree
    assert "The books match: the vendors counted the calls that the gateway's /metrics say it sent." in text
    assert "openai (killed)" in text
    assert "Failed attempts at openai: 1 connection lost." in text
    assert "0 of 6 comparisons failed for the caller: nobody noticed." in text


def test_a_call_that_never_reached_the_killed_vendor_is_explained() -> None:
    shown = result(VERDICTS, counted={"anthropic": 4, "openai": 2}, killed="openai")
    assert shown.books_agree
    assert "may not have reached it" in printed(shown)


def test_books_that_do_not_match_say_so() -> None:
    shown = result(VERDICTS, counted={"anthropic": 5, "openai": 3}, killed="openai")
    assert not shown.books_agree
    assert "do NOT match" in printed(shown)


def test_without_the_vendors_own_counts_nothing_is_claimed() -> None:
    text = printed(result(VERDICTS, counted={}))
    assert "match" not in text
    assert "other callers' included" in text


def test_without_the_gateways_count_failed_and_sent_are_unknown_and_the_ranking_is_there() -> None:
    books = vendor_books(VERDICTS, None, CircuitBreakerList(circuit_breakers=[]), counted={}, killed=None)
    text = printed(DemoResult(essays=THREE, outcomes=VERDICTS, vendors=books, seconds=1.5), width=80)
    assert cells(text, "1")[1] == "ann"
    assert cells(text, "openai").count("unknown") == 2
    assert "Failed and sent: unknown" in text


def test_failed_comparisons_are_counted_with_their_reasons() -> None:
    shown = result([*VERDICTS, failure(), failure(), failure("no connection")], counted=COUNTED, killed="openai")
    text = printed(shown)
    assert shown.failed == 3
    assert "2 x 503 SERVICE_UNAVAILABLE: nobody answered" in text
    assert "3 of 9 comparisons failed for the caller. " in text


def test_without_any_verdict_there_is_no_ranking() -> None:
    text = printed(result([failure()], counted=COUNTED))
    assert "Ranking" not in text
    assert "1 of 1 comparisons failed for the caller." in text


def test_cached_answers_are_named_and_not_paid_again() -> None:
    text = printed(result([outcome(), outcome(1, 0, cached=True)], counted={}))
    assert "1 of 2 answers came from the gateway's cache and cost nothing." in text
    assert cells(text, "all")[:4] == ["all", "100", "10", "0.001"]


def test_an_order_that_nobody_intended_is_not_shown() -> None:
    essays = EssaySet(question="Why?", essays=THREE.essays, intended=[])
    assert "intended" not in printed(result(VERDICTS, counted=COUNTED, essays=essays))


@pytest.mark.parametrize("width", [80, WIDTH])
def test_the_report_is_plain_and_fits_the_terminal(width: int) -> None:
    text = printed(result([*VERDICTS, failure()], counted=COUNTED, killed="openai"), width=width)
    assert "\x1b" not in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
