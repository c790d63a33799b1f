"""Structured logs: one JSON object per line, written without the standard library's logging.

A service calls `configure_logging` once and `get_logger(__name__)` anywhere; fields are keywords. Log records of
libraries (uvicorn, aiohttp, asyncio, warnings) become the same kind of lines. JSON escapes newlines and control
characters. Other characters that a terminal or a line reader obeys (C1 controls, U+2028, bidi overrides) are escaped
here, so a logged text cannot fake a second line. Exceptions are logged by type and place, never with their message,
because messages quote what the caller or a vendor sent.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from huleedu_service_libs.web.correlation import current_correlation_id

_MAX_FRAMES: Final = 20
_MAX_CAUSES: Final = 5
_MAX_LIBRARY_TEXT: Final = 500
_OBEYED_BY_READERS: Final = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
_ORJSON_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_BRIDGED: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "aiohttp", "asyncio", "quart.app")


class LineSink:
    """Writes log lines to a stream; if the stream is closed or broken, the line is lost and the request goes on."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        try:
            self._stream.write(line + b"\n")
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream has been closed
            return


class _NamedSink:
    """The logger object that structlog calls with a finished line; its name is written into the line."""

    def __init__(self, sink: LineSink, name: str) -> None:
        self.name = name
        self.debug = self.info = self.warning = self.error = self.critical = sink.write


class _StandardLibraryBridge(logging.Handler):
    """Writes log records of libraries as our lines; their text is cut, because it may quote foreign input."""

    def __init__(self, sink: LineSink, static: dict[str, Any]) -> None:
        super().__init__()
        self._sink = sink
        self._static = static

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"event": _library_text(record), "logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        self._sink.write(_line(self._static, record.levelname.lower(), fields))


def configure_logging(*, service: str, level: str = "info", stream: BinaryIO | None = None) -> None:
    """Write events of *level* and above to *stream* (default: stderr) as JSON lines that name *service*.

    Call it before the first request; raises ValueError for an unknown level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"unknown log level {level!r}")
    sink = LineSink(_stderr() if stream is None else stream)
    static = {"service": service}

    def render(logger: _NamedSink, method: str, fields: structlog.typing.EventDict) -> bytes:
        fields["logger"] = logger.name
        return _line(static, method, cast("dict[str, Any]", fields))

    structlog.configure(
        processors=[render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *args: _NamedSink(sink, str(args[0]) if args else ""),
        cache_logger_on_first_use=True,
    )
    _bridge_standard_library(_StandardLibraryBridge(sink, static), number)


def _stderr() -> BinaryIO:
    """Returns a separate stream for stderr.

    If a write fails, the bytes stay in its buffer. In Python's own stream they would end the process with exit code
    120.
    """
    return open(sys.stderr.fileno(), "wb", closefd=False)


def get_logger(name: str) -> FilteringBoundLogger:
    """Returns a logger whose lines carry `logger: name`; it may be made before `configure_logging`."""
    return cast("FilteringBoundLogger", structlog.get_logger(name))


def failure_fields(error: BaseException) -> dict[str, Any]:
    """Returns the loggable facts of an exception: its type, the types of its causes, and the innermost frames."""
    frames = [
        f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_qualname}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return {"failure": type(error).__qualname__, "caused_by": _causes(error), "frames": frames[-_MAX_FRAMES:]}


def _causes(error: BaseException) -> list[str]:
    names: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(names) < _MAX_CAUSES:
        names.append(type(cause).__qualname__)
        cause = cause.__cause__ or cause.__context__
    return names


def _bridge_standard_library(bridge: logging.Handler, level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [bridge]
    root.setLevel(level)
    for name in _BRIDGED:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.captureWarnings(capture=True)


def _library_text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()[:_MAX_LIBRARY_TEXT]
    except (TypeError, ValueError, KeyError):  # a library's arguments do not fit its own format
        return str(record.msg)[:_MAX_LIBRARY_TEXT]


def _line(static: dict[str, Any], level: str, fields: dict[str, Any]) -> bytes:
    if "exc_info" in fields:
        fields |= _exc_info_fields(fields.pop("exc_info"))
    head = {"timestamp": datetime.now(UTC), "level": level, "event": fields.pop("event", ""), **static}
    correlation_id = current_correlation_id()
    if correlation_id is not None:
        head["correlation_id"] = correlation_id
    line = _encoded(head | fields)
    return line if line.isascii() and b"\x7f" not in line else _OBEYED_BY_READERS.sub(_escaped, line)


def _exc_info_fields(exc_info: Any) -> dict[str, Any]:
    if exc_info is True:
        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    return failure_fields(error) if isinstance(error, BaseException) else {}


def _encoded(members: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(members, default=str, option=_ORJSON_OPTIONS)
    except TypeError:  # lone surrogates, integers beyond 64 bits, a failing __str__
        pass
    try:
        return json.dumps(members, default=str, skipkeys=True).encode()
    except (TypeError, ValueError, RecursionError):
        return orjson.dumps({"level": "error", "event": "log_line_not_encodable", "of": str(members["event"])[:100]})


def _escaped(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match.group().decode())
