"""What replicas tell each other, through two short streams in Redis: what was removed, and whom to leave alone.

A stream keeps its last two thousand messages, so a replica that lost its link reads what it missed. Messages are read
a few times a second: what one replica knows, the others know within half a second, without a connection of its own for
it and off the path of any request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from huleedu_service_libs.redis_link.link import RedisLink
from huleedu_service_libs.redis_link.values import RedisRefused
from services.llm_provider_service.cache.pending_removals import Removal
from services.llm_provider_service.cache.redis_keys import BIRTHMARK, REMOVALS_FEED, REPORTS_FEED, key_of

KEPT_MESSAGES = 2000
MOST_UNSENT = 1000
MOST_READ = 2 * KEPT_MESSAGES

Message = Mapping[str, str]


class FeedReader(Protocol):
    """Who is told of the other replicas' messages."""

    async def removed_elsewhere(self, removal: Removal) -> None:
        """Somebody removed or refreshed this in Redis."""
        ...

    def told(self, message: Message, age_seconds: float) -> None:
        """Somebody reported this, so long ago by Redis's own clock."""
        ...

    def may_have_lost(self) -> None:
        """Redis was away, or is not the one that it was: what lay in it may be gone."""
        ...


@dataclass(frozen=True, slots=True)
class _Position:
    """The last message that was read of a stream."""

    milliseconds: int
    rest: str = "0"

    @classmethod
    def of(cls, name: bytes) -> _Position:
        milliseconds, _, rest = name.decode().partition("-")
        return cls(int(milliseconds), rest)

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.rest}"


class ReplicaFeed:
    """Sends what this replica, *origin*, has to tell and reads what others tell; not safe to run twice at once."""

    def __init__(self, link: RedisLink, *, origin: str) -> None:
        self._link = link
        self._origin = origin
        self._removals: deque[Removal] = deque()
        self._reports: deque[Message] = deque(maxlen=MOST_UNSENT)
        self._read: dict[str, _Position] = {}
        self._birthmark: bytes | None = None
        self._in_touch = False
        self.stirred = asyncio.Event()

    def removed(self, removal: Removal) -> None:
        """Tell the others soon; what is too much to tell one by one becomes "everything"."""
        if len(self._removals) >= MOST_UNSENT:
            self._removals.clear()
            removal = Removal()
        self._removals.append(removal)
        self.stirred.set()

    def report(self, message: Message | None) -> None:
        """Tell the others soon; `None` is nothing to tell."""
        if message is not None:
            self._reports.append(message)
            self.stirred.set()

    async def send(self) -> None:
        """Tell what is to be told; raises `RedisAway`, and then, as after a refusal, it is told later."""
        removals, reports = list(self._removals), list(self._reports)
        self._removals.clear()
        self._reports.clear()
        entries = [self._entry(REMOVALS_FEED, _as_message(one)) for one in removals]
        entries += [self._entry(REPORTS_FEED, one) for one in reports]
        answers: list[Any] = [None] * len(entries)
        try:
            if entries:
                answers = await self._link.run_all(entries)
        finally:
            told = [isinstance(answer, bytes) for answer in answers]
            self._in_touch &= all(told)
            self._removals.extendleft(reversed([one for one, heard in zip(removals, told, strict=False) if not heard]))
            unheard = [one for one, heard in zip(reports, told[len(removals) :], strict=True) if not heard]
            self._reports.extendleft(reversed(unheard))

    async def read(self, reader: FeedReader) -> None:
        """Hand everything new to *reader*; raises `RedisAway` and `RedisRefused`.

        The first time, both are read back to the beginning: it may be long after the start, with much in memory.
        """
        in_touch, self._in_touch = self._in_touch, False
        (seconds, rest), birthmark, *streams = await self._link.run_all(
            [("TIME",), ("HGET", BIRTHMARK, "name"), *map(self._query, (REMOVALS_FEED, REPORTS_FEED))]
        )
        now_ms = int(seconds) * 1000 + int(rest) // 1000
        removals, reports = (_messages(one) for one in streams)
        await self._forget(removals, reader)
        self._advance(REMOVALS_FEED, removals, now_ms)
        for name, message in reports:
            if message.get("origin") != self._origin:
                reader.told(message, max(0.0, (now_ms - _Position.of(name).milliseconds) / 1000))
        self._advance(REPORTS_FEED, reports, now_ms)
        if not await self._is_as_it_was(birthmark) or not in_touch:
            reader.may_have_lost()
        self._in_touch = True

    async def _is_as_it_was(self, birthmark: bytes | RedisRefused | None) -> bool:
        """Whether Redis still has its mark; who finds none gives it one."""
        if isinstance(birthmark, RedisRefused):
            return True
        known = self._birthmark
        self._birthmark = await self._give_birthmark() if birthmark is None else birthmark
        return known is None or known == birthmark

    async def _give_birthmark(self) -> bytes | None:
        """Name it, unless another replica is quicker; returns the name that holds."""
        if not self._link.state.writable:
            return None
        name = uuid4().hex
        _, holds = await self._link.run_all([("HSETNX", BIRTHMARK, "name", name), ("HGET", BIRTHMARK, "name")])
        return holds if isinstance(holds, bytes) else None

    async def _forget(self, removals: list[tuple[bytes, Message]], reader: FeedReader) -> None:
        if len(removals) >= KEPT_MESSAGES:  # there may have been more than the stream keeps
            await reader.removed_elsewhere(Removal())
            return
        for _, message in removals:
            if message.get("origin") != self._origin:
                await reader.removed_elsewhere(_as_removal(message))

    def _entry(self, stream: str, message: Message) -> tuple[str | int, ...]:
        fields = {"origin": self._origin, **message}
        flat = [text for pair in fields.items() for text in pair]
        return ("XADD", stream, "MAXLEN", "~", KEPT_MESSAGES, "*", *flat)

    def _query(self, stream: str) -> tuple[str | int, ...]:
        position = self._read.get(stream)
        return ("XREAD", "COUNT", MOST_READ, "STREAMS", stream, "0" if position is None else str(position))

    def _advance(self, stream: str, messages: list[tuple[bytes, Message]], now_ms: int) -> None:
        """Remember where to go on; back to the beginning if Redis's clock is behind, as after a change of server."""
        position = _Position.of(messages[-1][0]) if messages else self._read.get(stream, _Position(0))
        self._read[stream] = _Position(0) if position.milliseconds > now_ms + 60_000 else position


def _messages(answer: Any) -> list[tuple[bytes, Message]]:
    if isinstance(answer, RedisRefused):
        raise answer
    found = [] if not answer else answer[0][1]
    return [(name, _pairs(flat)) for name, flat in found]


def _pairs(flat: list[bytes]) -> Message:
    texts = [one.decode(errors="replace") for one in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _as_message(removal: Removal) -> Message:
    if removal.key is not None:
        return {"key": str(removal.key)}
    return {} if removal.tenant is None else {"tenant": removal.tenant}


def _as_removal(message: Message) -> Removal:
    if "key" in message:
        return Removal(key=key_of(message["key"]))
    return Removal(tenant=message.get("tenant"))
