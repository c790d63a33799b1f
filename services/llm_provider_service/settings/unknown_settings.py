"""Variables that were meant as settings and are none: a misspelt one would otherwise be ignored in silence."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource


def unknown_settings(kind: type[BaseSettings]) -> tuple[str, ...]:
    """A sentence for each variable of the environment and `.env` that has *kind*'s prefix and is none of its fields.

    The value is not in it: a misspelt key is a key.
    """
    prefix = kind.model_config.get("env_prefix", "")
    known = [name for name, field in kind.model_fields.items() if field.validation_alias is None]
    # Both sources know names in lower case only.
    found = {*EnvSettingsSource(kind).env_vars, *DotEnvSettingsSource(kind).env_vars}
    ours = {name.upper().removeprefix(prefix) for name in found if name.upper().startswith(prefix)}
    return tuple(_sentence(prefix, name, known) for name in sorted(ours - set(known)))


def _sentence(prefix: str, name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, n=1)
    advice = f"; did you mean {prefix}{close[0]}?" if close else "."
    return f"{prefix}{name} is no setting and is ignored{advice}"
