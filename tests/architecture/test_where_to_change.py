"""The table of docs/architecture.md, followed: in a copy of the repository, only what a row names is changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from common_core.llm_attempts import SkipReason
from tests.architecture.sources import IGNORED, ROOT

PAGE = ROOT / "docs" / "architecture.md"
ROW = re.compile(r"^\| (?P<task>[^|]+) \| (?P<places>[^|]+) \|$", re.MULTILINE)
PLACE = re.compile(r"`(?P<source>[\w/.<>]+\.(?:py|json|toml))`|\]\((?P<page>[\w/.-]+\.md)\)")
# Where the places of the table are; the first is not written there.
SHELVES = ("services/llm_provider_service", "", "libs/common_core/src")

RETRY_RULE = "change how a kind of failure is retried, how often (`max_attempts`), falls back or moves a breaker"

# What is asked of a changed copy: it prints what the test looks at.
ASK = """
import asyncio, json
from tests.architecture.small_vendor import small_vendor
from tests.support.gateway import running_gateway

async def main():
    async with small_vendor() as vendor, running_gateway(**settings(vendor)) as gateway:
        {body}

def settings(vendor):
    return {settings}

asyncio.run(main())
"""


def rows() -> dict[str, list[Path]]:
    """Each task of the table, and the places that it names, from the root; a pattern stands for all that it fits."""
    table = PAGE.read_text(encoding="utf-8").partition("## Where to change what")[2]
    found = {row["task"].strip(): places(row["places"]) for row in ROW.finditer(table)}
    return {task: named for task, named in found.items() if task not in ("to", "---")}


def places(written: str) -> list[Path]:
    """The files that a row names."""
    named: list[Path] = []
    for match in PLACE.finditer(written):
        there = [f"docs/{match['page']}"] if match["page"] else [f"{shelf}/{match['source']}" for shelf in SHELVES]
        patterns = [re.sub(r"<\w+>", "*", name.lstrip("/")) for name in there]
        files = [file for pattern in patterns for file in ROOT.glob(pattern) if file.is_file()]
        assert files, f"{match[0]} is named and not there"
        named += [file.relative_to(ROOT) for file in files]
    return named


@dataclass
class House:
    """A copy of the repository in which the places of one row may be changed."""

    root: Path
    places: list[Path]

    def change(self, name: str, old: str, new: str, *, after: str = "") -> None:
        """Put *new* in the place of *old*, in the file of that name among the row's places.

        *old* is there once, or it is the first *after* another text.
        """
        (place,) = [place for place in self.places if place.name == name]
        text = (self.root / place).read_text(encoding="utf-8")
        start = text.find(after)
        assert start >= 0, f"{after!r} is not in {place}"
        found = text.count(old, start)
        assert found == 1 or (found and after), f"{old!r} is there {found} times"
        (self.root / place).write_text(text[:start] + text[start:].replace(old, new, 1), encoding="utf-8")

    def run(self, *command: str) -> str:
        """What Python prints for *command*, in the copy."""
        sources = [self.root, *(self.root / "libs" / library / "src" for library in ("common_core", "service_libs"))]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, sources))}
        ended = subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def ask(self, body: str, settings: str = "vendor.settings") -> str:
        """The last line that *body* prints, with a gateway of *settings* in front of one small vendor."""
        return self.run("-c", ASK.format(body=body, settings=settings)).splitlines()[-1]


def house(tmp_path: Path, task: str) -> House:
    """A copy in which the row of *task* is followed."""
    root = tmp_path / "house"
    shutil.copytree(ROOT, root, ignore=lambda folder, names: IGNORED & {*names})
    return House(root, rows()[task])


def test_every_place_of_the_table_is_there() -> None:
    table = rows()
    assert {"add a vendor", "add a field to the answer", "find out why a 503"} <= table.keys()
    assert all(table.values()), table


@pytest.mark.sockets
def test_a_vendor_is_added(tmp_path: Path) -> None:
    changed = house(tmp_path, "add a vendor")
    member = '    OPENAI_COMPATIBLE = "openai_compatible"\n'
    changed.change("config_enums.py", member, f'    ACME = "acme"\n{member}')
    row = "Vendor(\n                provider=LLMProviderType.OPENAI_COMPATIBLE,"
    acme = (
        'Vendor(provider=LLMProviderType.ACME, label="Acme", dialect=Dialect.OPENAI_CHAT,'
        ' base_url="https://api.acme.example", default_model="acme-large"),\n            '
    )
    changed.change("vendors.py", row, acme + row)
    changed.change(
        "models.json",
        '    "openai_compatible": {',
        '    "acme": {"note": "Read in its documents.", "like": "openai_compatible",'
        ' "models": [{"id": "acme-large", "context_window": 128000}]},\n    "openai_compatible": {',
    )
    changed.change("configuration.md", ",openai_compatible`", ",acme,openai_compatible`")
    defaults = {
        "ENABLED": "–",
        "API_KEY": "–",
        "BASE_URL": "`https://api.acme.example`",
        "DEFAULT_MODEL": "`acme-large`",
        "ALLOW_PRIVATE": "`false`",
    }
    written = "".join(f"| `ACME_{name}` | {default} | As above. |\n" for name, default in defaults.items())
    changed.change("configuration.md", "| `OPENAI_COMPATIBLE_ENABLED` |", f"{written}| `OPENAI_COMPATIBLE_ENABLED` |")
    bare = "| `OPENAI_COMPATIBLE_API_KEY` | – | The key of the OpenAI-compatible server. |"
    changed.change("configuration.md", bare, f"| `ACME_API_KEY` | – | The key of Acme. |\n{bare}")
    said = changed.ask(
        "answer = (await gateway.compare()).body\n"
        "        listed = (await gateway.get('/api/v1/providers')).body['providers']\n"
        "        live = [one['provider'] for one in listed if one['enabled']]\n"
        "        print(answer['provider'], answer['model'], answer['flags'], live)",
        "{name.replace('OPENAI', 'ACME'): value for name, value in vendor.settings.items()}",
    )
    assert said == "acme acme-large [] ['acme']"
    documented = "test_settings.py::test_the_page_names_every_setting_with_its_default_and_no_other"
    rules = [f"tests/architecture/{rule}" for rule in (documented, "test_vendor_names.py")]
    rooms = ("providers/test_capabilities.py", "test_default_models.py")
    changed.run("-m", "pytest", "-q", *rules, *(f"services/llm_provider_service/tests/unit/{room}" for room in rooms))


@pytest.mark.sockets
def test_a_retry_rule_is_changed(tmp_path: Path) -> None:
    changed = house(tmp_path, RETRY_RULE)
    print_the_calls = (
        "vendor.once = [503]\n"
        "        answer = await gateway.compare()\n"
        "        calls = answer.body['attempts']\n"
        "        print(answer.status, calls if answer.status == 200 else len(calls))"
    )
    assert changed.ask(print_the_calls) == "200 2"
    changed.change("failures.py", "    retryable = True", "    retryable = False", after="class ServerError(")
    assert changed.ask(print_the_calls) == "503 1"


@pytest.mark.sockets
def test_a_field_is_added_to_the_answer(tmp_path: Path) -> None:
    changed = house(tmp_path, "add a field to the answer")
    changed.change(
        "llm_contracts.py",
        "    flags: list[",
        '    finish_reason: str | None = Field(default=None, description="Why the model stopped.")\n    flags: list[',
        after="class LLMComparisonResponse(",
    )
    changed.change(
        "comparison_mapping.py",
        '                "flags": sorted(flags),\n',
        '                "flags": sorted(flags),\n                "finish_reason": result.answer.finish_reason,\n',
    )
    changed.change(
        "examples.py",
        "        flags=[ResultFlag.FALLBACK_USED],\n",
        '        flags=[ResultFlag.FALLBACK_USED],\n        finish_reason="stop",\n',
    )
    said = changed.ask(
        "answer = (await gateway.compare()).body\n"
        "        schemas = (await gateway.get('/openapi.json')).body['components']['schemas']\n"
        "        print(answer['finish_reason'], 'finish_reason' in schemas['LLMComparisonResponse']['properties'])"
    )
    assert said == "stop True"
    changed.change("api.md", "`prompt_sha256`, `metadata`", "`prompt_sha256`, `finish_reason`, `metadata`")
    changed.change("README.md", '  "flags": []', '  "finish_reason": "stop",\n  "flags": []')
    shown = "test_readme.py::test_the_answer_that_is_shown_is_the_answer_that_comes"
    changed.run("-m", "pytest", "-q", f"tests/contract/{shown}")


def test_the_reason_of_a_503_is_found() -> None:
    (page,) = rows()["find out why a 503"]
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [reason for reason in SkipReason if f"`{reason}`" not in text] == []
    assert "docs/operations/why-503.md" in (ROOT / "README.md").read_text(encoding="utf-8")
