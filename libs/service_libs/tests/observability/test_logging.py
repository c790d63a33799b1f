"""One JSON object per line, whatever is logged."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from huleedu_service_libs.observability.logging import configure_logging, get_logger
from huleedu_service_libs.web.correlation import bind_correlation, correlation_from_header


class Lines:
    """Collects what the configured loggers write."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()

    def configure(self, level: str = "info") -> None:
        configure_logging(service="test-service", level=level, stream=self.stream)

    def raw(self) -> list[bytes]:
        return self.stream.getvalue().split(b"\n")[:-1]

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    collected = Lines()
    collected.configure()
    yield collected
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def test_a_line_carries_its_fields_its_service_and_the_correlation_id(lines: Lines) -> None:
    bind_correlation(correlation_from_header("corr-1"))
    get_logger("a.b").warning("provider_failed", provider="openai", attempt=2)
    (line,) = lines.all()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "warning",
        "event": "provider_failed",
        "service": "test-service",
        "correlation_id": "corr-1",
        "provider": "openai",
        "attempt": 2,
        "logger": "a.b",
    }


@pytest.mark.parametrize(
    "hostile", ["\n", "\r\n", "\x1b[2J", "\u2028", "\u2029", "\x85", "\x9b", "\u202e", "\x7f", "\u2066"]
)
def test_one_text_cannot_forge_a_line(lines: Lines, hostile: str) -> None:
    text = f'x{hostile}{{"level":"error"}}'
    get_logger("t").info("event", text=text)
    logging.getLogger("aiohttp.server").error("library says %s", text)
    raw = lines.stream.getvalue().decode()
    assert len(raw.splitlines()) == 2
    assert hostile not in raw.replace("\n", "") or hostile == "\n"
    assert [line.get("text", line["event"])[-len(text) :] for line in lines.all()] == [text, text]


def test_lines_below_the_level_are_not_written(lines: Lines) -> None:
    lines.configure("warning")
    get_logger("t").info("quiet")
    logging.getLogger("uvicorn.error").info("quiet too")
    get_logger("t").error("loud")
    assert [line["event"] for line in lines.all()] == ["loud"]


def test_an_exception_is_logged_by_type_and_place_and_never_with_its_text(lines: Lines) -> None:
    try:
        try:
            raise KeyError("the essay")
        except KeyError as inner:
            raise ValueError("the essay") from inner
    except ValueError:
        get_logger("t").exception("failed")
        logging.getLogger("uvicorn.error").exception("failed there")
    assert b"the essay" not in lines.stream.getvalue()
    for line in lines.all():
        assert (line["level"], line["failure"], line["caused_by"]) == ("error", "ValueError", ["KeyError"])
        assert "test_an_exception_is_logged" in line["frames"][-1]


def test_libraries_and_warnings_end_in_the_same_lines(lines: Lines) -> None:
    logging.getLogger("asyncio").warning("slow %s", "callback")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    slow, warned = (line["event"] for line in lines.all())
    assert slow == "slow callback"
    assert "DeprecationWarning: old" in warned


def test_a_library_record_that_does_not_fit_its_own_format_makes_a_line(lines: Lines) -> None:
    misfit = logging.LogRecord("x", logging.ERROR, "f.py", 1, "bad %d args", ("text",), None)
    (bridge,) = (handler for handler in logging.getLogger().handlers if "huleedu" in type(handler).__module__)
    bridge.handle(misfit)
    assert lines.all()[0]["event"] == "bad %d args"


@pytest.mark.parametrize("value", ["\ud800", 2**70, object(), {1: 2}, {"a": {3, 4}}, b"\xff", float("nan")])
def test_any_value_makes_a_line(lines: Lines, value: object) -> None:
    get_logger("t").info("odd", value=value)
    assert lines.all()[0]["event"] == "odd"


def test_a_value_that_contains_itself_is_reported_and_does_not_raise(lines: Lines) -> None:
    circle: list[object] = []
    circle.append(circle)
    get_logger("t").info("odd", value=circle)
    assert lines.all()[0] == {"level": "error", "event": "log_line_not_encodable", "of": "odd"}


def test_a_closed_stream_loses_the_line_and_does_not_raise(lines: Lines) -> None:
    lines.stream.close()
    get_logger("t").info("lost")
    logging.getLogger("asyncio").error("lost")
    assert lines.stream.closed


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_process_whose_output_is_gone_goes_on_and_ends_well(unbuffered: str) -> None:
    code = (
        "import os, sys\n"
        "from huleedu_service_libs.observability.logging import configure_logging, get_logger\n"
        "configure_logging(service='s')\n"
        "os.close(2)\n"
        "get_logger('t').info('lost')\n"
        "print('alive')\n"
    )
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown log level 'loud'"):
        configure_logging(service="s", level="loud")
