"""The two comparisons at the end of a soak, as pure arithmetic: requests and answers, attempts and calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from common_core.llm_attempts import AttemptOutcome
from services.llm_provider_service.metrics import PREFIX
from services.llm_provider_service.tools.demo_summary import NEVER_ARRIVED, PERHAPS_ARRIVED

PATH = "/api/v1/comparison"
HUNG_UP = "499"
# What the gateway must call an attempt that the simulator answered like this, unless it was broken off.
_MEANING: Mapping[str, AttemptOutcome] = {
    "success": AttemptOutcome.SUCCESS,
    "status-429": AttemptOutcome.RATE_LIMITED,
    "status-503": AttemptOutcome.SERVER_ERROR,
    "anthropic-overloaded": AttemptOutcome.OVERLOADED,
    "status-401": AttemptOutcome.AUTHENTICATION_FAILED,
    "html": AttemptOutcome.BAD_RESPONSE,
    "truncated-json": AttemptOutcome.BAD_RESPONSE,
    "prose": AttemptOutcome.REJECTED,
    "max-tokens": AttemptOutcome.OUTPUT_TRUNCATED,
    "refusal": AttemptOutcome.CONTENT_REFUSED,
}
_MEANING_AT: Mapping[tuple[str, str], AttemptOutcome] = {("google", "status-503"): AttemptOutcome.OVERLOADED}
_BROKEN_OFF = frozenset({"unread", "hang", "hang-body", "drip", "cut", "cut-half"})


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorBooks:
    """One vendor: the gateway's attempts by outcome, the vendor's calls by what it did with them.

    `unsure` attempts were broken off while the vendor was killed or paused: it may never have read those.
    """

    provider: str
    attempts: Mapping[str, int]
    calls: Mapping[str, int]
    unsure: int = 0
    by_outcome: bool = True

    @property
    def sent(self) -> int:
        """Attempts that left over a connection."""
        return sum(n for outcome, n in self.attempts.items() if outcome not in NEVER_ARRIVED)

    @property
    def counted(self) -> int:
        """Calls that the vendor has seen."""
        return sum(self.calls.values())

    def problems(self) -> Iterator[str]:
        """Where the two do not agree."""
        unread = self.sent - self.counted
        if not 0 <= unread <= self.unsure:
            yield f"{self.provider}: {self.sent} attempts were sent, {self.counted} calls counted"
        if self.by_outcome:
            yield from self._contradictions()

    def _contradictions(self) -> Iterator[str]:
        """What a vendor said can only be lost on the way, never become more or something else."""
        said: Counter[str] = Counter()
        for scenario, n in self.calls.items():
            meaning = _MEANING_AT.get((self.provider, scenario), _MEANING.get(scenario))
            if meaning is not None:
                said[meaning] += n
            elif scenario not in _BROKEN_OFF:
                yield f"{self.provider}: {n} calls ended as {scenario}, which nobody asked for"
        for outcome, n in self.attempts.items():
            definite = outcome not in NEVER_ARRIVED | PERHAPS_ARRIVED
            if definite and n > said[outcome]:
                yield f"{self.provider}: {n} attempts ended as {outcome}, the vendor said so {said[outcome]} times"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontBooks:
    """What callers sent and got, beside what the gateway counted at its own door; statuses as text."""

    sent: int
    answered: Mapping[str, int]
    hung_up: int
    lost: int
    counted: Mapping[str, int]

    def problems(self) -> Iterator[str]:
        """Where the two do not agree; a caller who hung up may have been answered in the same moment."""
        if self.lost:
            yield f"{self.lost} requests got no answer"
        if self.sent != sum(self.answered.values()) + self.hung_up + self.lost:
            yield f"{self.sent} requests, but {sum(self.answered.values())} answers and {self.hung_up} who hung up"
        if sum(self.counted.values()) != self.sent:
            yield f"{self.sent} requests were sent, the gateway counted {sum(self.counted.values())}"
        for status in sorted({*self.answered, *self.counted} - {HUNG_UP}):
            more = self.counted.get(status, 0) - self.answered.get(status, 0)
            if not 0 <= more <= self.hung_up:
                yield f"status {status}: {self.answered.get(status, 0)} answers, {self.counted.get(status, 0)} counted"


def answers_in(metrics_text: str) -> dict[str, int]:
    """Answers to comparisons by status, as a /metrics page counts them."""
    found: Counter[str] = Counter()
    for labels, value in series(metrics_text, "http_requests_total"):
        if labels["endpoint"] == PATH:
            found[labels["status_code"]] += round(value)
    return dict(found)


def series(metrics_text: str, name: str) -> Iterator[tuple[Mapping[str, str], float]]:
    """Labels and value of every series called *name*, without the common prefix."""
    wanted = f"{PREFIX}_{name}"
    for family in text_string_to_metric_families(metrics_text):
        for sample in family.samples:
            if sample.name == wanted:
                yield sample.labels, sample.value
