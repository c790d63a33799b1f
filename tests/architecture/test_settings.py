"""A setting that nobody reads does not exist, and one that nobody can look up might as well not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from services.llm_provider_service.comparison.prompt import build_request
from services.llm_provider_service.config import Settings, SettingsProblem, load_settings
from services.llm_provider_service.domain.comparison import Comparison
from services.llm_provider_service.domain.completion import CompletionRequest, Sampling
from services.llm_provider_service.gateway.planner import (
    EXPECTED_OUTPUT_TOKENS,
    EXPECTED_REASONING_TOKENS,
    request_bytes,
)
from services.llm_provider_service.gateway.provider_test import TEST_REQUEST
from services.llm_provider_service.policies import routing_rules
from services.llm_provider_service.routing.rule_parser import RuleError
from services.llm_provider_service.settings.prefix import BARE, PREFIX, STANDARD
from tests.architecture.sources import ROOT

PAGE = ROOT / "docs" / "configuration.md"
ROW = re.compile(r"^\| `(?P<name>[A-Z][A-Z0-9_]+)` \| (?P<default>[^|]+) \| (?P<meaning>[^|]+) \|$", re.MULTILINE)
SCRUBBED = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
SECRET = "hunter2-hunter2-hunter2"


def run(module: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run *module* in an empty *folder*, so that no `.env` is found."""
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=folder,
        env={**SCRUBBED, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_every_setting_is_read(tmp_path: Path) -> None:
    ended = run("tests.architecture.settings_watch", tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert sorted(Settings.model_fields) == json.loads(ended.stdout.splitlines()[-1])


def variable(name: str) -> str:
    """The environment variable of a field, without the prefix."""
    return name.removeprefix(BARE)


def shown(field: FieldInfo) -> str:
    """A default as the page writes it."""
    default = field.get_default(call_default_factory=True)
    if default is None or default in ("", {}):
        return "–"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{default}`"


def documented(part: str) -> dict[str, str]:
    """Name and default in each row of the page's *part*."""
    return {row["name"]: row["default"].strip() for row in ROW.finditer(part)}


def test_the_page_names_every_setting_with_its_default_and_no_other() -> None:
    prefixed, _, bare = PAGE.read_text(encoding="utf-8").partition("## Keys without the prefix")
    fields = Settings.model_fields
    assert documented(prefixed) == {name: shown(field) for name, field in fields.items() if not name.startswith(BARE)}
    assert documented(bare) == {variable(name): shown(field) for name, field in fields.items() if name.startswith(BARE)}


def test_every_secret_hides_itself() -> None:
    keys: dict[str, Any] = {variable(name): SECRET for name in Settings.model_fields if name.endswith("_API_KEY")}
    address: dict[str, Any] = {
        "OPENAI_COMPATIBLE_BASE_URL": "https://llm.example",
        "OPENAI_COMPATIBLE_DEFAULT_MODEL": "m",
    }
    settings = Settings(_env_file=None, **keys, **address)
    assert all(vendor.api_key for vendor in settings.accounts)
    assert SECRET not in f"{settings!r} {settings.model_dump()} {settings.accounts}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", SECRET),
        ("PROVIDER_WEIGHTS", SECRET),
        ("PROVIDER_PRIORITY_ORDER", SECRET),
        ("HOST", "0.0.0.0"),  # noqa: S104  # refused is what it must be
        ("OPENAI_BASE_URL", f"https://user:{SECRET}@vendor.example"),
        ("GOOGLE_BASE_URL", "http://192.168.0.1"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsProblem) as raised:
        load_settings()
    assert PREFIX + name in str(raised.value)
    assert value not in str(raised.value)


def complaint(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    """What is said when *value* is given; empty where it can be used."""
    with monkeypatch.context() as environment:
        environment.setenv(PREFIX + name, value)
        try:
            routing_rules(load_settings())
        except (SettingsProblem, RuleError) as problem:
            return str(problem)
    return ""


def test_only_words_of_rules_and_weights_are_quoted_as_the_page_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"ROUTING_RULES": f'[{{"use": {{"provider": "{SECRET}"}}}}]', "PROVIDER_WEIGHTS": f'{{"{SECRET}": 1}}'}
    names = [name for name in Settings.model_fields if not name.startswith((BARE, STANDARD))]
    said = {name: complaint(monkeypatch, name, given.get(name, f"{SECRET} {SECRET}")) for name in names}
    assert len([name for name in names if said[name]]) > 50
    assert {name for name in names if SECRET in said[name]} == set(given)
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert "It does not show the value; only of routing rules and provider weights" in page


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", SECRET, "PORT"),
        ("HOST", "0.0.0.0", "HOST: must be a loopback"),  # noqa: S104  # refused is what it must be
        ("ROUTING_RULES", '[{"use": {"provider": "nobody"}}]', "ROUTING_RULES[0]"),
        ("ROUTING_RULES", '[{"when": {"tag": "a"}, "use": {"provider": "google"}}]', "ROUTING_RULES[0]"),
    ],
    ids=["no number", "not loopback", "a rule for nobody", "a rule for a vendor that is not live"],
)
def test_the_service_does_not_start_with_such_a_setting(tmp_path: Path, name: str, value: str, said: str) -> None:
    ended = run("services.llm_provider_service.tools.serve", tmp_path, **{PREFIX + name: value})
    assert ended.returncode == 2
    assert PREFIX + said in ended.stderr
    assert SECRET not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_the_service_does_not_start_with_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(f"{PREFIX}SERVICE_NAME=B\xfccher\n".encode("latin-1"))
    ended = run("services.llm_provider_service.tools.serve", tmp_path)
    assert ended.returncode == 2
    assert ".env: is not UTF-8" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_rules_on_the_page_are_rules() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    settings = Settings(_env_file=None, GOOGLE_ENABLED=True, GOOGLE_API_KEY=SecretStr(SECRET), ROUTING_RULES=example)
    assert len(routing_rules(settings)) == 2


def test_the_sizes_on_the_page_are_those_of_our_own_text() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    (said,) = re.findall(r"about (\d+) bytes of a comparison, or (\d+) where .+ A provider test has (\d+) bytes", page)
    own = [request_bytes(nothing_asked(system_text)) for system_text in (None, "")]
    assert [int(figure) for figure in said[:2]] == [pytest.approx(size, rel=0.05) for size in own]
    assert int(said[2]) == request_bytes(TEST_REQUEST)


def nothing_asked(system_text: str | None) -> CompletionRequest:
    """A comparison to which the caller gave no text at all."""
    comparison = Comparison(instructions="", essay_a="", essay_b="", system_text=system_text)
    return build_request(comparison, sampling=Sampling(), defaults=Sampling())


def test_a_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{PREFIX}PORT=8111\n{PREFIX}LOG_LEVEL=warning\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"{PREFIX}PORT", "8222")
    assert (load_settings().PORT, load_settings().LOG_LEVEL) == (8222, "WARNING")


def test_a_key_that_happens_to_be_in_a_shell_never_makes_a_paid_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert (load_settings().live_accounts, load_settings().mock_mode) == ((), True)
    monkeypatch.setenv(f"{PREFIX}OPENAI_ENABLED", "true")
    assert [vendor.provider for vendor in load_settings().live_accounts] == ["openai"]


def test_the_page_says_what_least_cost_expects() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    expected = f"{EXPECTED_OUTPUT_TOKENS} tokens of output, and up to {EXPECTED_REASONING_TOKENS:,} more"
    assert expected in page
