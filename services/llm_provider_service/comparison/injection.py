"""Flags essays that look like prompt injection. It is only a hint for people who read results.

It blocks nothing and changes nothing: the verdict is protected by the data blocks with their key and by the strict
reading of the answer. So a word list is enough here, and a miss or a false alarm only affects a flag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from services.llm_provider_service.domain.comparison import Comparison

# Each rare word stands for the phrases that contain it: they are searched only if the word is there, to save time. Each
# pattern begins with a literal; otherwise its search takes ten times as long.
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
# Zero-width space and word joiner, bidirectional embeddings, overrides and isolates, and the blank of the tag
# characters. Joiners and direction marks are left out on purpose: Persian, Arabic, Hebrew and emoji need them.
_UNSEEN = "\u200b\u2060\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\U000e0020"
_NOT_ASCII = (*_UNSEEN, "忽略", "Игнорируй", "игнорируй")


# One essay is compared with many others, and scanning it costs 10 µs; the cache stays below 10 MB.
_KEPT_ESSAYS = 512
_KEPT_PROMPTS = 4096
_LONGEST_KEPT_ESSAY = 10_000


def injection_suspected(comparison: Comparison, name: str | None = None) -> bool:
    """Returns whether an essay holds a phrase or character that is typical of instructions to a model.

    *name* identifies the prompt of this comparison; with a name, the result is remembered.
    """
    if name is None:
        return _any_suspect(comparison)
    found = _found_for(name)
    if not found:
        found.append(_any_suspect(comparison))
    return found[0]


@lru_cache(_KEPT_PROMPTS)
def _found_for(name: str) -> list[bool]:
    """Returns the place for the result of the prompt *name*: a look-up by two long texts costs 3 µs, by a name 0.2."""
    return []


def _any_suspect(comparison: Comparison) -> bool:
    for essay in (comparison.essay_a, comparison.essay_b):
        look = _is_suspect if len(essay) > _LONGEST_KEPT_ESSAY else _is_known_suspect
        if look(essay):
            return True
    return False


def _is_suspect(essay: str) -> bool:
    # On bytes: lower-casing a long text that is not ASCII costs ten times as much. Some phrases begin with a newline.
    lowered = b"\n" + essay.encode(errors="replace").lower()
    for word, telltales in _TELLTALES.items():
        if word in lowered and telltales.search(lowered):
            return True
    return not essay.isascii() and any(telltale in essay for telltale in _NOT_ASCII)


_is_known_suspect = lru_cache(_KEPT_ESSAYS)(_is_suspect)
