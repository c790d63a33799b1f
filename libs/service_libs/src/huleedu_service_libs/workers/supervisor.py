"""Supervises several workers on one port: starts, watches, restarts and replaces them without losing a request.

It owns the listening sockets, one for each worker, and keeps them open as long as it lives, so no queued connection is
reset. While the worker of a slot is dead, frozen, not ready yet or only finishing what it has, the other workers accept
its connections.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from huleedu_service_libs.http_server.run import Address
from huleedu_service_libs.observability.logging import get_logger
from huleedu_service_libs.workers.supervised_worker import SupervisedWorker
from huleedu_service_libs.workers.supervisor_options import SupervisorOptions
from huleedu_service_libs.workers.worker_context import bind_shared

SETTINGS_EXIT: Final = 2
_BEAT_SECONDS: Final = 1.0
# Beats without an answer until others accept for a worker, and until it counts as frozen and is killed.
_SUSPECT_BEATS: Final = 2
_FROZEN_BEATS: Final = 30
_KILL_AFTER_GRACE_SECONDS: Final = 4.5
_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 10.0
_HEALTHY_SECONDS: Final = 30.0
_log = get_logger(__name__)


def supervise(
    options: SupervisorOptions,
    *,
    on_ready: Callable[[Address], None] | None = None,
    on_unbound: Callable[[OSError], None] | None = None,
) -> int:
    """Run the workers until SIGTERM or SIGINT; SIGHUP replaces them one by one. Returns the exit code.

    The exit code is 0 after a graceful stop, 2 if the workers refuse the settings and no worker serves, else 1.
    *on_ready* gets the address when all workers are ready for the first time; *on_unbound* gets the error if the
    address cannot be bound. Ends 5 s after the grace period at the latest. For the main thread only.
    """
    try:
        listeners = bind_shared(options.host, options.port, options.workers)
    except OSError as exc:
        _log.error("server_cannot_bind", host=options.host, port=options.port, reason=exc.strerror or str(exc))
        if on_unbound is not None:
            on_unbound(exc)
        return 1
    try:
        return asyncio.run(Supervisor(options, listeners, on_ready).run())
    finally:
        for one in listeners:
            one.close()


class Supervisor:
    """Keeps one worker in each slot; use an instance for one run only."""

    def __init__(
        self, options: SupervisorOptions, listeners: list[socket.socket], on_ready: Callable[[Address], None] | None
    ) -> None:
        self._options = options
        self._listeners = listeners
        self._say_ready = on_ready
        self._workers: set[SupervisedWorker] = set()
        self._slots: dict[int, SupervisedWorker] = {}
        self._left: dict[str, Any] = {}
        self._restarts = 0
        self._delays = dict.fromkeys(range(options.workers), _FIRST_DELAY)
        # A slot gets one new worker at a time, from a restart or from a replacement.
        self._filling = {slot: asyncio.Lock() for slot in self._delays}
        self._stopping = asyncio.Event()
        self._clean = True
        self._exit_code: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._rolling: asyncio.Task[None] | None = None
        self._roll_again = False

    async def run(self) -> int:
        """Run the workers until a signal stops them; returns the exit code of `supervise`."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        for slot in range(self._options.workers):
            self._do(self._fill(slot))
        self._do(self._keep_beating())
        await self._stopping.wait()
        await self._end()
        if self._exit_code is not None:
            return self._exit_code
        return 0 if self._clean else 1

    def _do(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Starting workers, and what to do when one ends.

    async def _start(self, slot: int) -> SupervisedWorker | None:
        def asked(who: SupervisedWorker, what: dict[str, Any]) -> None:
            self._do(self._poll(who, what))

        try:
            worker = await SupervisedWorker.start(
                slot,
                self._listeners,
                on_ready=self._became_ready,
                on_closed=lambda _worker: self._hand_out_sockets(),
                on_ask=asked,
            )
        except OSError as exc:
            _log.error("worker_not_started", slot=slot, reason=exc.strerror or str(exc))
            return None
        self._workers.add(worker)
        worker.ended.add_done_callback(lambda _ended: self._ended(worker))
        if self._stopping.is_set():
            worker.signal(signal.SIGTERM)
        return worker

    async def _fill(self, slot: int) -> None:
        async with self._filling[slot]:
            if slot in self._slots or self._stopping.is_set():
                return
            worker = await self._start(slot)
            if worker is None:
                self._do(self._restart(slot, _LONGEST_DELAY))
                return
            self._slots[slot] = worker
        await worker.gets_ready(self._options.start_seconds)

    def _became_ready(self, worker: SupervisedWorker) -> None:
        _log.info("worker_ready", slot=worker.slot, pid=worker.pid)
        self._hand_out_sockets()
        if self._say_ready is not None and len(self._serving()) == self._options.workers:
            self._say_ready(self._listeners[0].getsockname()[:2])
            self._say_ready = None

    def _ended(self, worker: SupervisedWorker) -> None:
        code = worker.ended.result()
        self._workers.discard(worker)
        for question, fold in self._options.folds.items():
            if question in worker.last:
                self._left[question] = fold(self._left.get(question), worker.last[question])
        self._clean = self._clean and (code == 0 or not self._stopping.is_set())
        _log.info("worker_ended", slot=worker.slot, pid=worker.pid, exit_code=code)
        if self._slots.get(worker.slot) is worker:
            del self._slots[worker.slot]
            if not self._stopping.is_set():
                self._died(worker, code)
        self._hand_out_sockets()

    def _died(self, worker: SupervisedWorker, code: int) -> None:
        if code == SETTINGS_EXIT and not self._serving():
            _log.error("supervisor_gives_up", reason="the workers refuse the settings; they say why above")
            self._exit_code = SETTINGS_EXIT
            self._stopping.set()
            return
        lived = time.monotonic() - worker.started
        delay = _FIRST_DELAY if worker.ready.is_set() and lived > _HEALTHY_SECONDS else self._delays[worker.slot]
        self._delays[worker.slot] = min(_LONGEST_DELAY, delay * 2)
        self._restarts += 1
        _log.error("worker_died", slot=worker.slot, pid=worker.pid, exit_code=code, restart_in_seconds=delay)
        self._do(self._restart(worker.slot, delay))

    async def _restart(self, slot: int, delay: float) -> None:
        await asyncio.sleep(delay)
        await self._fill(slot)

    # Which worker accepts connections of which slot.

    def _serving(self) -> dict[int, SupervisedWorker]:
        """Returns the workers that answer, by slot."""
        return {
            slot: worker
            for slot, worker in self._slots.items()
            if worker.serving and worker.unanswered < _SUSPECT_BEATS
        }

    def _hand_out_sockets(self) -> None:
        """Let each worker accept its own slot's connections; slots without a serving worker are accepted by all."""
        serving = self._serving()
        orphans = frozenset(range(self._options.workers)) - serving.keys()
        for slot, worker in serving.items():
            worker.listen(orphans | {slot})

    # Questions to the workers.

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            for worker in list(self._workers):
                if worker.ready.is_set():
                    self._do(self._beat(worker))

    async def _beat(self, worker: SupervisedWorker) -> None:
        worker.unanswered += 1
        if worker.unanswered == _SUSPECT_BEATS:
            _log.warning("worker_silent", slot=worker.slot, pid=worker.pid)
        if worker.unanswered == _FROZEN_BEATS:
            _log.error("worker_frozen", slot=worker.slot, pid=worker.pid, seconds=_FROZEN_BEATS * _BEAT_SECONDS)
            worker.signal(signal.SIGKILL)
        await worker.ask(None, None, _BEAT_SECONDS)
        self._hand_out_sockets()

    async def _poll(self, asker: SupervisedWorker, asked: dict[str, Any]) -> None:
        question = asked["question"]
        others = [one for one in self._workers if one is not asker and one.ready.is_set()]
        replies = await asyncio.gather(*(one.ask(question, asked["argument"], asked["seconds"]) for one in others))
        answers = [None if reply is None else reply[question] for reply in replies]
        silent = sum(answer is None for answer in answers)
        lasting = question in self._options.folds
        if lasting:
            # The answers of a worker that ended meanwhile are in `_left` already; they must not count twice.
            answers = [one.last.get(question) for one in others if one in self._workers]
        asker.tell_poll(
            asked["number"],
            {
                "answers": [answer for answer in answers if answer is not None],
                "left": self._left.get(question) if lasting else None,
                "asked": len(others),
                "silent": silent,
                "restarts": self._restarts,
                "others": self._options.workers - 1,
            },
        )

    # Replacing all workers, and stopping.

    def _hang_up(self) -> None:
        self._roll_again = True
        if (self._rolling is None or self._rolling.done()) and not self._stopping.is_set():
            self._rolling = self._do(self._roll())

    async def _roll(self) -> None:
        """Replace all workers, and once more if a SIGHUP came meanwhile, because the settings may have changed."""
        while self._roll_again:
            self._roll_again = False
            await self._replace_all()

    async def _replace_all(self) -> None:
        _log.info("rolling_restart_started", workers=self._options.workers)
        for slot in range(self._options.workers):
            if not await self._replace(slot):
                _log.error("rolling_restart_given_up", slot=slot, reason="the replacement did not become ready")
                return
        _log.info("rolling_restart_finished", workers=self._options.workers)

    async def _replace(self, slot: int) -> bool:
        """Start a second worker for *slot*; when it is ready, the first one retires. Returns False if it never is."""
        async with self._filling[slot]:
            replacement = await self._start(slot)
            if replacement is None or not await replacement.gets_ready(self._options.start_seconds):
                return False
            before = self._slots.get(slot)
            self._slots[slot] = replacement
        self._hand_out_sockets()
        if before is not None:
            await before.retire(self._options.retire_seconds + _KILL_AFTER_GRACE_SECONDS)
        return True

    def _stop(self, number: signal.Signals) -> None:
        if not self._stopping.is_set():
            _log.info("supervisor_stopping", grace_seconds=self._options.grace_seconds, workers=len(self._workers))
        self._stopping.set()
        for worker in self._workers:
            worker.signal(number)

    async def _end(self) -> None:
        """Wait for the workers during their grace period, then kill those that are left."""
        if self._rolling is not None:
            self._rolling.cancel()
        end = time.monotonic() + self._options.grace_seconds + _KILL_AFTER_GRACE_SECONDS
        while self._workers and (left := end - time.monotonic()) > 0:
            endings = {worker.ended for worker in self._workers}
            await asyncio.wait(endings, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for worker in set(self._workers):
            _log.error("worker_killed", slot=worker.slot, pid=worker.pid)
            worker.signal(signal.SIGKILL)
            await asyncio.wait({worker.ended}, timeout=1.0)
        for task in list(self._tasks):
            task.cancel()
        _log.info("supervisor_stopped")
