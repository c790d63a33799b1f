"""The server as a process: addresses, signals, exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from libs.service_libs.tests.conftest import RawReply, one_answer

pytestmark = pytest.mark.sockets

PROGRAM = Path(__file__).with_name("process_app.py")


class Running:
    """A server process and what it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.url = ""

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().strip()

    async def ready(self) -> None:
        word, host, port = (await self.line()).split()
        assert word == "ready"
        self.url = f"http://{host}:{port}"

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.url.removeprefix("http://").split(":")
        return await asyncio.open_connection(host, int(port))

    async def exchange(self, path: str) -> RawReply:
        """One GET on a connection of its own, read until the server closes it; for a server that is stopping."""
        reader, writer = await self.connect()
        writer.write(_get_bytes(path))
        try:
            return RawReply(await reader.read())
        finally:
            writer.close()

    async def ended(self) -> tuple[int, list[str], list[dict[str, object]]]:
        out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode().split("\n"), [json.loads(line) for line in err.splitlines()]


@asynccontextmanager
async def program(mode: str = "fine", *, port: int = 0, grace: float = 5) -> AsyncIterator[Running]:
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        mode,
        str(port),
        str(grace),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def _get_bytes(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def _get(url: str) -> tuple[int, dict[str, object]]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.json(content_type=None)


def _is_a_refusal(reply: RawReply) -> bool:
    problem = reply.problem()
    return (
        (reply.status, problem["code"], problem["title"], problem["retryable"])
        == (503, "SERVICE_UNAVAILABLE", "The service is stopping", True)
        and (reply.headers["connection"], reply.headers["content-type"]) == ("close", "application/problem+json")
        and "x-correlation-id" in reply.headers
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_refuses_what_is_new_lets_what_is_under_way_finish_and_exits_with_0(
    number: signal.Signals,
) -> None:
    async with program() as running:
        await running.ready()
        kept_reader, kept = await running.connect()
        kept.write(_get_bytes("/alive"))
        assert "connection" not in RawReply(await one_answer(kept_reader)).headers
        half_reader, half = await running.connect()
        half.write(_get_bytes("/slow/0.1")[:10])
        request = asyncio.create_task(running.exchange("/slow/2.0"))
        assert await running.line() == "working"
        running.send(number)
        assert await running.line() == "stopping"
        kept.write(_get_bytes("/slow/0.1"))
        half.write(_get_bytes("/slow/0.1")[10:])
        refused = [RawReply(await reader.read()) for reader in (kept_reader, half_reader)]
        refused += [await running.exchange("/slow/0.1") for _ in range(5)]
        alive = await running.exchange("/alive")
        assert not request.done()
        finished = await request
        code, out, log = await running.ended()
        for writer in (kept, half):
            writer.close()
    assert all(map(_is_a_refusal, refused))
    assert (alive.status, alive.headers["connection"]) == (200, "close")
    assert (finished.status, finished.headers["connection"]) == (200, "close")
    assert code == 0
    assert out == ["closed", ""], "nobody else was let in to work"
    events = [line["event"] for line in log]
    assert [event for event in events if event != "request_refused"] == [
        "server_listening",
        "server_stopping",
        "server_stopped",
    ]
    assert events.count("request_refused") == len(refused)
    assert log[-1]["cut_off"] == 0


async def test_after_the_last_request_nobody_is_let_in_however_many_come() -> None:
    """The end waits for what was under way at the signal; callers who keep coming cannot put it off."""
    async with program(grace=30) as running:
        await running.ready()
        request = asyncio.create_task(running.exchange("/slow/1.0"))
        assert await running.line() == "working"
        running.send(signal.SIGTERM)
        assert await running.line() == "stopping"
        started = time.monotonic()
        answers = await _answers_until_nobody_listens(running)
        assert (await request).status == 200
        code, _, _ = await running.ended()
    assert code == 0
    assert time.monotonic() - started < 10
    assert {answer.status for answer in answers} == {200}


async def _answers_until_nobody_listens(running: Running) -> list[RawReply]:
    answers: list[RawReply] = []
    while True:
        try:
            answers.append(await running.exchange("/alive"))
        except ConnectionError:
            return answers


async def test_the_address_is_free_while_the_application_closes() -> None:
    """Nobody hangs in the queue of a socket that will not be read any more."""
    async with program("end-hangs", grace=20) as running:
        await running.ready()
        running.send(signal.SIGTERM)
        assert [await running.line(), await running.line()] == ["stopping", "closed"]
        with pytest.raises(ConnectionRefusedError):
            await running.connect()


async def test_an_idle_server_with_an_open_connection_stops_at_once() -> None:
    async with program() as running:
        await running.ready()
        async with aiohttp.ClientSession() as session, session.get(f"{running.url}/slow/0.0") as response:
            assert response.status == 200
            started = time.monotonic()
            running.send(signal.SIGTERM)
            code, _, _ = await running.ended()
    assert code == 0
    assert time.monotonic() - started < 4  # the grace is 5 s


async def test_a_second_signal_ends_the_grace_and_still_closes_the_application() -> None:
    async with program(grace=30) as running:
        await running.ready()
        request = asyncio.create_task(_get(f"{running.url}/slow/20.0"))
        assert await running.line() == "working"
        started = time.monotonic()
        running.send(signal.SIGTERM)
        assert await running.line() == "stopping"
        running.send(signal.SIGTERM)
        status, problem = await request
        code, out, log = await running.ended()
    assert (status, problem["code"], problem["retryable"]) == (503, "SERVICE_UNAVAILABLE", False)
    assert (code, out) == (0, ["closed", ""])
    assert log[-1]["cut_off"] == 1
    assert time.monotonic() - started < 10


async def test_the_grace_ends_for_a_request_that_does_not() -> None:
    async with program(grace=0.3) as running:
        await running.ready()
        request = asyncio.create_task(_get(f"{running.url}/slow/20.0"))
        assert await running.line() == "working"
        running.send(signal.SIGTERM)
        assert (await request)[0] == 503
        code, _, _ = await running.ended()
    assert code == 0


async def test_a_hanging_shutdown_is_given_up_and_told_by_the_exit_code() -> None:
    async with program("end-hangs", grace=0.3) as running:
        await running.ready()
        started = time.monotonic()
        running.send(signal.SIGTERM)
        code, _, log = await running.ended()
    assert code == 1
    assert log[-1]["event"] == "server_shutdown_failed"
    assert time.monotonic() - started < 9


async def test_the_application_may_use_the_rest_of_the_grace_to_close() -> None:
    async with program("end-slow", grace=20) as running:
        await running.ready()
        running.send(signal.SIGTERM)
        code, out, _ = await running.ended()
    assert (code, out) == (0, ["stopping", "closed", ""])


async def test_a_second_signal_also_hurries_the_closing() -> None:
    async with program("end-hangs", grace=60) as running:
        await running.ready()
        running.send(signal.SIGTERM)
        assert [await running.line(), await running.line()] == ["stopping", "closed"]
        started = time.monotonic()
        running.send(signal.SIGINT)
        code, _, _ = await running.ended()
    assert code == 1
    assert time.monotonic() - started < 12


@pytest.mark.parametrize(("grace", "signals"), [(0.3, [signal.SIGTERM]), (60, [signal.SIGTERM, signal.SIGINT])])
async def test_an_application_that_waits_hears_that_its_grace_is_over(
    grace: float, signals: list[signal.Signals]
) -> None:
    async with program("end-waits", grace=grace) as running:
        await running.ready()
        started = time.monotonic()
        running.send(signals.pop(0))
        assert [await running.line(), await running.line()] == ["stopping", "waiting"]
        for number in signals:
            running.send(number)
        code, out, log = await running.ended()
    assert (code, out) == (0, ["closed", ""])
    assert log[-1]["event"] == "server_stopped"
    assert time.monotonic() - started < 20


async def test_a_frozen_event_loop_cannot_keep_the_process_alive() -> None:
    async with program(grace=0.1) as running:
        await running.ready()
        request = asyncio.create_task(_get(f"{running.url}/freeze"))
        assert await running.line() == "working"
        started = time.monotonic()
        running.send(signal.SIGTERM)
        code, _, _ = await running.ended()
        with pytest.raises(aiohttp.ClientError):
            await request
    assert code == 1
    assert time.monotonic() - started < 12


async def test_a_signal_during_the_start_stops_it() -> None:
    async with program("start-hangs") as running:
        assert await running.line() == "starting"
        started = time.monotonic()
        running.send(signal.SIGTERM)
        code, _, _ = await running.ended()
    assert code == 0
    assert time.monotonic() - started < 8


async def test_a_failing_start_ends_with_one_clear_line() -> None:
    async with program("start-fails") as running:
        code, out, log = await running.ended()
    assert (code, out) == (1, [""])
    assert (log[-1]["event"], log[-1]["reason"]) == ("server_start_failed", "the database address is missing")


async def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with program(port=taken.getsockname()[1]) as running:
            code, _, log = await running.ended()
    assert code == 1
    assert [(line["event"], line["reason"]) for line in log] == [("server_cannot_bind", "Address already in use")]
