"""Finds environment variables that look like settings but are not: a misspelt one would be ignored silently."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource


def unknown_settings(kind: type[BaseSettings]) -> tuple[str, ...]:
    """Returns a sentence for each variable (environment or `.env`) with *kind*'s prefix that is not one of its fields.

    The sentence does not show the value: the value of a misspelt key is still a key.
    """
    prefix = kind.model_config.get("env_prefix", "")
    known = [name for name, field in kind.model_fields.items() if field.validation_alias is None]
    # Both sources give names in lower case only.
    found = {*EnvSettingsSource(kind).env_vars, *DotEnvSettingsSource(kind).env_vars}
    ours = {name.upper().removeprefix(prefix) for name in found if name.upper().startswith(prefix)}
    return tuple(_sentence(prefix, name, known) for name in sorted(ours - set(known)))


def _sentence(prefix: str, name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, n=1)
    advice = f"; did you mean {prefix}{close[0]}?" if close else "."
    return f"{prefix}{name} is no setting and is ignored{advice}"
