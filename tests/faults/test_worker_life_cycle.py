"""Workers under their supervisor, with a service of a few routes: signals, deaths, freezes, replacements."""

from __future__ import annotations

import asyncio
import os
import signal
from time import monotonic

import pytest

from huleedu_service_libs.workers.worker_context import bind_shared
from tests.faults.worker_app import HANGING_START_SECONDS, RETIRE_SECONDS
from tests.support.crowd import Caller, Crowd, Reply
from tests.support.processes import all_gone, children
from tests.support.worker_program import WorkerProgram

pytestmark = pytest.mark.sockets

BUSY_SECONDS = 15  # what a machine with other work may add; whatever is frozen here is so for a minute


async def _served_by(url: str) -> int:
    caller = Caller(url)
    reply = await caller.ask("GET", "/pid")
    caller.hang_up()
    return int(reply.json()["pid"])


async def _answer(url: str, path: str) -> Reply:
    caller = Caller(url)
    try:
        return await caller.ask("GET", path)
    finally:
        caller.hang_up()


async def _first_refusal(url: str) -> Reply:
    """What a worker says as soon as it has heard that it must stop."""
    async with asyncio.timeout(20):
        while (reply := await _answer(url, "/pid")).status == 200:  # noqa: ASYNC110 — only its answers tell
            await asyncio.sleep(0.01)
    return reply


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_refuses_what_is_new_and_finishes_what_is_under_way(number: signal.Signals) -> None:
    async with WorkerProgram("fine", workers=1, grace=10) as program:
        await program.ready()
        kept = Caller(program.url)
        assert (await kept.ask("GET", "/pid")).status == 200
        request = asyncio.create_task(_answer(program.url, "/slow/5.0"))
        assert await program.line() == "working"
        program.process.send_signal(number)
        refused = [await _first_refusal(program.url), await kept.ask("GET", "/pid")]
        finished = await request
        assert await program.ended() == 0
    for reply in refused:
        assert (reply.status, reply.json()["code"], reply.ends_connection) == (503, "SERVICE_UNAVAILABLE", True)
        assert reply.json()["retryable"] is True
        assert int(reply.headers["retry-after"]) >= 1
    assert (finished.status, finished.ends_connection) == (200, True)


async def test_a_second_signal_ends_the_grace() -> None:
    async with WorkerProgram("fine", workers=1, grace=30) as program:
        await program.ready()
        request = asyncio.create_task(_answer(program.url, "/slow/20.0"))
        assert await program.line() == "working"
        started = monotonic()
        program.process.send_signal(signal.SIGTERM)
        await _first_refusal(program.url)
        program.process.send_signal(signal.SIGTERM)
        assert (await request).status == 503
        assert await program.ended() == 0
    assert monotonic() - started < 10, "neither the request's 20 s nor the grace's 30"


async def test_a_frozen_worker_holds_up_neither_the_others_nor_any_end() -> None:
    """Two services at once, because each has to wait for the guards: one is stopped, the other loses its supervisor."""
    async with WorkerProgram("fine", grace=0.5) as stopped, WorkerProgram("fine", grace=0.2) as orphaned:
        workers = []
        frozen = []
        for program in (orphaned, stopped):
            await program.ready()
            workers += program.workers()
            frozen.append(asyncio.create_task(_answer(program.url, "/freeze")))
            assert await program.line() == "working"
        orphaned.process.kill()
        await stopped.logged("worker_silent")
        started = monotonic()
        served = {await asyncio.wait_for(_served_by(stopped.url), 2 + BUSY_SECONDS) for _ in range(20)}
        assert len(served) == 1
        assert monotonic() - started < 2 + BUSY_SECONDS
        started = monotonic()
        stopped.process.send_signal(signal.SIGTERM)
        assert await stopped.ended() == 1
        assert monotonic() - started <= 5.5 + BUSY_SECONDS
        assert await all_gone(workers, within=4 + BUSY_SECONDS)
        lost = await asyncio.gather(*frozen, return_exceptions=True)
    assert all(isinstance(one, OSError | EOFError) for one in lost)


async def test_a_killed_worker_is_replaced_and_the_other_answers_meanwhile() -> None:
    async with WorkerProgram("fine") as program:
        await program.ready()
        before = program.workers()
        async with Crowd(program.url, callers=8, path="/pid") as crowd:
            await crowd.has_sent(200)
            os.kill(before[0], signal.SIGKILL)
            sent = crowd.tally.sent
            await crowd.has_sent(sent + 500)
            await program.logged("worker_ready", 3)
            await crowd.has_sent(crowd.tally.sent + 200)
        assert len(crowd.tally.lost) <= 8, "each caller loses at most the request that was under way"
        assert set(crowd.tally.statuses) == {200}
        after = program.workers()
        assert len(after) == 2
        assert before[0] not in after
        assert before[1] in after
        assert {await _served_by(program.url) for _ in range(40)} == set(after)


async def test_a_killed_supervisor_leaves_no_process_and_its_address_is_free_at_once() -> None:
    async with WorkerProgram("fine", grace=20) as program:
        await program.ready()
        workers = program.workers()
        request = asyncio.create_task(_answer(program.url, "/slow/8.0"))
        assert await program.line() == "working"
        program.process.kill()
        assert await all_gone([program.process.pid], within=BUSY_SECONDS)
        async with WorkerProgram("fine", port=int(program.url.rpartition(":")[2])) as again:
            while not again.workers():  # noqa: ASYNC110 — it has its address when it starts them
                await asyncio.sleep(0.02)
            assert not request.done()
            await again.ready()
            assert await _served_by(again.url) in again.workers()
            assert (await request).status == 200, "what was under way is still answered"
            assert await all_gone(workers, within=BUSY_SECONDS)


