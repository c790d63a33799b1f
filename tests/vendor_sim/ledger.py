"""The billing oracle: what arrived, who answered, what it cost in tokens. Counters are exact and unbounded in time;
the list of calls is bounded."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.vendor_sim.journal import Journal
from tests.vendor_sim.values import Tokens
from tests.vendor_sim.vendors import Vendor

CALLS_KEPT = 20_000
BODIES_KEPT = 2_000
SECRET_HEADERS = frozenset({"authorization", "x-api-key", "x-goog-api-key"})


def fingerprint(key: str) -> str:
    """A stable name for *key*, so that a test can say which key arrived without the key being kept."""
    return "key:" + hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """Header names in lower case; keys are replaced by their fingerprints."""
    return {name.lower(): _mask(name.lower(), value) for name, value in headers.items()}


def _mask(name: str, value: str) -> str:
    return fingerprint(value.removeprefix("Bearer ")) if name in SECRET_HEADERS else value


@dataclass(slots=True, kw_only=True)
class Call:
    """One call that reached us. `at` is in seconds of the simulator's clock; `connection` is the client's port.

    `status` is what was sent (0: no status line went out); `billed` is `None` when the vendor charges nothing;
    `client_left` says that the client was gone before we were done with it.
    """

    number: int
    at: float
    vendor: Vendor
    path: str
    query: str
    headers: Mapping[str, str]
    connection: int
    model: str = ""
    scenario: str = "unread"
    body: Mapping[str, Any] | None = None
    violations: tuple[str, ...] = ()
    status: int = 0
    billed: Tokens | None = None
    client_left: bool = False
    ended_at: float | None = None

    @property
    def key(self) -> str | None:
        """The fingerprint of the key that arrived."""
        return next((self.headers[name] for name in sorted(SECRET_HEADERS & self.headers.keys())), None)


@dataclass(slots=True)
class Ledger:
    """All calls since the last reset; the *journal* knows no reset."""

    clock: Callable[[], float] = time.monotonic
    journal: Journal | None = None
    _calls: deque[Call] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))
    _with_body: deque[Call] = field(default_factory=deque)
    _counts: Counter[tuple[Vendor, str, str]] = field(default_factory=Counter)
    _billed: dict[tuple[Vendor, str], Tokens] = field(default_factory=dict)
    _in_flight: Counter[Vendor] = field(default_factory=Counter)
    _peak: Counter[Vendor] = field(default_factory=Counter)
    _number: int = 0

    def open(self, vendor: Vendor, *, path: str, query: str, headers: Mapping[str, str], connection: int) -> Call:
        """Count a call whose headers have arrived."""
        self._number += 1
        if self.journal is not None:
            self.journal.arrived(vendor)
        call = Call(
            number=self._number, at=self.clock(), vendor=vendor, path=path, query=query, headers=masked(headers),
            connection=connection,
        )  # fmt: skip
        self._calls.append(call)
        self._counts[self._key(call)] += 1
        self._in_flight[vendor] += 1
        self._peak[vendor] = max(self._peak[vendor], self._in_flight[vendor])
        return call

    def read(self, call: Call, *, model: str, body: Mapping[str, Any] | None) -> None:
        """The body has arrived; the oldest body kept is dropped."""
        self._move(call, model=model, scenario=call.scenario)
        call.body = body
        self._with_body.append(call)
        if len(self._with_body) > BODIES_KEPT:
            self._with_body.popleft().body = None

    def decide(self, call: Call, scenario: str) -> None:
        """It is known how the call will be answered."""
        if self.journal is not None:
            self.journal.decided(call.vendor, scenario)
        self._move(call, model=call.model, scenario=scenario)

    def bill(self, call: Call, tokens: Tokens) -> None:
        """The vendor has done the work and charges for it, whether or not the answer arrives."""
        call.billed = tokens
        key = (call.vendor, call.model)
        self._billed[key] = self._billed.get(key, Tokens()) + tokens

    def close(self, call: Call) -> None:
        """The simulator is done with the call."""
        call.ended_at = self.clock()
        if self._in_flight[call.vendor]:
            self._in_flight[call.vendor] -= 1

    def calls(self, vendor: str | None = None, model: str | None = None, scenario: str | None = None) -> list[Call]:
        """The last calls, oldest first."""
        return [c for c in self._calls if _fits((c.vendor, c.model, c.scenario), (vendor, model, scenario))]

    def count(self, vendor: str | None = None, model: str | None = None, scenario: str | None = None) -> int:
        """How many calls arrived, cut ones and refused ones included."""
        return sum(n for key, n in self._counts.items() if _fits(key, (vendor, model, scenario)))

    def counts(self) -> dict[tuple[Vendor, str, str], int]:
        """Calls by vendor, model and scenario."""
        return {key: n for key, n in self._counts.items() if n}

    def billed(self, vendor: str | None = None, model: str | None = None) -> Tokens:
        """All tokens charged."""
        sums = (tokens for key, tokens in self._billed.items() if _fits(key, (vendor, model)))
        return sum(sums, start=Tokens())

    def in_flight(self, vendor: str) -> int:
        """Calls that are being answered at this moment."""
        return self._in_flight[Vendor(vendor)]

    def max_in_flight(self, vendor: str) -> int:
        """The most calls that were ever being answered at one moment."""
        return self._peak[Vendor(vendor)]

    def violations(self) -> list[str]:
        """Everything in the calls kept that the real vendors would not have accepted."""
        return [f"{c.vendor} #{c.number} {c.model}: {text}" for c in self._calls for text in c.violations]

    def reset(self) -> None:
        """Forget everything but what is still in flight."""
        self._calls.clear()
        self._with_body.clear()
        self._counts.clear()
        self._billed.clear()
        self._peak = Counter(self._in_flight)

    def _move(self, call: Call, *, model: str, scenario: str) -> None:
        self._counts[self._key(call)] -= 1
        call.model, call.scenario = model, scenario
        self._counts[self._key(call)] += 1

    @staticmethod
    def _key(call: Call) -> tuple[Vendor, str, str]:
        return call.vendor, call.model, call.scenario


def _fits(key: tuple[str, ...], wanted: tuple[str | None, ...]) -> bool:
    return all(want is None or want == have for have, want in zip(key, wanted, strict=True))
