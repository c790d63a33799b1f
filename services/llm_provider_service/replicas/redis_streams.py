"""Exchanges messages between replicas through two short Redis streams: removals, and reports about targets.

A stream keeps its last 2,000 messages, so a replica that lost its link can read what it missed. Messages are read a few
times per second: the other replicas learn of a message within a second. This needs no extra connection and is never on
the path of a request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from huleedu_service_libs.redis_link.link import RedisLink
from huleedu_service_libs.redis_link.values import RedisRefused, Word
from services.llm_provider_service.cache.pending_removals import EVERYTHING, Removal
from services.llm_provider_service.cache.redis_keys import REMOVALS_STREAM, REPORTS_STREAM, key_of

KEPT_MESSAGES = 2000
MOST_UNSENT = 1000
MOST_READ = 2 * KEPT_MESSAGES
# A stream's last message may be a little younger than Redis's clock; much younger only after a change of server.
CLOCK_SLACK_MS = 60_000

Message = Mapping[str, str]
News = list[tuple[bytes, Message]]


class ReplicaStreams:
    """Sends the messages of this replica (*origin*) and reads those of others; must not run twice at once."""

    def __init__(self, link: RedisLink, *, origin: str) -> None:
        self._link = link
        self._origin = origin
        self._unsent: list[Message] = []
        self._read = {REMOVALS_STREAM: b"0", REPORTS_STREAM: b"0"}

    def removal_command(self, removal: Removal) -> tuple[Word, ...]:
        """Returns the command that tells the others of *removal*."""
        return self._entry(REMOVALS_STREAM, _as_message(removal))

    def report(self, message: Message | None) -> None:
        """Send *message* in the next round; `None` means that there is nothing to send."""
        if message is not None and len(self._unsent) < MOST_UNSENT:
            self._unsent.append(message)

    async def exchange(
        self, removed: Callable[[Removal], Awaitable[None]], told: Callable[[Message, float], None]
    ) -> None:
        """Send reports, then pass new removals to *removed* and new reports to *told*, with their age in seconds.

        The age is by Redis's clock. The first time, both streams are read from the beginning: Redis may have been away
        since the start, with many entries in memory by now. Raises `RedisRefused`, and `RedisAway`; then a later round
        does it all.
        """
        now_ms, news = await self._round()
        for removal in self._removals(news.get(REMOVALS_STREAM, [])):
            await removed(removal)
        for name, message in self._from_others(news.get(REPORTS_STREAM, [])):
            told(message, max(0.0, (now_ms - _milliseconds(name)) / 1000))
        self._go_on_from(news, now_ms)

    async def _round(self) -> tuple[int, dict[str, News]]:
        """Send the reports; returns Redis's time in milliseconds, and the new messages of each stream."""
        reports = [self._entry(REPORTS_STREAM, one) for one in self._unsent]
        asked: tuple[Word, ...] = ("XREAD", "COUNT", MOST_READ, "STREAMS", *self._read, *self._read.values())
        *_, time, answer = await self._link.run_all([*reports, ("TIME",), asked])
        del self._unsent[: len(reports)]
        for refused in (time, answer):
            if isinstance(refused, RedisRefused):
                raise refused
        return int(time[0]) * 1000 + int(time[1]) // 1000, _news(answer)

    def _removals(self, news: News) -> list[Removal]:
        if len(news) >= KEPT_MESSAGES:  # there may have been more messages than the stream keeps
            return [EVERYTHING]
        return [_as_removal(message) for _, message in self._from_others(news)]

    def _from_others(self, news: News) -> News:
        return [one for one in news if one[1].get("origin") != self._origin]

    def _go_on_from(self, news: Mapping[str, News], now_ms: int) -> None:
        """Remember what was read; read from the start if Redis's clock is behind, as after a change of server."""
        self._read.update({stream: messages[-1][0] for stream, messages in news.items()})
        for stream, last in self._read.items():
            if _milliseconds(last) > now_ms + CLOCK_SLACK_MS:
                self._read[stream] = b"0"

    def _entry(self, stream: str, message: Message) -> tuple[Word, ...]:
        fields = {"origin": self._origin, **message}
        flat = [text for pair in fields.items() for text in pair]
        return ("XADD", stream, "MAXLEN", "~", KEPT_MESSAGES, "*", *flat)


def _milliseconds(name: bytes) -> int:
    """Returns the time of a message in milliseconds, from the id that Redis gave it."""
    return int(name.partition(b"-")[0])


def _news(answer: Any) -> dict[str, News]:
    """Returns the new messages by stream; `XREAD` returns nothing if there are none."""
    return {stream.decode(): [(name, _pairs(flat)) for name, flat in came] for stream, came in answer or ()}


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
