"""Sums up the demo: outcomes, the gateway's /metrics and the vendors' own counts become one summary. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from prometheus_client.parser import text_string_to_metric_families

from common_core.llm_attempts import AttemptOutcome
from common_core.llm_contracts import LLMComparisonResponse, ResultFlag
from common_core.llm_status_contracts import CircuitBreakerList
from common_core.observability_enums import CircuitBreakerState
from services.llm_provider_service.metrics import PREFIX
from services.llm_provider_service.tools.demo_client import Outcome

Attempts = Mapping[tuple[str, str], int]
"""Number of attempts by (provider, outcome)."""

NEVER_ARRIVED = frozenset({AttemptOutcome.NOT_SENT, AttemptOutcome.CONNECT_FAILED})
PERHAPS_ARRIVED = frozenset({AttemptOutcome.CONNECTION_LOST, AttemptOutcome.TIMED_OUT, AttemptOutcome.CANCELLED})
_WORST_FIRST = (CircuitBreakerState.OPEN, CircuitBreakerState.HALF_OPEN, CircuitBreakerState.CLOSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Tokens and cost of paid answers; `usd` is an exact sum without the `unpriced` answers."""

    prompt_tokens: int
    completion_tokens: int
    usd: Decimal
    unpriced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds that callers waited, by nearest rank."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorBooks:
    """The counts of one vendor; `counted` is the vendor's own count (`None` if it cannot be asked).

    `attempts` come from the gateway's /metrics; `None` if they cannot be read.
    """

    provider: str
    answered: int
    stood_in: int
    cached: int
    attempts: Mapping[str, int] | None
    breaker: str
    counted: int | None
    killed: bool
    spending: Spending
    latency: Latency | None

    @property
    def failed(self) -> dict[str, int] | None:
        """Returns attempts without an accepted answer, by outcome."""
        if self.attempts is None:
            return None
        return {outcome: n for outcome, n in self.attempts.items() if outcome != AttemptOutcome.SUCCESS}

    @property
    def sent(self) -> int | None:
        """Number of attempts that were sent to the vendor over a connection."""
        if self.attempts is None:
            return None
        return sum(n for outcome, n in self.attempts.items() if outcome not in NEVER_ARRIVED)

    @property
    def agrees(self) -> bool | None:
        """Returns whether both sides counted the same calls; `None` if only one side counted.

        A call that broke off when the vendor was killed may not have reached it: it is in `sent`, but maybe not in
        `counted`.
        """
        if self.counted is None or self.sent is None or self.attempts is None:
            return None
        unsure = sum(n for outcome, n in self.attempts.items() if outcome in PERHAPS_ARRIVED) if self.killed else 0
        return self.sent - unsure <= self.counted <= self.sent


def attempts_in(metrics_text: str) -> dict[tuple[str, str], int]:
    """Returns the attempts on a /metrics page, by provider and outcome; raises ValueError for another page."""
    name = f"{PREFIX}_attempts"
    try:
        families = {family.name: family for family in text_string_to_metric_families(metrics_text)}
    except (ValueError, IndexError):  # what the parser raises for text that it cannot read
        families = {}
    if name not in families:
        raise ValueError("these are not the gateway's metrics")
    return {
        (sample.labels["provider"], sample.labels["outcome"]): int(sample.value)
        for sample in families[name].samples
        if sample.name == f"{name}_total"
    }


def since(before: Attempts | None, after: Attempts | None) -> dict[tuple[str, str], int] | None:
    """Returns the difference of two readings; None if one is unknown."""
    if before is None or after is None:
        return None
    return {key: n - before.get(key, 0) for key, n in after.items() if n > before.get(key, 0)}


def vendor_books(
    outcomes: Sequence[Outcome],
    attempts: Attempts | None,
    breakers: CircuitBreakerList,
    *,
    counted: Mapping[str, int],
    killed: str | None,
) -> list[VendorBooks]:
    """Returns one entry for each vendor that was asked, answered or counted, in alphabetical order."""
    by_provider: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.answer is not None:
            by_provider[outcome.answer.provider].append(outcome)
    names = {*by_provider, *counted, *(provider for provider, _ in attempts or {})}
    return [
        _books_of(
            name,
            by_provider[name],
            attempts=_of(name, attempts),
            breaker=_worst(row.state for row in breakers.circuit_breakers if row.provider == name),
            counted=counted.get(name),
            killed=name == killed,
        )
        for name in sorted(names)
    ]


def _of(name: str, attempts: Attempts | None) -> dict[str, int] | None:
    if attempts is None:
        return None
    return {outcome: n for (provider, outcome), n in attempts.items() if provider == name}


def _books_of(
    provider: str,
    outcomes: Sequence[Outcome],
    *,
    attempts: Mapping[str, int] | None,
    breaker: str,
    counted: int | None,
    killed: bool,
) -> VendorBooks:
    fresh = [outcome for outcome in outcomes if outcome.answer and not outcome.answer.cached]
    answers = [outcome.answer for outcome in fresh if outcome.answer]
    return VendorBooks(
        provider=provider,
        answered=len(fresh),
        stood_in=sum(ResultFlag.FALLBACK_USED in answer.flags for answer in answers),
        cached=len(outcomes) - len(fresh),
        attempts=attempts,
        breaker=breaker,
        counted=counted,
        killed=killed,
        spending=spending(answers),
        latency=latency([outcome.seconds for outcome in fresh]),
    )


def spending(answers: Iterable[LLMComparisonResponse]) -> Spending:
    """Returns the sum for *answers*; an unknown number of tokens counts as 0."""
    bought = list(answers)
    prices = [answer.cost_usd for answer in bought]
    return Spending(
        prompt_tokens=sum(answer.token_usage.prompt_tokens or 0 for answer in bought),
        completion_tokens=sum(answer.token_usage.completion_tokens or 0 for answer in bought),
        usd=sum((Decimal(price) for price in prices if price is not None), Decimal(0)),
        unpriced=prices.count(None),
    )


def latency(seconds: Sequence[float]) -> Latency | None:
    """Returns percentiles in milliseconds; `None` without any value."""
    if not seconds:
        return None
    waits = sorted(1000 * second for second in seconds)

    def at(share: float) -> float:
        return waits[max(0, ceil(share * len(waits)) - 1)]

    return Latency(p50=at(0.50), p95=at(0.95), p99=at(0.99))


def problems(outcomes: Iterable[Outcome]) -> Counter[str]:
    """Returns why comparisons failed, and how often."""
    return Counter(outcome.problem for outcome in outcomes if outcome.problem is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEffect:
    """Of `pairs` judged in both orders, `changed` changed the winner; the first essay won `first_won` of `judged`."""

    pairs: int
    changed: int
    judged: int
    first_won: int


def order_effect(outcomes: Iterable[Outcome]) -> OrderEffect:
    """Returns how much the order of the essays mattered."""
    winners: defaultdict[frozenset[int], list[int]] = defaultdict(list)
    first_won = 0
    for outcome in outcomes:
        if outcome.victory is not None:
            winners[frozenset(outcome.victory)].append(outcome.victory[0])
            first_won += outcome.victory[0] == outcome.duel.first
    both = [pair for pair in winners.values() if len(pair) > 1]
    return OrderEffect(
        pairs=len(both),
        changed=sum(len(set(pair)) > 1 for pair in both),
        judged=sum(map(len, winners.values())),
        first_won=first_won,
    )


def _worst(states: Iterable[CircuitBreakerState]) -> str:
    found = set(states)
    return next((state.value for state in _WORST_FIRST if state in found), "")
