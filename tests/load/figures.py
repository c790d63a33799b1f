"""What was measured, what it has to reach, and how rounds become one figure: medians, of ratios within a round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median, quantiles


class Subject(StrEnum):
    """Whose CPU is measured."""

    BARE = "bare pass-through"
    MISS = "service, cache miss"
    MISS_CONNECTED = "service, cache miss, Redis and 1 % traces"
    HIT = "service, cache hit"
    HIT_REDIS = "service, hit from Redis"
    NGINX = "nginx, plain proxy"


OVER_BARE = (
    ("a miss", Subject.MISS, 1.5),
    ("a miss, with Redis and 1 % traces", Subject.MISS_CONNECTED, 1.75),
    ("a hit", Subject.HIT, 0.55),
    ("a hit from Redis", Subject.HIT_REDIS, 1.0),
)


# Far above what is reached, because other work on the machine raises it: this finds an accident, not a trend.
MISS_CEILING = 6.0


@dataclass(frozen=True, slots=True)
class Tail:
    """Milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Tail:
        """Of at least two answers."""
        cuts = quantiles(seconds, n=100, method="inclusive")
        return cls(1000 * median(seconds), 1000 * cuts[98])


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One figure that has to be reached."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def reached(self) -> bool:
        """Whether it was."""
        return self.value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run: CPU microseconds per request and added milliseconds for each round, the rest for each start.

    `disturbance` is the share of time, for each round and subject, in which other work had the server's core.
    """

    cpu: Mapping[Subject, Sequence[float]]
    disturbance: Sequence[float]
    added_by_service: Sequence[Tail]
    added_by_bare: Sequence[Tail]
    direct: Sequence[Tail]
    resident_mib: Sequence[float]
    ready_seconds: Sequence[float]
    second_worker: Goal

    def micros(self, subject: Subject) -> float:
        """CPU microseconds per request."""
        return median(self.cpu[subject])

    def ratio(self, subject: Subject) -> float:
        """*subject* over the bare pass-through, compared within each round."""
        rounds = zip(self.cpu[subject], self.cpu[Subject.BARE], strict=True)
        return median(one / bare for one, bare in rounds)

    def spread(self, subject: Subject) -> tuple[float, float]:
        """The lowest and the highest round."""
        return min(self.cpu[subject]), max(self.cpu[subject])

    def goals(self) -> tuple[Goal, ...]:
        """What a miss, a hit, an added wait, an idle process and a start may cost."""
        added = middle(self.added_by_service)
        return (
            *(self._over_bare(*goal) for goal in OVER_BARE),
            Goal(name="added latency, p50", value=added.p50, limit=1.5, unit="ms"),
            Goal(name="added latency, p99", value=added.p99, limit=5.0, unit="ms"),
            Goal(name="resident memory, idle", value=median(self.resident_mib), limit=120.0, unit="MiB"),
            Goal(name="ready after start", value=median(self.ready_seconds), limit=2.0, unit="s"),
            self.second_worker,
        )

    def accidents(self) -> list[str]:
        """What no other work on the machine explains: something in the code is much too slow."""
        found = {
            f"a miss costs {self.ratio(Subject.MISS):.1f} times a bare pass-through": Subject.MISS,
            f"a miss with Redis costs {self.ratio(Subject.MISS_CONNECTED):.1f} times": Subject.MISS_CONNECTED,
        }
        accidents = [text for text, subject in found.items() if self.ratio(subject) >= MISS_CEILING]
        if self.ratio(Subject.HIT) >= self.ratio(Subject.MISS):
            accidents.append("a hit costs as much as a miss")
        if self.ratio(Subject.HIT_REDIS) >= self.ratio(Subject.MISS_CONNECTED):
            accidents.append("a hit from Redis costs as much as a miss")
        if not self.second_worker.reached:
            accidents.append(f"{self.second_worker.name}: {self.second_worker.value:.2f} times")
        return accidents

    def _over_bare(self, what: str, subject: Subject, limit: float) -> Goal:
        return Goal(name=f"{what}, over the bare pass-through", value=self.ratio(subject), limit=limit, unit="×")


def added(through: Tail, direct: Tail) -> Tail:
    """What *through* took longer than *direct* in the same round."""
    return Tail(through.p50 - direct.p50, through.p99 - direct.p99)


def middle(rounds: Sequence[Tail]) -> Tail:
    """The median of each percentile over all rounds."""
    return Tail(median(one.p50 for one in rounds), median(one.p99 for one in rounds))
