"""`./dev trace-calls [miss|hit]`: what one comparison calls, from its bytes to those of its answer.

The service runs in this process, with its real server, on uvloop and on a real socket, and asks the bench's vendor over
another one. After a warm-up one request is traced, until all that it has started has ended; see `call_trace` for what
is counted. It says what the platform's typed client says. The clocks of the service stand still: the end of a breaker's
bucket, or a slow moment before the call to the vendor, would add calls in one run of a hundred.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from enum import Enum

import orjson
import uvloop

from huleedu_service_libs.llm_client import TIMEOUT_HEADER
from huleedu_service_libs.observability.logging import configure_logging
from huleedu_service_libs.web.correlation import CORRELATION_HEADER
from services.llm_provider_service.config import Settings
from services.llm_provider_service.startup_setup import create_app
from tests.load.call_trace import CallTrace, tracing_calls
from tests.load.payload import comparisons, same_comparison
from tests.load.upstream import CONTENT_LENGTH, Connection, Vendor
from tests.support.gateway import KEYS, gateway_of

WARM_UP = 20
# What callers send beside the texts, as the README shows it.
BESIDE_THE_TEXTS = {
    "llm_config_overrides": {"temperature_override": 0.0},
    "metadata": {"essay_a_id": "a-1", "essay_b_id": "b-1"},
}
PATH = "/api/v1/comparison"
HEADERS = {
    "Host": "127.0.0.1",
    "Accept": "*/*",
    "Content-Type": "application/json",
    CORRELATION_HEADER: "8f1f2f2e-6f0c-4d2b-9d0e-2f6f5a1f7b11",
}
TIMEOUT_MS = 30_000


class Kind(Enum):
    """Which request is traced."""

    MISS = "miss"
    HIT = "hit"


class Caller:
    """A keep-alive connection of somebody who asks for comparisons."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._left_ms = TIMEOUT_MS

    async def compare(self, body: bytes, expects: bytes = b"") -> None:
        """Send *body* and take the answer; raises `ValueError` where it is no success or lacks what it *expects*."""
        self._left_ms -= 1  # no two requests have the same time left, as with real callers
        headers = {**HEADERS, TIMEOUT_HEADER: self._left_ms, "Content-Length": len(body)}
        lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        answer = await self._reader.readexactly(int(length[1]) if length else 0)
        if not head.startswith(b"HTTP/1.1 200") or expects not in answer:
            raise ValueError(f"unexpected answer: {(head + answer)[:600]!r}")


def main() -> int:
    """Trace one request and print what it called."""
    parser = argparse.ArgumentParser(prog="./dev trace-calls", description=__doc__)
    parser.add_argument("kind", nargs="?", choices=[kind.value for kind in Kind], default=Kind.MISS.value)
    kind = Kind(parser.parse_args().kind)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads it, as `head` does, may have enough early
    print("\n".join(described(kind, trace_one(kind))))
    return 0


def trace_one(kind: Kind) -> CallTrace:
    """The calls of one request of *kind* to a service of its own."""
    configure_logging(service="trace-calls", level="warning")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_trace(kind))


async def _trace(kind: Kind) -> CallTrace:
    trace = CallTrace()
    bodies = _bodies(kind)
    async with _caller() as caller:
        for _ in range(WARM_UP):
            await caller.compare(next(bodies))
        body = next(bodies)
        before = asyncio.all_tasks()
        with tracing_calls(trace):
            await caller.compare(body, expects=b'"cached":%s' % (b"true" if kind is Kind.HIT else b"false"))
            while begun := asyncio.all_tasks() - before:
                await asyncio.wait(begun)
    return trace


def _bodies(kind: Kind) -> Iterator[bytes]:
    texts = comparisons() if kind is Kind.MISS else same_comparison()
    return (orjson.dumps(orjson.loads(body) | BESIDE_THE_TEXTS) for body in texts)


@asynccontextmanager
async def _caller() -> AsyncIterator[Caller]:
    """Somebody connected to a service that has one vendor."""
    loop = asyncio.get_running_loop()
    vendor = Vendor()
    upstream = await loop.create_server(lambda: Connection(vendor), "127.0.0.1", 0)
    with ExitStack() as stood_still:
        stood_still.enter_context(_standing_clocks())
        async with upstream, gateway_of(create_app(_settings(upstream))) as gateway:
            host, _, port = gateway.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                yield Caller(reader, writer)
            finally:
                writer.close()
                stood_still.close()  # the server's stop looks at the time


@contextmanager
def _standing_clocks() -> Iterator[None]:
    """Whoever takes a clock meanwhile gets one that stands still for ever."""
    monotonic, wall_clock = time.monotonic, time.time
    now, today = monotonic(), wall_clock()
    time.monotonic, time.time = (lambda: now), (lambda: today)
    try:
        yield
    finally:
        time.monotonic, time.time = monotonic, wall_clock


def _settings(upstream: asyncio.Server) -> Settings:
    """The service as it comes, with one vendor, which is *upstream*; no `.env`."""
    return Settings(
        _env_file=None,
        OPENAI_ENABLED=True,
        OPENAI_API_KEY=KEYS["openai"],
        OPENAI_BASE_URL=f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}",
        OPENAI_ALLOW_PRIVATE=True,
    )


def described(kind: Kind, trace: CallTrace) -> Iterator[str]:
    """The figures, the calls as a tree, and how many of them each module got."""
    again = f"{trace.entered_again} of them entered more than once"
    yield f"a {kind.value}: {len(trace.calls)} calls in {trace.modules} modules, {again}"
    yield f"beside them {trace.generated} calls of methods that classes were given"
    yield ""
    yield from (f"{'  ' * call.depth}{call.module}:{call.function}" for call in trace.calls)
    yield ""
    yield "calls  entered  module"
    for module, calls in trace.by_module.most_common():
        yield f"{calls:5}  {trace.entries[module]:7}  {module}"


if __name__ == "__main__":
    sys.exit(main())
