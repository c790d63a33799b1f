"""The mock's judge on the example essays."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common_core.domain_enums import EssayComparisonWinner
from services.llm_provider_service.comparison.mock_judge import Reading, judge

ROOT = Path(__file__).parents[5]
ESSAYS = ROOT / "examples" / "essays"
INTENDED = tuple(ESSAYS.joinpath("intended_ranking.txt").read_text().split())
TEXTS = {name: ESSAYS.joinpath(name).read_text() for name in INTENDED}
SEEDS = range(10)
A, B = EssayComparisonWinner


def winner(first: str, second: str, seed: int) -> str:
    reading = judge(TEXTS[first], TEXTS[second], seed=seed)
    return first if reading.winner is A else second


def ranking(seed: int) -> list[str]:
    wins = dict.fromkeys(INTENDED, 0)
    for first, second in combinations(INTENDED, 2):
        wins[winner(first, second, seed)] += 1
        wins[winner(second, first, seed)] += 1
    return sorted(INTENDED, key=lambda name: -wins[name])


def spearman(found: list[str]) -> float:
    n = len(INTENDED)
    squares = sum((found.index(name) - INTENDED.index(name)) ** 2 for name in INTENDED)
    return 1 - 6 * squares / (n * (n * n - 1))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_seed_ranks_the_example_essays_nearly_as_intended(seed: int) -> None:
    assert spearman(ranking(seed)) >= 0.9


def test_swapping_the_essays_keeps_most_verdicts_but_not_all() -> None:
    pairs = [(first, second, seed) for seed in SEEDS for first, second in combinations(INTENDED, 2)]

    kept = sum(winner(first, second, seed) == winner(second, first, seed) for first, second, seed in pairs)

    assert 0.92 <= kept / len(pairs) <= 0.97


def test_essays_far_apart_are_judged_alike_in_both_orders_and_with_confidence() -> None:
    for seed in SEEDS:
        assert winner("noor.txt", "oskar.txt", seed) == winner("oskar.txt", "noor.txt", seed) == "noor.txt"
        assert judge(TEXTS["noor.txt"], TEXTS["oskar.txt"], seed=seed).confidence >= 4.5
        assert judge(TEXTS["tilda.txt"], TEXTS["greta.txt"], seed=seed).confidence <= 4


def test_the_same_seed_reads_the_same_in_another_process() -> None:
    program = (
        "from services.llm_provider_service.comparison.mock_judge import judge\n"
        "print([judge(f'one{n}', f'two{n}', seed=3).winner.value for n in range(20)])"
    )

    elsewhere = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    here = [judge(f"one{n}", f"two{n}", seed=3).winner.value for n in range(20)]
    assert elsewhere.stdout.strip() == str(here)
    assert set(here) == {"Essay A", "Essay B"}


def test_another_seed_changes_only_close_verdicts() -> None:
    first = [judge(TEXTS[x], TEXTS[y], seed=1).winner for x, y in combinations(INTENDED, 2)]
    second = [judge(TEXTS[x], TEXTS[y], seed=2).winner for x, y in combinations(INTENDED, 2)]

    changed = sum(before != after for before, after in zip(first, second, strict=True))
    assert 1 <= changed <= 8


def test_the_reasons_name_what_is_really_different() -> None:
    sentences = ["The school is quiet today.", "Nobody wants to speak.", "A bell rings far away.", "Then we go home."]
    divided, undivided = "\n\n".join(sentences), " ".join(sentences)

    readings = [judge(divided, undivided, seed=seed) for seed in range(40)]

    praised = {reading.justification for reading in readings if reading.winner is A}
    assert praised == {"Essay A is divided more clearly (4 paragraphs against 1)."}
    against = {reading.justification for reading in readings if reading.winner is B}
    assert against <= {
        "By all that can be counted Essay B is no better than the other essay; it only reads a little better."
    }


def test_a_verdict_against_the_greatest_difference_says_so() -> None:
    careful_and_short = "However, the quiet yard surprised everybody. Nevertheless, we laughed."
    careless_and_long = "becuase phones is realy good and i dont think they shoud ban phones " * 20

    readings = [judge(careful_and_short, careless_and_long, seed=seed) for seed in range(10)]

    assert all(reading.winner is A for reading in readings)
    assert "The other essay develops its case further (260 words against 9)" in readings[0].justification


TEXT = st.text(st.characters(codec="utf-8"))


@given(essay_a=TEXT, essay_b=TEXT, seed=st.integers(min_value=0))
def test_any_two_texts_get_a_verdict_within_the_scales(essay_a: str, essay_b: str, seed: int) -> None:
    reading = judge(essay_a, essay_b, seed=seed)

    assert reading == judge(essay_a, essay_b, seed=seed)
    assert isinstance(reading, Reading)
    assert 1 <= reading.confidence <= 5
    assert reading.confidence == round(reading.confidence, 1)
    assert reading.justification.startswith((f"{reading.winner} ", "By all "))
    assert 1 <= len(reading.justification) <= 500
