"""Does an essay look as if it talked to the judge? A hint for people who read results, and nothing more.

It blocks nothing and changes nothing: what protects the verdict is the keyed data block and the strict reading of
the answer. So a word list is enough here, and a miss or a false alarm costs no more than a flag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from services.llm_provider_service.domain.comparison import Comparison

# What is looked for, behind something rarer that is looked for first: scanning is all that this costs. Each pattern
# begins with a literal, or the search for it would take ten times as long.
_TELLTALES: Mapping[bytes, re.Pattern[bytes]] = {
    word: re.compile(telltales)
    for word, telltales in {
        b"`": rb"```",
        b"<": rb"<(?:/?essay|\||/?system|instruction)",
        b"[": rb"\[(?:inst\]|system\]|/inst\])",
        b"{": rb'"winner"',
        b"essay ": rb"essay [ab](?::| is| wins|\*\*|(?<=choose essay .)|(?<=winner is essay .))",
        b"ignor": rb"ignor(?:e (?:all |any |every|previous|the (?:above|instructions|other essay)|your )"
        rb"|era (?:alla |tidigare)|iere alle|ez toutes|a (?:todas|le ))",
        b"instruct": rb"instructions(?:(?<=new instructions)|(?<=previous instructions)|(?<=prior instructions))",
        b"system": rb"system(?: prompt| message| override|:(?<=\nsystem:))",
        b"disregard ": rb"disregard (?:all|the|any|previous|your)",
    }.items()
}
# Zero-width space and word joiner, bidirectional embeddings, overrides and isolates, and the tag characters' blank.
# Joiners and direction marks are missing on purpose: Persian, Arabic, Hebrew and emoji need them.
_UNSEEN = "\u200b\u2060\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\U000e0020"
_NOT_ASCII = (*_UNSEEN, "忽略", "Игнорируй", "игнорируй")


# One essay is compared with many others, and reading it costs 10 µs; what is kept stays below 10 MB.
_KEPT_ESSAYS = 512
_KEPT_PROMPTS = 4096
_LONGEST_KEPT_ESSAY = 10_000


def injection_suspected(comparison: Comparison, name: str | None = None) -> bool:
    """Whether one of the essays has a mark that instructions to a model tend to have and essays do not.

    *name* tells the prompt of this comparison from all others; with one, what was found is remembered.
    """
    if name is None:
        return _any_suspect(comparison)
    found = _found_for(name)
    if not found:
        found.append(_any_suspect(comparison))
    return found[0]


@lru_cache(_KEPT_PROMPTS)
def _found_for(name: str) -> list[bool]:
    """A place for what was found in the prompt *name*: looking up two long texts costs 3 µs, a name 0.2."""
    return []


def _any_suspect(comparison: Comparison) -> bool:
    for essay in (comparison.essay_a, comparison.essay_b):
        look = _is_suspect if len(essay) > _LONGEST_KEPT_ESSAY else _is_known_suspect
        if look(essay):
            return True
    return False


def _is_suspect(essay: str) -> bool:
    # Bytes, because lowering a long text that is not ASCII costs ten times as much; some marks stand at a line's start.
    lowered = b"\n" + essay.encode(errors="replace").lower()
    for word, telltales in _TELLTALES.items():
        if word in lowered and telltales.search(lowered):
            return True
    return not essay.isascii() and any(telltale in essay for telltale in _NOT_ASCII)


_is_known_suspect = lru_cache(_KEPT_ESSAYS)(_is_suspect)
