"""A route that nobody can look up does not exist; whether the OpenAPI document has it is a contract test."""

from __future__ import annotations

import re

from common_core.llm_contracts import ResultFlag
from services.llm_provider_service.config import Settings
from services.llm_provider_service.startup_setup import create_app
from tests.architecture.enum_sources import error_codes_of_ours
from tests.architecture.sources import ROOT

PAGE = ROOT / "docs" / "api.md"
ROW = re.compile(r"^\| `(GET|POST|PUT|PATCH|DELETE) (/[^`]*)` \| [^|]+ \|$", re.MULTILINE)
SAID_BY_THE_FRAMEWORK = {"HEAD", "OPTIONS"}


def test_every_route_is_on_the_page_and_no_other_is() -> None:
    rules = create_app(Settings(_env_file=None)).url_map.iter_rules()
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in rules
        for method in (rule.methods or set()) - SAID_BY_THE_FRAMEWORK
    }
    assert set(ROW.findall(PAGE.read_text(encoding="utf-8"))) == routes


def test_every_error_code_and_flag_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^\| [45][^|]*\| `(\w+)` \|", page, re.MULTILINE)) == error_codes_of_ours()
    assert {flag for flag in ResultFlag if f"| `{flag}` |" not in page} == set()
