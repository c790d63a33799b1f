"""Run by tests/contract/test_quick_loop.py only, in a pytest of its own: the names say how each test must end."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.vendor_sim import VendorSim

NOBODY_LISTENS = ("127.0.0.1", 9)


def call(family: int = socket.AF_INET, address: object = NOBODY_LISTENS) -> None:
    """Try to connect."""
    with socket.socket(family) as made, suppress(OSError):
        made.connect(address)  # type: ignore[arg-type]  # an address of whatever family


def test_fails_because_it_connects() -> None:
    call()


def test_fails_because_it_connects_over_ipv6() -> None:
    call(socket.AF_INET6, ("::1", 9))


def test_fails_because_it_connects_to_a_path(tmp_path: Path) -> None:
    call(socket.AF_UNIX, str(tmp_path / "absent"))


def test_fails_because_it_binds() -> None:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))


def test_fails_because_it_looks_a_name_up() -> None:
    socket.getaddrinfo("localhost", 80)


def test_fails_although_it_catches_what_it_is_told() -> None:
    with suppress(Exception):
        call()


@pytest.mark.sockets
def test_fails_because_the_mark_is_not_needed() -> None:
    assert socket.AF_INET


@pytest.mark.sockets
def test_passes_with_the_mark() -> None:
    call()


@pytest.mark.sockets
def test_passes_with_the_mark_because_a_process_of_its_own_may_open_some() -> None:
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0


async def test_passes_because_its_fixture_opens_some(sim: VendorSim) -> None:
    assert sim.count() == 0


async def test_passes_without_any() -> None:
    near, far = socket.socketpair()
    near.close()
    far.close()
