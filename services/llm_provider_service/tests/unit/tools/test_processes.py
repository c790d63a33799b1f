"""Programs that a tool starts."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.llm_provider_service.tools.processes import ModuleProcess, StartProblem, Stopped, run_until_signal


def process(folder: Path, source: str, *, stop_seconds: float = 5.0) -> ModuleProcess:
    """A module of this source."""
    (folder / "sample_program.py").write_text(source)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return ModuleProcess(
        "It",
        ["sample_program"],
        environment=environment,
        folder=folder,
        log=folder / "it.log",
        stop_seconds=stop_seconds,
    )


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def taken_log(said: str) -> str:
    """The log that is kept where *said* says, and then no more."""
    kept = Path(re.findall(r"Its log is kept in (.+)\.$", said.strip())[0])
    text = kept.read_text()
    kept.unlink()
    return text


async def test_it_is_up_with_its_first_line_and_gone_after_stop(tmp_path: Path) -> None:
    started = process(tmp_path, "import time\nprint('here I am', flush=True)\ntime.sleep(60)")
    assert await started.start() == "here I am"
    assert is_alive(started.pid)
    await started.stop()
    assert not is_alive(started.pid)
    await started.stop()


async def test_what_does_not_start_is_reported_with_its_last_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = process(tmp_path, "raise ValueError('no good')")
    with pytest.raises(StartProblem, match=r"^It did not start: ValueError: no good\n") as caught:
        await broken.start()
    assert "Traceback" in taken_log(str(caught.value))
    await broken.stop()
    assert not is_alive(broken.pid)
    assert caplog.records == []


@pytest.mark.parametrize("end", [ModuleProcess.kill, ModuleProcess.stop])
async def test_one_that_does_not_hear_is_killed(
    tmp_path: Path, end: Callable[[ModuleProcess], Awaitable[None]]
) -> None:
    source = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"
    )
    deaf = process(tmp_path, source, stop_seconds=0.1)
    await deaf.start()
    await end(deaf)
    assert not is_alive(deaf.pid)


async def test_whether_it_has_ended_by_itself_can_be_asked(tmp_path: Path) -> None:
    started = process(tmp_path, "import time\nprint('up', flush=True)\ntime.sleep(60)")
    await started.start()
    assert not await started.has_ended(0.01)
    os.kill(started.pid, signal.SIGKILL)
    assert await started.has_ended(5)


async def test_stopping_what_never_ran_does_nothing(tmp_path: Path) -> None:
    await process(tmp_path, "").stop()
    assert not (tmp_path / "it.log").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_work_and_a_second_one_does_not_disturb_the_cleaning_up(number: signal.Signals) -> None:
    cleaned = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.01)
            cleaned.append("all")

    with pytest.raises(Stopped) as stopped:
        run_until_signal(work())
    assert stopped.value.exit_code == 128 + number
    assert cleaned == ["all"]


def test_without_a_signal_the_result_comes_out() -> None:
    async def work() -> int:
        return 7

    assert run_until_signal(work()) == 7
