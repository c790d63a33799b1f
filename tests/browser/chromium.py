"""Chromium without a window, with a new profile each time, and with nobody to talk to but this machine."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.browser.devtools import Tab, open_tab

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",  # its sandbox does not start for root, who may run this in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
    "--window-size=1280,1600",
)
START_SECONDS = 30.0
STOP_SECONDS = 10.0


def find_chromium() -> str | None:
    """Where it is; `None` where it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@asynccontextmanager
async def empty_tab(program: str) -> AsyncIterator[Tab]:
    """A tab of a browser of its own, which is ended afterwards, with everything that it has written."""
    # Helpers of a browser that has ended may still write for a moment.
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            *OPTIONS,
            f"--user-data-dir={profile}",
            "about:blank",
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        try:
            address = await _address(process, Path(profile) / "DevToolsActivePort")
            async with (
                aiohttp.ClientSession() as http,
                http.ws_connect(address, max_msg_size=0) as socket,
                open_tab(socket) as tab,
            ):
                yield tab
        finally:
            await _end(process)


async def _address(process: Process, said: Path) -> str:
    """Where it listens; it writes port and path into the file *said* when it does."""
    lines: list[str] = []
    async with asyncio.timeout(START_SECONDS):
        while len(lines) < 2:
            if process.returncode is not None:
                raise RuntimeError(f"Chromium ended with {process.returncode} before it could be spoken to")
            await asyncio.sleep(0.05)
            lines = said.read_text(encoding="ascii").splitlines() if said.exists() else []  # noqa: ASYNC240  # a line
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"


async def _end(process: Process) -> None:
    """SIGTERM, and SIGKILL where that does not help in time."""
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
