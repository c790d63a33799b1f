"""What the callers of a soak ask, and how they behave: one seed, one sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

import orjson

from common_core.config_enums import SelectionStrategy
from common_core.llm_contracts import CacheMode, FallbackMode
from tests.support.service_process import ROOT

LONGEST_BODY = 64 * 1024
LONGEST_SECONDS = 5.0
RAW_VENDOR = "ollama"
VENDORS = ("openai", "anthropic", "google", "openrouter")
# What the upstream on bare sockets does with a call for such a model; it counts each before it does it.
RAW_FAULTS = (
    "fault-rst", "fault-rst-body", "fault-fin-body", "fault-no-last-chunk", "fault-no-length", "fault-hang",
    "fault-hang-body", "fault-drip", "fault-drip-headers", "fault-garbage", "fault-two-lengths", "fault-big-header",
    "fault-extra-bytes", "fault-redirect", "fault-cookie",
)  # fmt: skip
_ESSAYS = tuple(
    path.read_text(encoding="utf-8")[:700].strip()
    for path in sorted((ROOT / "examples" / "essays").glob("*.txt"))
    if path.stem not in {"question", "intended_ranking"}
)
_WELL_KNOWN = 40
_PROMPT = "Which essay argues its case better?"


class Manner(StrEnum):
    """How a caller behaves."""

    PLAIN = "plain"
    SLOW_BODY = "slow body"
    HANGS_UP = "hangs up"
    BREAKS_OFF = "breaks off in its body"
    NOT_JSON = "no JSON"
    WRONG_TYPE = "wrong media type"
    UNKNOWN_FIELD = "unknown field"
    TOO_LARGE = "body too large"
    NO_DEADLINE = "deadline that is none"


REFUSED_WITH = {
    Manner.NOT_JSON: 400,
    Manner.WRONG_TYPE: 415,
    Manner.UNKNOWN_FIELD: 400,
    Manner.TOO_LARGE: 413,
    Manner.NO_DEADLINE: 400,
}
_RARE = (
    Manner.SLOW_BODY, Manner.HANGS_UP, Manner.HANGS_UP, Manner.HANGS_UP, Manner.BREAKS_OFF, Manner.NOT_JSON,
    Manner.WRONG_TYPE, Manner.UNKNOWN_FIELD, Manner.TOO_LARGE, Manner.NO_DEADLINE,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request; `deadline` is how many seconds the service has for it, `pause` what a rude caller lets pass."""

    number: int
    manner: Manner
    fields: Mapping[str, Any]
    deadline: float
    deadline_named: bool
    pause: float

    @property
    def essays(self) -> tuple[str, str]:
        """What is compared."""
        return self.fields["essay_a"], self.fields["essay_b"]

    @property
    def overrides(self) -> Mapping[str, Any]:
        """Whom it names."""
        named: Mapping[str, Any] = self.fields.get("llm_config_overrides", {})
        return named

    @property
    def answerable(self) -> bool:
        """Whether a healthy service with healthy vendors must answer it with a verdict."""
        civil = self.manner in {Manner.PLAIN, Manner.SLOW_BODY}
        return civil and not self.deadline_named and "model_override" not in self.overrides

    def headers(self) -> dict[str, str]:
        """Those that matter."""
        kind = "text/plain" if self.manner is Manner.WRONG_TYPE else "application/json"
        headers = {"Content-Type": kind}
        if self.manner is Manner.NO_DEADLINE:
            headers["X-Request-Timeout-Ms"] = "soon"
        elif self.deadline_named:
            headers["X-Request-Timeout-Ms"] = str(round(self.deadline * 1000))
        return headers

    def body(self) -> bytes:
        """As it is sent."""
        body = orjson.dumps(self.fields)
        match self.manner:
            case Manner.NOT_JSON:
                return body[:-1]
            case Manner.UNKNOWN_FIELD:
                return orjson.dumps({**self.fields, "winner": "Essay A"})
            case Manner.TOO_LARGE:
                return body.ljust(LONGEST_BODY + 1)
        return body


def bursts(seed: int) -> Iterator[Sequence[Question]]:
    """Without end: what is asked in one moment, mostly a single question, now and then the same one four times."""
    dice = Random(seed)
    number = 0
    while True:
        fields = _fields(dice, number)
        size = 4 if dice.random() < 0.03 else 1
        manner = dice.choice(_RARE) if size == 1 and dice.random() < 0.15 else Manner.PLAIN
        named = dice.random() < 0.1
        burst = [
            Question(
                number=number + place,
                manner=manner,
                fields={**fields, "metadata": {"number": number + place}},
                deadline=round(dice.uniform(0.2, 3.0), 3) if named else LONGEST_SECONDS,
                deadline_named=named,
                pause=dice.uniform(0.0, 0.4),
            )
            for place in range(size)
        ]
        number += size
        yield burst


def _fields(dice: Random, number: int) -> dict[str, Any]:
    if dice.random() < 0.4:
        return _well_known(dice.randrange(_WELL_KNOWN))
    essay_a, essay_b = dice.sample(_ESSAYS, 2)
    fields: dict[str, Any] = {
        "user_prompt": _PROMPT,
        "essay_a": essay_a,
        "essay_b": essay_b,
        "sample_index": 1 + number,
        "cache": dice.choice(tuple(CacheMode)),
        "fallback": dice.choice(tuple(FallbackMode)),
        "tags": [dice.choice(tuple(SelectionStrategy))],
    }
    kind = dice.random()
    if kind < 0.3:
        fields["llm_config_overrides"] = {"provider_override": dice.choice(VENDORS)}
    elif kind < 0.36:
        fields["llm_config_overrides"] = {"provider_override": RAW_VENDOR, "model_override": dice.choice(RAW_FAULTS)}
    return fields


def _well_known(number: int) -> dict[str, Any]:
    """One of a few questions that everybody asks: for the cache, and for those who ask at the same time."""
    essay_a, essay_b = Random(number).sample(_ESSAYS, 2)
    return {"user_prompt": _PROMPT, "essay_a": essay_a, "essay_b": essay_b}


def wave_of(size: int) -> list[Question]:
    """So many different questions, dealt out to the simulated vendors: those hold their answers back when told to."""
    dice = Random(size)
    return [
        Question(
            number=number,
            manner=Manner.PLAIN,
            fields={
                **_well_known(dice.randrange(_WELL_KNOWN)),
                "sample_index": 1 + number,
                "cache": CacheMode.BYPASS,
                "fallback": FallbackMode.NONE,
                "llm_config_overrides": {"provider_override": VENDORS[number % len(VENDORS)]},
                "metadata": {"number": number},
            },
            deadline=LONGEST_SECONDS,
            deadline_named=False,
            pause=0.0,
        )
        for number in range(size)
    ]
