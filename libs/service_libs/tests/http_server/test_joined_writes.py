"""Head and body in one write, where the application says that both come at once."""

from __future__ import annotations

import asyncio

import pytest

from huleedu_service_libs.http_server.exchange import Exchange
from huleedu_service_libs.http_server.joined_writes import JoinedWrites


class RecordedTransport(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def writes_of(*whole: bool) -> tuple[JoinedWrites, RecordedTransport]:
    """A connection with one exchange for each of *whole*, which says whether its answer comes at once."""
    exchanges = [Exchange(asyncio.get_running_loop()) for _ in whole]
    for exchange, at_once in zip(exchanges, whole, strict=True):
        exchange.answer_is_whole = at_once
    transport = RecordedTransport()
    return JoinedWrites(transport, exchanges), transport


@pytest.mark.parametrize(("whole", "written"), [(True, [b"head body"]), (False, [b"head ", b"body"])])
async def test_only_an_answer_that_comes_at_once_is_joined(whole: bool, written: list[bytes]) -> None:
    joined, transport = await writes_of(whole, not whole)
    joined.write(b"head ")
    joined.write(b"body")
    assert transport.written == written


async def test_a_head_whose_body_never_came_is_sent_before_the_end() -> None:
    joined, transport = await writes_of(True)
    joined.write(b"head ")
    assert not joined.is_closing()
    joined.close()
    assert joined.is_closing()
    assert transport.written == [b"head "]
