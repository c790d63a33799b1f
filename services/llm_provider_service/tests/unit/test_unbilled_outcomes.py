"""What the contract calls unbilled is what the failures say of themselves."""

from __future__ import annotations

from collections.abc import Iterator

from common_core.llm_contracts import UNBILLED_OUTCOMES
from services.llm_provider_service.domain.attempt import AttemptOutcome
from services.llm_provider_service.domain.failure_policy import Billed
from services.llm_provider_service.domain.failures import (
    ProviderFailure,
    ServerError,
)
from services.llm_provider_service.domain.not_sent import NotSent
from services.llm_provider_service.domain.usage import Usage


def failures(kind: type[ProviderFailure] = ProviderFailure) -> Iterator[type[ProviderFailure]]:
    """Every class below *kind*."""
    for below in kind.__subclasses__():
        yield below
        yield from failures(below)


def test_every_unbilled_outcome_is_one_of_ours() -> None:
    assert set(UNBILLED_OUTCOMES) <= set(AttemptOutcome)


def test_no_failure_that_may_be_billed_has_an_unbilled_outcome() -> None:
    found = list(failures())
    assert NotSent in found
    assert [kind for kind in found if kind.billed is not Billed.NO and kind.outcome in UNBILLED_OUTCOMES] == []


def test_a_failure_that_broke_an_answer_off_has_no_unbilled_outcome() -> None:
    usage = Usage(input_tokens=100, output_tokens=50)
    failure = ServerError("trouble").that_broke_off(usage, served_model=None)
    assert (failure.billed, failure.usage) == (Billed.UNKNOWN, usage)
    assert failure.outcome not in UNBILLED_OUTCOMES
    assert ServerError("another").outcome in UNBILLED_OUTCOMES


def test_an_outcome_that_is_missing_is_one_that_may_be_billed() -> None:
    perhaps = {kind.outcome for kind in failures() if kind.billed is not Billed.NO}
    own = {AttemptOutcome.SUCCESS, AttemptOutcome.CANCELLED, AttemptOutcome.BROKEN_OFF}
    assert set(AttemptOutcome) - set(UNBILLED_OUTCOMES) == perhaps | own
