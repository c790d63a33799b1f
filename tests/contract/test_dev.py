"""`./dev` on machines that lack something, on one that is ready, and what it hands on."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.contract.dev_sandbox import ROOT, Machine, bare_machine

INSTALLING = ("venv", "pip", "sync")


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    return bare_machine(tmp_path)


@pytest.fixture
def machine(bare: Machine) -> Machine:
    bare.install("python3")
    return bare


@pytest.fixture
def ready(machine: Machine) -> Machine:
    assert machine.dev("serve").exit_code == 0
    machine.take_calls()
    return machine


def test_help_names_each_command() -> None:
    script = (ROOT / "dev").read_text(encoding="utf-8")
    branches = re.findall(r"^([a-z][\w |-]*)\)", script.split("case $command in")[1], re.MULTILINE)
    commands = {name.strip() for branch in branches for name in branch.split("|")} - {"-h", "--help"}
    usage = script.split("usage: ./dev")[1].split("TEXT")[0]
    assert set(re.findall(r"^  ([\w-]+) ", usage, re.MULTILINE)) == commands
    assert {"serve", "demo", "test", "help"} <= commands


def test_help_and_an_unknown_command_need_nothing(bare: Machine) -> None:
    assert bare.dev("help").out == bare.dev().out == bare.dev("--help").out
    said = bare.dev("sevre")
    assert (said.exit_code, said.out) == (2, "")
    assert said.err == "./dev: there is no command 'sevre'; ./dev help lists them.\n"


@pytest.mark.parametrize(
    ("pythons", "fails", "sentence"),
    [
        ((), "", "no Python 3.11 or newer was found"),
        (("python3", "python3.11"), "version", "python3.11 is older than Python 3.11"),
        (("python3",), "ensurepip", "python3 has no venv module; install it (Debian: apt install python3-venv)."),
    ],
    ids=["none", "too-old", "without-venv"],
)
def test_a_python_that_is_missing_or_useless_is_one_sentence(
    bare: Machine, pythons: tuple[str, ...], fails: str, sentence: str
) -> None:
    bare.install(*pythons)
    said = bare.dev("serve", fails=fails)
    assert (said.exit_code, said.out) == (1, "")
    assert said.err.startswith("./dev: ")
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert not (bare.repository / ".dev").exists()


@pytest.mark.parametrize(
    ("fails", "sentence", "log"),
    [
        ("venv", "could not make a virtual environment (Debian: apt install python3-venv).", "venv"),
        ("pip", "PDM could not be installed: is the package index reachable?", "pdm"),
        ("sync", "The locked packages could not be installed: is the package index reachable?", "sync"),
    ],
)
def test_a_step_that_fails_is_one_sentence_and_a_log_and_the_next_call_makes_it_good(
    machine: Machine, fails: str, sentence: str, log: str
) -> None:
    said = machine.dev("serve", fails=fails)
    assert (said.exit_code, said.out) == (1, "")
    assert said.err.splitlines()[:-1] == ["./dev: setting up for the first time; this takes about a minute."]
    kept = machine.repository / ".dev" / f"{log}.log"
    assert said.last_words.endswith(f"{sentence} The log is {kept}.")
    assert f"{fails}: no such luck" in kept.read_text()
    assert machine.dev("serve").exit_code == 0


@pytest.mark.sockets
def test_a_real_pip_that_finds_no_index_is_one_sentence_too(bare: Machine) -> None:
    (bare.path / "python3").symlink_to(Path(sys.executable).resolve())
    bare.settings.update(PIP_INDEX_URL="http://127.0.0.1:9", PIP_RETRIES="0", PIP_CONFIG_FILE="/dev/null")
    said = bare.dev("serve")
    assert said.exit_code == 1
    assert said.last_words.startswith("./dev: PDM could not be installed: is the package index reachable?")
    assert "Traceback" not in said.err


def test_the_first_call_installs_and_the_next_one_does_nothing(machine: Machine) -> None:
    first = machine.dev("serve")
    assert (first.exit_code, first.out) == (0, "-m\nservices.llm_provider_service.tools.serve\n")
    assert [call.split()[0] for call in machine.take_calls(*INSTALLING)] == ["venv", "pip", "venv", "sync"]
    second = machine.dev("serve")
    assert (second.exit_code, second.out, second.err) == (0, first.out, "")
    assert machine.take_calls("version", "ensurepip", *INSTALLING) == []


def test_a_changed_lock_is_installed_without_a_new_environment(ready: Machine) -> None:
    (ready.repository / "pdm.lock").write_text("changed")
    assert ready.dev("serve").exit_code == 0
    assert [call.split()[0] for call in ready.take_calls(*INSTALLING)] == ["sync"]


def test_paths_mean_what_they_meant_to_the_caller(ready: Machine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    (elsewhere / "my requests.jsonl").touch()
    said = ready.dev(
        "warm", "my requests.jsonl", "--url", "http://127.0.0.1:1", "/dev/null", "absent", folder=elsewhere
    )
    module, *handed_on = said.out.splitlines()[1:]
    assert module == "services.llm_provider_service.tools.warm"
    assert handed_on == [str(elsewhere / "my requests.jsonl"), "--url", "http://127.0.0.1:1", "/dev/null", "absent"]


def test_the_tests_see_no_key_no_setting_and_no_proxy_of_the_person_who_runs_them(ready: Machine) -> None:
    theirs = {
        "OPENAI_API_KEY",
        "LLM_PROVIDER_SERVICE_ANTHROPIC_API_KEY",
        "LLM_PROVIDER_SERVICE_PORT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "HTTPS_PROXY",
        "http_proxy",
        "PYTEST_ADDOPTS",
        "PYTHONDONTWRITEBYTECODE",
    }
    ready.settings.update(dict.fromkeys(theirs, "x"), HARMLESS="y")
    for command in ("test", "unit"):
        assert ready.dev(command, "-k", "name").exit_code == 0
        assert "HARMLESS" in ready.seen_by_pytest()
        assert ready.seen_by_pytest() & theirs == set()


def pytest_calls(machine: Machine) -> list[str]:
    """What pytest was told since this was last asked."""
    return [call.removeprefix("pytest -m pytest ") for call in machine.take_calls("pytest")]


def test_without_an_argument_the_sources_are_checked_first_and_then_every_test_runs(ready: Machine) -> None:
    said = ready.dev("test")
    assert said.exit_code == 0
    assert [line.split("  ")[0] for line in said.out.splitlines()] == [
        "format", "lint", "types", "import contracts", "dead code", "lock up to date"
    ]  # fmt: skip
    assert pytest_calls(ready) == ["-q -m serial", "-n 4 --dist worksteal -m not serial"]


@pytest.mark.parametrize(
    ("arguments", "handed_on", "marked", "processes"),
    [
        (["tests/a_test.py"], "tests/a_test.py ", "", None),
        (["tests/a_test.py::test_x[a b]", "-x"], "tests/a_test.py::test_x[a b] -x ", "", None),
        (["-k", "tests"], "-k tests ", "", None),
        (["--lf", "-vv"], "--lf -vv ", "", None),
        (["-m", "slow or not quick"], "", "(slow or not quick) and ", None),
        (["-n", "8", "tests"], "tests ", "", 8),
        (["-s"], "-s ", "", 0),
        (["--pdb"], "--pdb ", "", 0),
    ],
    ids=["a path", "a test", "-k", "others", "-m", "-n", "-s", "--pdb"],
)
def test_with_arguments_exactly_the_tests_that_they_select_run_and_nothing_is_checked(
    ready: Machine, arguments: list[str], handed_on: str, marked: str, processes: int | None
) -> None:
    said = ready.dev("test", *arguments)
    assert (said.exit_code, said.out, said.err) == (0, "", "")
    shared, few = (4, 2) if processes is None else (processes, processes)
    assert pytest_calls(ready) == [
        f"-q {handed_on}-m {marked}serial",
        f"-n {shared} --dist worksteal {handed_on}-m {marked}not serial",
    ]
    assert ready.dev("unit", *arguments).exit_code == 0
    assert pytest_calls(ready) == [f"-n {few} {handed_on}-m {marked}not sockets"]


def test_a_path_and_a_test_in_a_file_mean_what_they_meant_to_the_caller(ready: Machine, tmp_path: Path) -> None:
    (tmp_path / "test_a.py").touch()
    assert ready.dev("test", "-k", "test_a.py", "test_a.py", "test_a.py::test_x", folder=tmp_path).exit_code == 0
    path = tmp_path / "test_a.py"
    assert pytest_calls(ready)[1] == f"-n 4 --dist worksteal -k test_a.py {path} {path}::test_x -m not serial"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "calls"),
    [([], 1, 2), (["-x"], 1, 1), (["-qx"], 1, 1), (["--maxfail=1"], 1, 1), ([], 2, 1), ([], 4, 1)],
)
def test_the_second_half_of_the_tests_runs_unless_the_first_says_that_it_must_not(
    ready: Machine, arguments: list[str], exit_code: int, calls: int
) -> None:
    """1: a test failed; 2: somebody stopped it; 4: there is no such test or option."""
    said = ready.dev("test", "tests", *arguments, fails="pytest", exit_code=exit_code)
    assert said.exit_code == exit_code
    assert len(pytest_calls(ready)) == calls


@pytest.mark.parametrize("command", ["test", "unit"])
def test_where_nothing_is_selected_that_is_said(ready: Machine, command: str) -> None:
    said = ready.dev(command, "-k", "nobody", fails="pytest", exit_code=5)
    assert (said.exit_code, said.last_words) == (5, "./dev: no test was selected.")


@pytest.mark.parametrize(("command", "fast"), [("check", []), ("test", []), ("check", ["--fast"])])
def test_a_check_that_fails_shows_why_and_stops_the_tests(ready: Machine, command: str, fast: list[str]) -> None:
    said = ready.dev(command, *fast, fails="ruff")
    assert said.exit_code == 1
    assert re.search(r"^lint +failed", said.out, re.MULTILINE)
    assert re.search(r"^import contracts +ok", said.out, re.MULTILINE), "the other steps have their say"
    assert ("dead code" in said.out) is (not fast)
    assert "    ruff: no such luck\n" in said.out
    assert ready.take_calls("pytest") == []


def test_check_knows_one_option(ready: Machine) -> None:
    said = ready.dev("check", "--quick")
    assert (said.exit_code, said.err) == (2, "./dev: check knows no '--quick', only --fast.\n")


def test_a_test_that_fails_is_the_exit_code(ready: Machine) -> None:
    assert ready.dev("test", fails="pytest").exit_code == 1
