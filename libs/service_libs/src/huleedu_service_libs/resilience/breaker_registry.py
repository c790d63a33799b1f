"""Keeps one circuit breaker per key, in bounded memory, because keys (model names) come from callers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Generic, TypeVar

from common_core.observability_enums import CircuitBreakerState
from huleedu_service_libs.resilience.circuit_breaker import BreakerPolicy, BreakerSnapshot, CircuitBreaker, Transition

Key = TypeVar("Key", bound=Hashable)


class CircuitBreakerRegistry(Generic[Key]):
    """Holds one breaker per key. Ask for it at each request: a breaker that you keep may have been evicted.

    At *capacity* a breaker is evicted: the least recently used one that is closed without a failure in its window, else
    the least recently used closed one, else the least recently used of all. With `enabled=False` breakers count but
    never open. *on_transition* gets the key as well, because the breaker's name is only text.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        on_transition: Callable[[Key, Transition], None] | None = None,
        enabled: bool = True,
        capacity: int = 1000,
    ) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._clock = clock
        self._jitter = jitter
        self._on_transition = on_transition
        self._enabled = enabled
        self._capacity = capacity
        self._breakers: OrderedDict[Key, CircuitBreaker] = OrderedDict()
        self.not_closed: set[Key] = set()

    def get(self, key: Key, policy: BreakerPolicy) -> CircuitBreaker:
        """Returns the breaker of *key*; creates it with *policy* if there is none. An existing one keeps its policy."""
        breaker = self._breakers.get(key)
        if breaker is None:
            return self._create(key, policy)
        self._breakers.move_to_end(key)
        return breaker

    def snapshots(self) -> dict[Key, BreakerSnapshot]:
        """Returns snapshots of all breakers, least recently used first; this does not count as use."""
        return {key: breaker.snapshot() for key, breaker in self._breakers.items()}

    def _create(self, key: Key, policy: BreakerPolicy) -> CircuitBreaker:
        if len(self._breakers) >= self._capacity:
            self._evict(self._most_dispensable())
        breaker = CircuitBreaker(
            str(key),
            policy if self._enabled else replace(policy, enabled=False),
            clock=self._clock,
            jitter=self._jitter,
            on_transition=partial(self._moved, key),
        )
        self._breakers[key] = breaker
        return breaker

    def _moved(self, key: Key, transition: Transition) -> None:
        if transition.current is CircuitBreakerState.CLOSED:
            self.not_closed.discard(key)
        else:
            self.not_closed.add(key)
        if self._on_transition is not None:
            self._on_transition(key, transition)

    def _evict(self, key: Key) -> None:
        del self._breakers[key]
        self.not_closed.discard(key)

    def _most_dispensable(self) -> Key:
        clean = (key for key in self._closed() if not self._breakers[key].has_failures())
        return next(chain(clean, self._closed(), self._breakers))

    def _closed(self) -> Iterator[Key]:
        return (key for key, breaker in self._breakers.items() if breaker.state is CircuitBreakerState.CLOSED)
