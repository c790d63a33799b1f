"""Does an essay look as if it talked to the judge? A hint for people who read results, and nothing more.

It blocks nothing and changes nothing: what protects the verdict is the keyed data block and the strict reading of
the answer. So a word list is enough here, and a miss or a false alarm costs no more than a flag.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from services.llm_provider_service.domain.comparison import Comparison

# What is looked for, behind something rarer that is looked for first: scanning is all that this costs.
_TELLTALES: Mapping[bytes, tuple[bytes, ...]] = {
    word.encode(): tuple(telltale.encode() for telltale in telltales)
    for word, telltales in {
        "`": ("```",),
        "<": ("<essay", "</essay", "<|", "<system", "</system", "<instruction"),
        "[": ("[inst]", "[system]", "[/inst]"),
        "{": ('"winner"',),
        "essay ": tuple(
            form.format(name)
            for name in ("essay a", "essay b")
            for form in ("{}:", "{} is", "{} wins", "choose {}", "winner is {}", "{}**")
        ),
        "ignor": (
            "ignore all ",
            "ignore any ",
            "ignore every",
            "ignore previous",
            "ignore the above",
            "ignore the instructions",
            "ignore the other essay",
            "ignore your ",
            "ignorera alla ",
            "ignorera tidigare",
            "ignoriere alle",
            "ignorez toutes",
            "ignora todas",
            "ignora le ",
        ),
        "instruct": ("new instructions", "previous instructions", "prior instructions"),
        "system": ("\nsystem:", "system prompt", "system message", "system override"),
        "disregard ": ("disregard all", "disregard the", "disregard any", "disregard previous", "disregard your"),
    }.items()
}
# Zero-width space and word joiner, bidirectional embeddings, overrides and isolates, and the tag characters' blank.
# Joiners and direction marks are missing on purpose: Persian, Arabic, Hebrew and emoji need them.
_UNSEEN = "\u200b\u2060\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\U000e0020"
_NOT_ASCII = (*_UNSEEN, "忽略", "Игнорируй", "игнорируй")


# One essay is compared with many others, and reading it costs 10 µs; what is kept stays below 10 MB.
_KEPT_ESSAYS = 512
_LONGEST_KEPT_ESSAY = 10_000


def injection_suspected(comparison: Comparison) -> bool:
    """Whether one of the essays has a mark that instructions to a model tend to have and essays do not."""
    for essay in (comparison.essay_a, comparison.essay_b):
        look = _is_suspect if len(essay) > _LONGEST_KEPT_ESSAY else _is_known_suspect
        if look(essay):
            return True
    return False


def _is_suspect(essay: str) -> bool:
    # Bytes, because lowering a long text that is not ASCII costs ten times as much; some marks stand at a line's start.
    lowered = b"\n" + essay.encode(errors="replace").lower()
    for word, telltales in _TELLTALES.items():
        if word in lowered and any(map(lowered.__contains__, telltales)):
            return True
    return not essay.isascii() and any(telltale in essay for telltale in _NOT_ASCII)


_is_known_suspect = lru_cache(_KEPT_ESSAYS)(_is_suspect)
