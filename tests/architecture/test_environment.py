"""No test sees the keys and settings of the person who runs it, with `./dev test` or with pytest alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.architecture.sources import ROOT

PROBE = "services/llm_provider_service/tests/environment_probe.py"
KEY = "sk-somebodys-own-0123456789"
THEIRS = {
    "LLM_PROVIDER_SERVICE_OPENAI_API_KEY": KEY,
    "LLM_PROVIDER_SERVICE_ANTHROPIC_ENABLED": "true",
    "LLM_PROVIDER_SERVICE_PORT": "8111",
    "ANTHROPIC_API_KEY": KEY,
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HARMLESS": "1",
}


def test_pytest_alone_forgets_what_is_personal() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", PROBE],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **THEIRS},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert "1 passed" in ran.stdout


def test_pytest_and_dev_forget_the_same() -> None:
    patterns = r"PERSONAL = \((.+)\)"
    ours = re.findall(r'"([^"]+)"', re.findall(patterns, (ROOT / "conftest.py").read_text(encoding="utf-8"))[0])
    (branch,) = re.findall(r"case \$name in (.+)\) unset", (ROOT / "dev").read_text(encoding="utf-8"))
    assert set(ours) | {"PYTEST_ADDOPTS"} == set(branch.split(" | "))
