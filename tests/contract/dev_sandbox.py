"""A copy of `./dev` in a folder of its own, a PATH that the test decides, and stand-ins for what `./dev` installs."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What the script may use of a machine, beside bash and Python.
TOOLS = ("cat", "cmp", "cp", "dirname", "flock", "head", "mkdir", "rm", "sed", "tail")
BASH = shutil.which("bash") or "/bin/bash"

# Python, its virtual environments, pip, PDM and the checkers in one: it notes each call, fails where STUB_FAILS names
# the call's kind, and makes the files that the real ones would make, as copies of itself.
STAND_IN = f"""#!{BASH}
me=${{0##*/}}
case "$me $*" in
    *'-c import sys'*) kind=version ;;
    *'-c import ensurepip'*) kind=ensurepip ;;
    *'-m venv '*) kind=venv ;;
    *'-m pip install '*) kind=pip ;;
    *'-m pytest '*) kind=pytest ;;
    'pdm sync '*) kind=sync ;;
    ruff*) kind=ruff ;;
    *-VV) kind=name ;;
    *--version | *'-m pip config list' | 'pdm lock '*) kind=question ;;
    *) kind=program ;;
esac
printf '%s %s\\n' "$kind" "$*" >>"$STUB_CALLS"
if [ "$kind" = "${{STUB_FAILS:-}}" ]; then
    printf 'Traceback (most recent call last):\\n%s: no such luck\\n' "$kind" >&2
    exit "${{STUB_EXIT:-1}}"
fi
case $kind in
    name) echo 'Python 3.12.1 (a stand-in)' ;;
    venv) mkdir -p "${{!#}}/bin" && cp "$0" "${{!#}}/bin/python" ;;
    pip) cp "$0" .dev/pdm/bin/pdm ;;
    sync) for name in ruff mypy lint-imports vulture; do cp "$0" ".venv/bin/$name"; done ;;
    pytest) compgen -e >"$STUB_CALLS.environment" ;;
    program) printf '%s\\n' "$@" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Said:
    """How a call of `./dev` ended, and what it printed."""

    exit_code: int
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """The last line on standard error."""
        return self.err.splitlines()[-1]


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: *repository* holds `dev` and the files that it reads, *path* is the only folder on its PATH."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def repository(self) -> Path:
        """Where `dev` is."""
        return self.folder / "repository"

    @property
    def path(self) -> Path:
        """Where programs are."""
        return self.folder / "bin"

    def install(self, *pythons: str) -> None:
        """Put stand-ins on the PATH."""
        for name in pythons:
            (self.path / name).write_text(STAND_IN)
            (self.path / name).chmod(0o755)

    def dev(self, *arguments: str, folder: Path | None = None, fails: str = "", exit_code: int = 1) -> Said:
        """Call `./dev` from *folder*; what *fails* names ends with *exit_code*."""
        ran = subprocess.run(
            [BASH, str(self.repository / "dev"), *arguments],
            cwd=folder or self.repository,
            env={
                "PATH": str(self.path),
                "STUB_CALLS": str(self._calls),
                "STUB_FAILS": fails,
                "STUB_EXIT": str(exit_code),
                **self.settings,
            },
            capture_output=True,
            text=True,
            timeout=30,
        )
        return Said(ran.returncode, ran.stdout, ran.stderr)

    def take_calls(self, *kinds: str) -> list[str]:
        """The calls of these *kinds* since this was last asked."""
        noted = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return [call for call in noted if call.split()[0] in kinds]

    def seen_by_pytest(self) -> set[str]:
        """The names in the environment of the tests."""
        return set(Path(f"{self._calls}.environment").read_text().split())

    @property
    def _calls(self) -> Path:
        return self.folder / "calls"


def bare_machine(folder: Path) -> Machine:
    """A machine without any Python, and a clone of which only `dev` is real."""
    machine = Machine(folder)
    machine.path.mkdir()
    for name in TOOLS:
        os.symlink(shutil.which(name) or f"/bin/{name}", machine.path / name)
    for part in ("libs/one", "services/one"):
        (machine.repository / part).mkdir(parents=True)
        (machine.repository / part / "pyproject.toml").touch()
    for name in ("pdm.lock", "pyproject.toml"):
        (machine.repository / name).touch()
    shutil.copy(ROOT / "dev", machine.repository / "dev")
    return machine
