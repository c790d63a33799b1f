"""Single flight: identical requests that run at the same time share one answer."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.llm_provider_service.resilience.deadline import Deadline

Key = TypeVar("Key", bound=Hashable)
Returned = TypeVar("Returned")

LANDINGS_KEPT = 1024


@dataclass(frozen=True, slots=True)
class _Answered(Generic[Returned]):
    answer: Returned


@dataclass(frozen=True, slots=True)
class _Failed:
    failure: Exception


class _LeadNow:
    """The message to a follower that becomes the leader."""


_Word = _Answered[Returned] | _Failed | _LeadNow
_Followers = dict["Future[_Word[Returned]]", None]


class SingleFlight(Generic[Key, Returned]):
    """Of the requests with one key that run at the same time, the first leads and the others follow.

    If the leader is cancelled, or fails for a reason of its own (*promotes* returns true: its deadline, its client),
    the follower that came first becomes the leader. Any other failure is also the failure of every follower. A follower
    that leaves does not affect the others.
    """

    def __init__(self, *, promotes: Callable[[Exception], bool] = lambda failure: False) -> None:
        self._promotes = promotes
        self._flights: dict[Key, _Followers[Returned]] = {}
        self._coalesced = 0
        self.landed = 0
        self._landings: OrderedDict[Key, int] = OrderedDict()

    @property
    def coalesced(self) -> int:
        """Number of requests that were answered by another request's call, since the start."""
        return self._coalesced

    def has_landed(self, key: Key | None, *, since: int) -> bool:
        """Returns whether a flight of *key* ended with an answer after `landed` was *since*.

        It remembers the last 1,024 keys.
        """
        return key is not None and self._landings.get(key, 0) > since

    @property
    def running(self) -> int:
        """Number of keys that have a leader now."""
        return len(self._flights)

    async def run(
        self, key: Key | None, lead: Callable[[], Awaitable[Returned]], deadline: Deadline
    ) -> tuple[Returned, bool]:
        """Returns the answer, and whether it came from another request; a key of `None` is never shared.

        A leader must check its own deadline inside *lead*. *deadline* limits only the wait for another leader; then
        this raises TimeoutError. A leader's failure reaches each follower as a copy.
        """
        if key is None:
            return await lead(), False
        followers = self._flights.get(key)
        if followers is None:
            followers = self._flights[key] = {}
        else:
            word = await self._wait(key, followers, deadline)
            if isinstance(word, _Answered):
                self._coalesced += 1
                return word.answer, True
            if isinstance(word, _Failed):
                raise _copy(word.failure)
        try:
            answer = await lead()
        except Exception as exc:  # any failure must reach the followers, or they would wait for ever
            if self._promotes(exc):
                self._hand_over(key, followers)
            else:
                self._end(key, followers, _Failed(exc))
            raise
        except BaseException:  # CancelledError above all
            self._hand_over(key, followers)
            raise
        self._note_landing(key)
        self._end(key, followers, _Answered(answer))
        return answer, False

    def _note_landing(self, key: Key) -> None:
        self.landed += 1
        self._landings[key] = self.landed
        self._landings.move_to_end(key)
        if len(self._landings) > LANDINGS_KEPT:
            self._landings.popitem(last=False)

    async def _wait(self, key: Key, followers: _Followers[Returned], deadline: Deadline) -> _Word[Returned]:
        follower: Future[_Word[Returned]] = asyncio.get_running_loop().create_future()
        followers[follower] = None
        heard = False
        try:
            async with asyncio.timeout(deadline.remaining()):
                word = await follower
            heard = True
            return word
        finally:
            if not heard:
                self._leave(key, followers, follower)

    def _leave(self, key: Key, followers: _Followers[Returned], follower: Future[_Word[Returned]]) -> None:
        """Remove the follower; if it was made leader at the same moment, the next follower becomes leader."""
        followers.pop(follower, None)
        if follower.done() and not follower.cancelled() and isinstance(follower.result(), _LeadNow):
            self._hand_over(key, followers)

    def _hand_over(self, key: Key, followers: _Followers[Returned]) -> None:
        while followers:
            follower = next(iter(followers))
            del followers[follower]
            if not follower.done():
                follower.set_result(_LeadNow())
                return
        del self._flights[key]

    def _end(self, key: Key, followers: _Followers[Returned], word: _Answered[Returned] | _Failed) -> None:
        del self._flights[key]
        for follower in followers:
            if not follower.done():
                follower.set_result(word)
        followers.clear()


def _copy(failure: Exception) -> Exception:
    """Returns the same failure without its traceback: one instance raised in many tasks would collect all their frames.

    It is made without `__init__`, because subclasses have their own parameters.
    """
    copy = type(failure).__new__(type(failure), *failure.args)
    copy.__dict__.update(failure.__dict__)
    copy.__cause__ = failure.__cause__
    return copy