async def test_a_retiring_worker_finishes_what_is_under_way_and_answers_what_still_comes() -> None:
    async with WorkerProgram("fine", workers=1) as program:
        await program.ready()
        (before,) = program.workers()
        kept = Caller(program.url)
        assert (await kept.ask("GET", "/pid")).ends_connection is False
        request = asyncio.create_task(_answer(program.url, "/slow/8.0"))
        assert await program.line() == "working"
        program.process.send_signal(signal.SIGHUP)
        await program.logged("worker_retiring")
        last = await kept.ask("GET", "/pid")
        assert (last.status, last.json()["pid"], last.ends_connection) == (200, before, True)
        assert await _served_by(program.url) != before
        finished = await request
        assert (finished.status, finished.ends_connection) == (200, True)
        await program.logged("rolling_restart_finished")
        assert before not in program.workers()


async def test_the_application_of_a_retiring_worker_may_use_the_rest_of_its_time_to_close() -> None:
    async with WorkerProgram("end-slow", workers=1) as program:
        await program.ready()
        program.process.send_signal(signal.SIGHUP)
        await program.logged("rolling_restart_finished")
        assert [line["exit_code"] for line in program.events("worker_ended")] == [0]


async def test_a_stop_leaves_a_retiring_worker_no_more_than_the_grace() -> None:
    async with WorkerProgram("end-waits", workers=1, grace=0.3) as program:
        await program.ready()
        program.process.send_signal(signal.SIGHUP)
        assert await program.line() == "waiting"
        started = monotonic()
        program.process.send_signal(signal.SIGTERM)
        assert await program.ended() == 0
        assert [line["exit_code"] for line in program.events("worker_ended")] == [0, 0]
    assert monotonic() - started < RETIRE_SECONDS / 2


async def test_until_the_last_worker_is_there_the_first_accepts_for_all() -> None:
    async with WorkerProgram("first-late") as program:
        (first,) = await program.logged("worker_ready")
        address = await asyncio.to_thread(_listening_port, first["pid"])
        async with Crowd(f"http://127.0.0.1:{address}", callers=8, path="/pid") as crowd:
            await crowd.has_sent(100)
            await program.ready()
            await crowd.has_sent(crowd.tally.sent + 100)
        assert crowd.tally.lost == []


async def test_a_worker_that_cannot_start_is_tried_again_ever_more_slowly() -> None:
    async with WorkerProgram("start-fails", workers=1) as program:
        died = await program.logged("worker_died", 3)
        assert [line["restart_in_seconds"] for line in died] == [0.1, 0.2, 0.4]
        program.process.send_signal(signal.SIGTERM)
        await program.ended()
        assert children(program.process.pid) == []


async def test_a_worker_that_hangs_while_it_starts_is_killed_and_tried_again() -> None:
    async with WorkerProgram("first-hangs") as program:
        (hanging, *_) = await program.logged("worker_start_hangs")
        assert (hanging["slot"], hanging["seconds"]) == (0, HANGING_START_SECONDS)
        (died, *_) = await program.logged("worker_died")
        assert (died["pid"], died["exit_code"]) == (hanging["pid"], -signal.SIGKILL)
        async with asyncio.timeout(10):
            while len(program.workers()) != 2:  # noqa: ASYNC110 — the kernel tells nobody
                await asyncio.sleep(0.02)
        assert hanging["pid"] not in program.workers()


async def test_a_second_sighup_is_heeded_although_the_first_restart_is_given_up() -> None:
    async with WorkerProgram("first-hangs", workers=1) as program:
        while not program.workers():  # noqa: ASYNC110 — it hears signals when it starts them
            await asyncio.sleep(0.02)
        program.process.send_signal(signal.SIGHUP)
        await program.logged("rolling_restart_started")
        program.process.send_signal(signal.SIGHUP)
        await program.logged("rolling_restart_given_up")
        await program.logged("rolling_restart_started", 2)
        assert len(program.events("rolling_restart_given_up")) == 1


async def test_a_slot_that_is_replaced_while_it_waits_for_its_restart_gets_one_worker() -> None:
    """The supervisor stands still meanwhile, so that it hears of the death and of SIGHUP at once."""
    async with WorkerProgram("fine") as program:
        await program.ready()
        before = program.workers()
        (victim,) = (line["pid"] for line in program.events("worker_ready") if line["slot"] == 0)
        program.process.send_signal(signal.SIGSTOP)
        os.kill(victim, signal.SIGKILL)
        program.process.send_signal(signal.SIGHUP)
        program.process.send_signal(signal.SIGCONT)
        await program.logged("rolling_restart_finished")
        ended = {line["pid"] for line in program.events("worker_ended")}
        assert ended == set(before)
        assert len(program.events("worker_ready")) == 4
        assert len(program.workers()) == 2
        assert set(program.workers()).isdisjoint(before)


async def test_workers_that_refuse_the_settings_end_the_service() -> None:
    async with WorkerProgram("settings-refused") as program:
        assert await program.ended() == 2
        assert len(program.events("supervisor_gives_up")) == 1


async def test_a_taken_port_is_one_clear_line() -> None:
    with bind_shared("127.0.0.1", 0, 1)[0] as taken:
        taken.listen()
        async with WorkerProgram("fine", port=taken.getsockname()[1]) as program:
            assert await program.ended() == 1
            (line,) = program.events("server_cannot_bind")
    assert line["reason"] == "Address already in use", "even one that would share it"


def _listening_port(pid: int) -> int:
    """The port that a process listens on, as the kernel says."""
    inodes = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return next(int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and row[9] in inodes)
