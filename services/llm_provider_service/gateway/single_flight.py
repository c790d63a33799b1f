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
    """Told to the follower that becomes the leader."""


_Word = _Answered[Returned] | _Failed | _LeadNow
_Followers = dict["Future[_Word[Returned]]", None]


class SingleFlight(Generic[Key, Returned]):
    """Of the requests with one key that run at the same time, the first leads and the others follow.

    A leader that is cancelled, or whose failure *promotes* (it is its own and says nothing about the request: its
    deadline, its client), hands the lead to the follower that came first; the others follow that one.
    Any other failure is every follower's failure too. A follower who leaves disturbs nobody.
    """

    def __init__(self, *, promotes: Callable[[Exception], bool] = lambda failure: False) -> None:
        self._promotes = promotes
        self._flights: dict[Key, _Followers[Returned]] = {}
        self._coalesced = 0
        self.landed = 0
        self._landings: OrderedDict[Key, int] = OrderedDict()

    @property
    def coalesced(self) -> int:
        """How many requests were answered by another's call, since the start."""
        return self._coalesced

    def has_landed(self, key: Key | None, *, since: int) -> bool:
        """Whether one with *key* has ended with an answer after `landed` was *since*, among the last 1,024 keys."""
        return key is not None and self._landings.get(key, 0) > since

    @property
    def running(self) -> int:
        """How many keys have a leader at this moment."""
        return len(self._flights)

    async def run(
        self, key: Key | None, lead: Callable[[], Awaitable[Returned]], deadline: Deadline
    ) -> tuple[Returned, bool]:
        """The answer, and whether it is another request's; a key of `None` is never shared.

        A leader must keep its own deadline inside *lead*; *deadline* limits only the wait for somebody else, and
        raises TimeoutError. A leader's failure reaches each follower as a copy.
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
        except Exception as exc:  # whatever it is, the followers must hear of it, or they would wait for ever
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
        """Give the follower up; a lead that was handed over in the same moment goes on to the next."""
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
    """The same failure without its traceback: one instance raised in many tasks would collect all their frames.

    Made without `__init__`, whose parameters are the subclass's own.
    """
    copy = type(failure).__new__(type(failure), *failure.args)
    copy.__dict__.update(failure.__dict__)
    copy.__cause__ = failure.__cause__
    return copy
