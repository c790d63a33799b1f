"""The load: bursts of questions at random moments, at a bounded rate, whatever becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from random import Random
from time import monotonic

from tests.soak.callers import Callers
from tests.soak.questions import Question
from tests.support.crowd import Reply

_CacheLookup = tuple[Question, asyncio.Task[Reply | None]]


class Load:
    """Goes on until `stop`; *rate* is bursts a second on average, whose moments *dice* decides."""

    def __init__(self, callers: Callers, bursts: Iterator[Sequence[Question]], *, rate: float, dice: Random) -> None:
        self._callers = callers
        self._bursts = bursts
        self._rate = rate
        self._dice = dice
        self._proof: list[_CacheLookup] | None = None

    async def run(self, seconds: float, over: asyncio.Event) -> None:
        """Ask for so many seconds, or until it is *over*."""
        due = monotonic()
        end = due + seconds
        while due < end and not over.is_set():
            due += self._dice.expovariate(self._rate)
            await asyncio.sleep(max(0.0, due - monotonic()))
            burst = next(self._bursts)
            begun = self._callers.ask(burst)
            if self._proof is not None:
                self._proof += zip(burst, begun, strict=True)

    async def prove(self, seconds: float) -> tuple[int, list[str]]:
        """Ask for so many seconds in which whatever can be answered must be; how many that were, and which failed."""
        asked: list[_CacheLookup] = []
        self._proof = asked
        await self.run(seconds, asyncio.Event())
        self._proof = None
        answerable = [(question, task) for question, task in asked if question.answerable]
        replies = [(question, await task) for question, task in answerable]
        return len(replies), [_in_words(question, reply) for question, reply in replies if not _verdict(reply)]


def _verdict(reply: Reply | None) -> bool:
    return reply is not None and reply.status == 200


def _in_words(question: Question, reply: Reply | None) -> str:
    got = "no answer" if reply is None else f"{reply.status} {reply.body[:200].decode(errors='replace')}"
    return f"{question.number} {dict(question.overrides)}: {got}"
