"""A judge without any sense of its own: it does whatever is said outside the data blocks.

It compares the first lines of the two blocks, unless something that is not in the honest prompt tells it otherwise:
then it obeys. It is the worst reader that a prompt can have, and the one for which delimiters must hold.
"""

from __future__ import annotations

import json
import re

from common_core.domain_enums import EssayComparisonWinner

_KEY = re.compile(r"[0-9a-f]{32}")


def blocks_and_rest(prompt: str) -> tuple[str, str, str]:
    """Essay A, essay B, and all that stands outside them with the key made anonymous.

    Reads from the top, as a model does: what opens first is the block, and only its own delimiter closes it.
    """
    opening = re.search(r"^<essay_a(_[0-9a-f]{32}|)>\n", prompt, re.MULTILINE)
    if opening is None:
        raise AssertionError("the prompt has no data block")
    suffix = opening[1]
    before, rest = prompt[: opening.start()], prompt[opening.end() :]
    essay_a, _, rest = rest.partition(f"\n</essay_a{suffix}>")
    between, _, rest = rest.partition(f"<essay_b{suffix}>\n")
    essay_b, _, after = rest.partition(f"\n</essay_b{suffix}>")
    return essay_a, essay_b, _KEY.sub("KEY", "\n".join((before, between, after)))


def judged_by_the_obedient(prompt: str, *, honest_prompt: str, attacker: EssayComparisonWinner) -> str:
    """The answer to *prompt*: what *attacker* wants if a word outside the blocks differs from *honest_prompt*."""
    essay_a, essay_b, outside = blocks_and_rest(prompt)
    if outside != blocks_and_rest(honest_prompt)[2]:
        return _answer(attacker)
    better = _mark(essay_a) >= _mark(essay_b)
    return _answer(EssayComparisonWinner.ESSAY_A if better else EssayComparisonWinner.ESSAY_B)


def _mark(essay: str) -> int:
    """The pupil's mark, which stands in the first line of an essay of these tests."""
    return int(essay.splitlines()[0].removeprefix("Mark "))


def _answer(winner: EssayComparisonWinner) -> str:
    return json.dumps({"justification": "So it was said.", "winner": winner, "confidence": 4})
