"""Reads and checks the capability table; an error stops the process at start and names the row."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from common_core.config_enums import LLMProviderType
from common_core.llm_contracts import ReasoningEffortLevel
from services.llm_provider_service.domain.model import ModelProfile, StructuredOutput
from services.llm_provider_service.domain.vendors import VENDORS, Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityTable:
    """The table: its rows, and for each provider the profile of a model without a row."""

    source: str
    date: str
    profiles: tuple[ModelProfile, ...]
    unknown: Mapping[LLMProviderType, ModelProfile]
    schema_keywords_refused: Mapping[LLMProviderType, frozenset[str]]


def read_table(document: bytes) -> CapabilityTable:
    """Returns the table in *document*; raises `ValueError` if it is wrong."""
    table = _only(orjson.loads(document), {"source", "date", "providers"}, "the table")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", _text(table["date"])):
        raise ValueError("capability table: its date is not one")
    sections = {LLMProviderType(name): _section(name, table["providers"]) for name in table["providers"]}
    _check_complete(sections.keys())
    of_all = {name: sections.get(name, sections[LLMProviderType.OPENAI_COMPATIBLE]) for name in LLMProviderType}
    rows = tuple(profile for name, section in sections.items() for profile in _rows(name, section))
    _check_unique(rows)
    return CapabilityTable(
        source=_text(table["source"]),
        date=table["date"],
        profiles=rows,
        unknown={name: _unknown(name, section) for name, section in of_all.items()},
        schema_keywords_refused={
            name: frozenset(map(_text, section.get("schema_keywords_refused", ()))) for name, section in of_all.items()
        },
    )


def _section(name: str, sections: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the section *name*; what it leaves out is taken from the section that it is `like`, but no models."""
    known = {"note", "like", "schema_keywords_refused", "common", "families", "unknown", "models"}
    section = _only(sections[name], known, name)
    _text(section["note"])
    if "like" not in section:
        return section
    if section["like"] not in sections:
        raise ValueError(f"capability table, {name}: there is no section {section['like']!r} to be like")
    return {**sections[section["like"]], "models": (), **section}


def _rows(name: LLMProviderType, section: Mapping[str, Any]) -> Iterator[ModelProfile]:
    for row in section["models"]:
        model = _text(row.get("id"))
        described = {key: value for key, value in row.items() if key not in _IDENTITY}
        family = section["families"][row["family"]] if "family" in row else {}
        facts = _facts(f"{name}/{model}", section["common"], family, described)
        profile = ModelProfile(provider=name, id=model, canonical=row.get("canonical", model), **facts)
        yield profile
        yield from (replace(profile, id=_text(dated)) for dated in row.get("also", ()))


def _unknown(name: LLMProviderType, section: Mapping[str, Any]) -> ModelProfile:
    facts = _facts(f"{name}, unknown", section["common"], section.get("unknown", {}))
    return ModelProfile(provider=name, id="unknown", canonical="unknown", known=False, **facts)


def _facts(where: str, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merges the facts of a row: its own win over its family's, and these over its provider's."""
    merged = {key: value for layer in layers for key, value in layer.items()}
    try:
        return {key: _READERS[key](value) for key, value in merged.items()}
    except (KeyError, ValueError, AttributeError) as error:
        raise ValueError(f"capability table, {where}: {error}") from error


def _check_complete(providers: Collection[LLMProviderType]) -> None:
    """Only vendors with the dialect of `openai_compatible` may have no section of their own."""
    copies = {vendor.provider for vendor in VENDORS.values() if vendor.dialect is Dialect.OPENAI_CHAT}
    needed = (set(LLMProviderType) - copies) | {LLMProviderType.OPENAI_COMPATIBLE}
    missing = sorted(needed - set(providers))
    if missing:
        raise ValueError(f"capability table: missing providers {missing}")


def _check_unique(rows: tuple[ModelProfile, ...]) -> None:
    targets = [profile.target for profile in rows]
    repeated = sorted({str(target) for target in targets if targets.count(target) > 1})
    if repeated:
        raise ValueError(f"capability table: repeated rows {repeated}")


def _only(value: Any, known: set[str], where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or value.keys() - known:
        raise ValueError(f"capability table, {where}: not an object with only {sorted(known)}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value


def _tokens(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no number of tokens")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _temperature(value: Any) -> float:
    if not isinstance(value, float) or not 0 < value <= 2:
        raise ValueError(f"{value!r} is no highest temperature")
    return value


def _efforts(value: Any) -> Mapping[ReasoningEffortLevel, str]:
    return {ReasoningEffortLevel(level): str(word) for level, word in value.items()}


_IDENTITY = frozenset({"id", "family", "canonical", "also"})
_FLAGS = (
    "temperature",
    "top_p",
    "temperature_with_top_p",
    "reasons_by_default",
    "reasoning_forbids_sampling",
    "reasoning_forbids_tools",
    "stop",
    "tools",
    "images",
    "forced_tool_forbids_thinking",
)
_READERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_FLAGS, _flag),
    **dict.fromkeys(("context_window", "max_output_tokens", "required_output_limit", "reasoning_allowance"), _tokens),
    "structured_output": StructuredOutput,
    "output_limit_field": _text,
    "temperature_max": _temperature,
    "efforts": _efforts,
}
