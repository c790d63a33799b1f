"""`./dev unit` runs what opens no socket: nothing else can be in it, and nothing of that can be missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.contract.dev_sandbox import ROOT

PROBE = "tests/support/socket_probe.py"
NOT_MARKED = "a test that is not marked `sockets` opened a socket"
NOT_NEEDED = "it is marked `sockets`, and opened none"


def probed() -> str:
    """What a pytest of its own says of the tests of the probe."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", PROBE],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return ran.stdout


@pytest.mark.sockets
def test_sockets_are_for_tests_with_the_mark_and_the_mark_is_for_tests_with_sockets() -> None:
    said = probed()
    ended = set(re.findall(r"^(PASSED|FAILED) \S+::test_(passes|fails)_", said, re.MULTILINE))
    assert ended == {("PASSED", "passes"), ("FAILED", "fails")}
    assert "7 failed, 4 passed" in said, said
    sections = re.split(r"^_+ (test_\w+) _+$", said, flags=re.MULTILINE)[1:]
    reasons = dict(zip(sections[::2], sections[1::2], strict=True))
    assert NOT_NEEDED in reasons.pop("test_fails_because_the_mark_is_not_needed")
    assert len(reasons) == 6
    assert all(NOT_MARKED in reason for reason in reasons.values())
