"""What a soak found, and whether that is as it should be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.soak.books import FrontBooks, VendorBooks
from tests.soak.callers import Tally
from tests.soak.vitals import Growth, Rest, Sample, growth, leaks

MEBIBYTE = 1024 * 1024
MOST_RISE_BYTES = 3 * MEBIBYTE
"""Of resident memory over the second half; how it was chosen is on the page that is written of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much: `minutes` of load, calm at both ends included, with `rate` bursts a second on average."""

    minutes: float
    seed: int = 1
    rate: float = 40.0
    warm_up_seconds: float = 3.0
    settle_seconds: float = 5.0
    proof_seconds: float = 4.0

    @property
    def storm_seconds(self) -> float:
        """How long things go wrong."""
        return max(1.0, 60 * self.minutes - self.warm_up_seconds - self.settle_seconds - self.proof_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """What was seen when all was over: questions that had to be answered, health, the wave that takes every slot."""

    asked: int
    unanswered: Sequence[str]
    health: str
    redis_available: bool
    not_closed: Sequence[str]
    wave: Counter[int]
    wave_waited: float
    wave_peak: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything; `commit` is what was checked out when it began, `ended_early` says that somebody stopped it."""

    extent: Extent
    commit: str
    began: datetime
    seconds: float
    ended_early: bool
    played: Counter[str]
    tally: Tally
    front: FrontBooks
    vendors: Sequence[VendorBooks]
    calm: Calm
    before: Rest
    after: Rest
    pools: Mapping[str, int]
    samples: Sequence[Sample]
    log: str
    health_failures: Sequence[str]

    @property
    def growth(self) -> Growth | None:
        """Of resident memory over the second half; `None` where that was too short to say."""
        return growth(self.samples)

    def problems(self) -> list[str]:
        """What must not be."""
        return list(self._problems())

    def _problems(self) -> Iterator[str]:
        yield from self.front.problems()
        for vendor in self.vendors:
            yield from vendor.problems()
        yield from (f"{n} × {text}" for text, n in self.tally.wrong.items())
        yield from self.tally.lost[:20]
        yield from self.health_failures[:20]
        yield from self._about_the_calm()
        yield from leaks(self.before, self.after, self.pools)
        if self.growth is not None and self.growth.rise > MOST_RISE_BYTES:
            yield f"memory rose by {self.growth.rise / MEBIBYTE:.1f} MiB over the second half"
        yield from (f"{n} × the log says {event}" for event, n in log_errors(self.log).items())

    def _about_the_calm(self) -> Iterator[str]:
        calm = self.calm
        yield from (f"in the calm: {text}" for text in calm.unanswered[:20])
        if (calm.health, calm.redis_available) != ("healthy", True):
            yield f"in the calm: {calm.health}, Redis {'there' if calm.redis_available else 'away'}"
        yield from (f"in the calm: breaker {name}" for name in calm.not_closed)
        size = calm.wave.total()
        if calm.wave != {200: size} or calm.wave_waited or calm.wave_peak != size:
            yield (
                f"the last wave of {size}: answers {dict(calm.wave)}, {calm.wave_waited:g} waited for a slot, "
                f"{calm.wave_peak:g} calls at one moment"
            )


def log_errors(log: str) -> Counter[str]:
    """Events of level error in a service's log; what calls an operator because of a vendor is not one of ours."""
    found: Counter[str] = Counter()
    for line in log.splitlines():
        event = json.loads(line) if line.startswith("{") else {"event": line[:200], "level": "error"}
        if event.get("level") in {"error", "critical"} and not event.get("alert"):
            found[event["event"]] += 1
    return found
