"""What is said to the person who starts the service."""

from __future__ import annotations

import errno
import shlex
from pathlib import Path

import pytest

from services.llm_provider_service.config import Settings, load_settings
from services.llm_provider_service.tools.startup_banner import greeting, unbound, url_of

SETTINGS = Settings(_env_file=None, PORT=8090)


@pytest.mark.parametrize(
    ("address", "url"),
    [(("127.0.0.1", 8090), "http://127.0.0.1:8090"), (("::1", 8090), "http://[::1]:8090")],
)
def test_every_line_has_the_address_as_a_url(address: tuple[str, int], url: str) -> None:
    assert url_of(address) == url
    said = greeting(SETTINGS, url_of(address)).splitlines()
    assert said[0] == f"LLM Provider Service: {url}"
    assert f"API page: {url}/docs" in said
    (line,) = (line for line in said if line.startswith("curl "))
    assert f"{url}/api/v1/comparison" in shlex.split(line)


def test_no_shell_takes_the_brackets_of_an_address_for_a_pattern() -> None:
    assert "curl -s 'http://[::1]:8090/api/v1/comparison' -H" in greeting(SETTINGS, "http://[::1]:8090")


def test_a_taken_port_is_one_sentence_that_names_what_to_set() -> None:
    said = unbound(SETTINGS, OSError(errno.EADDRINUSE, "Address already in use"))
    assert said == "Port 8090 is taken; stop what listens there, or set LLM_PROVIDER_SERVICE_PORT."


def test_an_address_that_cannot_be_had_is_named_with_the_reason() -> None:
    said = unbound(SETTINGS, OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"))
    assert said.startswith("Cannot listen on 127.0.0.1, port 8090 (Cannot assign requested address); set ")


def test_a_misspelt_variable_is_in_the_greeting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLM_PROVIDER_SERVICE_PROT", "8111")
    said = greeting(load_settings(), "http://127.0.0.1:8090")
    warning = "LLM_PROVIDER_SERVICE_PROT is no setting and is ignored; did you mean LLM_PROVIDER_SERVICE_PORT?"
    assert f"Warning: {warning}" in said.splitlines()
    assert "8111" not in said
