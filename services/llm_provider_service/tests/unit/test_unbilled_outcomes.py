"""The table of outcomes, which clients read, and the table of failures say the same of who charges."""

from __future__ import annotations

from collections.abc import Iterator

from common_core.llm_attempts import AttemptOutcome, Billed, may_be_billed
from services.llm_provider_service.domain.failures import ServerError
from services.llm_provider_service.domain.not_sent import NotSent
from services.llm_provider_service.domain.provider_failure import ProviderFailure
from services.llm_provider_service.domain.usage import Usage

# What an attempt can end with that is no failure of the vendor's.
NO_FAILURES = {AttemptOutcome.SUCCESS, AttemptOutcome.CANCELLED, AttemptOutcome.BROKEN_OFF}


def failures(kind: type[ProviderFailure] = ProviderFailure) -> Iterator[type[ProviderFailure]]:
    """Every class below *kind*."""
    for below in kind.__subclasses__():
        yield below
        yield from failures(below)


def test_every_outcome_but_these_is_that_of_a_failure() -> None:
    found = [kind for kind in failures() if kind.__subclasses__() == [] or "outcome" in vars(kind)]
    assert NotSent in found
    assert {kind.outcome for kind in found} == set(AttemptOutcome) - NO_FAILURES


def test_a_failure_never_costs_more_than_its_outcome_says() -> None:
    """A client knows the outcome alone: what may be charged must not have an outcome that is never charged."""
    found = [kind for kind in failures() if hasattr(kind, "outcome")]
    assert [kind for kind in found if kind.billed is not Billed.NO and not may_be_billed(kind.outcome)] == []


def test_a_failure_that_broke_an_answer_off_may_be_billed() -> None:
    usage = Usage(input_tokens=100, output_tokens=50)
    failure = ServerError("trouble").as_broken_off(usage, served_model=None)
    assert (failure.billed, failure.usage) == (Billed.UNKNOWN, usage)
    assert may_be_billed(failure.outcome)
    assert not may_be_billed(ServerError("another").outcome)


def test_what_is_not_known_may_be_billed() -> None:
    assert may_be_billed("an_outcome_of_tomorrow")
    assert {outcome for outcome in AttemptOutcome if not may_be_billed(outcome)} == {
        outcome for outcome in AttemptOutcome if outcome.billed is Billed.NO
    }
