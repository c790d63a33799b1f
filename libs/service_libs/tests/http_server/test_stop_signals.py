"""Signals that come while another one is being taken."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

from huleedu_service_libs.http_server.stop_signals import StopSignals


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
