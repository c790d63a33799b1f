"""Signals that come while another one is being taken."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from huleedu_service_libs.http_server.stop_signals import StopSignals


@pytest.fixture(autouse=True)
def handlers_of_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_second_signal_that_comes_while_the_guard_starts_does_not_start_it_again() -> None:
    def interrupt(frame: FrameType, event: str, _value: Any) -> None:
        if event == "call" and frame.f_code is threading.Thread.start.__code__:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGINT)

    with StopSignals(60.0, None) as stop:
        sys.setprofile(interrupt)
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            sys.setprofile(None)
    assert stop.stopping.is_set()
    assert stop.hurry.is_set()


def test_a_signal_after_the_stop_changes_nothing() -> None:
    with StopSignals(60.0, None) as stop:
        loop = asyncio.new_event_loop()
        stop.deliver_in(loop)
        signal.raise_signal(signal.SIGTERM)
        loop.close()
        signal.raise_signal(signal.SIGINT)
        assert not stop.hurry.is_set()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_IGN


def test_without_a_stop_the_handlers_of_before_are_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with StopSignals(60.0, None):
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
