"""What is sent and what comes back: comparisons of two real essays, and a vendor's answer with a valid verdict."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, repeat
from pathlib import Path
from typing import Any

import orjson

ESSAYS = Path(__file__).resolve().parents[2] / "examples" / "essays"
PLACE = "0000000000"
PLACEHOLDER = f"[copy {PLACE}]"


def comparisons() -> Iterator[bytes]:
    """Bodies of one length, no two alike: a number in the first essay goes up."""
    body = _body()
    head, _, tail = body.partition(PLACE.encode())
    for number in count(1):
        yield b"%s%010d%s" % (head, number, tail)


def same_comparison() -> Iterator[bytes]:
    """One body for ever."""
    return repeat(_body())


def completion() -> bytes:
    """A chat completion as a vendor writes it, with a verdict inside."""
    verdict = {
        "justification": "Essay A states its position at once, answers the strongest objection and keeps to the "
        "question, while Essay B repeats itself and leaves its examples without a conclusion.",
        "winner": "Essay A",
        "confidence": 4,
    }
    message: dict[str, Any] = {
        "role": "assistant",
        "content": orjson.dumps(verdict).decode(),
        "refusal": None,
        "annotations": [],
    }
    details = {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0}
    return orjson.dumps(
        {
            "id": "chatcmpl-BenchBenchBenchBenchBenchBe",
            "object": "chat.completion",
            "created": 1_795_000_000,
            "model": "gpt-5-mini-2025-08-07",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": 1480,
                "completion_tokens": 62,
                "total_tokens": 1542,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": details,
            },
            "service_tier": "default",
            "system_fingerprint": None,
        }
    )


def _body() -> bytes:
    question, essay_a, essay_b = (
        (ESSAYS / f"{name}.txt").read_text(encoding="utf-8") for name in ("question", "noor", "elias")
    )
    return orjson.dumps({"user_prompt": question, "essay_a": f"{PLACEHOLDER} {essay_a}", "essay_b": essay_b})
