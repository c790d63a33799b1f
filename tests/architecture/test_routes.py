"""A route that nobody can look up does not exist; whether the OpenAPI document has it is a contract test."""

from __future__ import annotations

import re

from services.llm_provider_service.config import Settings
from services.llm_provider_service.startup_setup import create_app
from tests.architecture.sources import ROOT

PAGE = ROOT / "docs" / "api.md"
ROW = re.compile(r"^\| `(GET|POST|PUT|PATCH|DELETE) (/[^`]*)` \| [^|]+ \|$", re.MULTILINE)
SAID_BY_THE_FRAMEWORK = {"HEAD", "OPTIONS"}
STATIC_FILES = "static"


def test_every_route_is_on_the_page_and_no_other_is() -> None:
    rules = create_app(Settings(_env_file=None)).url_map.iter_rules()
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in rules
        for method in (rule.methods or set()) - SAID_BY_THE_FRAMEWORK
        if rule.endpoint != STATIC_FILES
    }
    assert set(ROW.findall(PAGE.read_text(encoding="utf-8"))) == routes
