"""Bradley-Terry against what is known of it, and Spearman's rho."""

from __future__ import annotations

import random
from math import exp, log, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.llm_provider_service.tools.demo_ranking import rank_correlation, strengths

HARDLY_ANY_PRIOR = 1e6
# Agresti, Categorical Data Analysis (1990), 10.6: games won by the row's team against the column's, American League
# East 1987: Milwaukee, Detroit, Toronto, New York, Boston, Cleveland, Baltimore; and his estimates against Baltimore.
BASEBALL_WINS = (
    (0, 7, 9, 7, 7, 9, 11),
    (6, 0, 7, 5, 11, 9, 9),
    (4, 6, 0, 7, 7, 8, 12),
    (6, 8, 6, 0, 6, 7, 10),
    (6, 2, 6, 7, 0, 7, 12),
    (4, 4, 5, 6, 6, 0, 6),
    (2, 4, 1, 3, 1, 7, 0),
)
BASEBALL_SCORES = (1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0.0)

victories = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda pair: pair[0] != pair[1]), max_size=40
)


def test_two_players_are_their_log_odds_apart_with_the_textbook_standard_error() -> None:
    better, worse = strengths(2, [(0, 1)] * 30 + [(1, 0)] * 10, prior_sd=HARDLY_ANY_PRIOR)
    assert better.score - worse.score == pytest.approx(log(30 / 10))
    assert better.score == pytest.approx(-worse.score)
    assert better.standard_error == pytest.approx(sqrt(1 / (4 * 40 * 0.75 * 0.25)))
    assert worse.standard_error == pytest.approx(better.standard_error)


def test_a_published_example_comes_out_as_published() -> None:
    games = [(i, j) for i, row in enumerate(BASEBALL_WINS) for j, won in enumerate(row) for _ in range(won)]
    found = strengths(7, games, prior_sd=HARDLY_ANY_PRIOR)
    assert [round(team.score - found[-1].score, 2) for team in found] == list(BASEBALL_SCORES)


def test_the_default_prior_hardly_moves_contestants_that_won_and_lost() -> None:
    games = [(i, j) for i, row in enumerate(BASEBALL_WINS) for j, won in enumerate(row) for _ in range(won)]
    found = strengths(7, games)
    assert [team.score - found[-1].score for team in found] == pytest.approx(list(BASEBALL_SCORES), abs=0.02)


def test_strengths_are_found_again_in_simulated_verdicts() -> None:
    true = [1.5, 0.75, 0.0, -0.75, -1.5]
    dice = random.Random(3)
    verdicts = []
    for i in range(5):
        for j in range(i):
            for _ in range(400):
                i_wins = dice.random() < 1 / (1 + exp(true[j] - true[i]))
                verdicts.append((i, j) if i_wins else (j, i))
    found = strengths(5, verdicts)
    assert all(0 < one.standard_error < 0.1 for one in found)
    assert all(abs(one.score - real) < 3 * one.standard_error for one, real in zip(found, true, strict=True))


def test_who_never_lost_is_ahead_of_all_and_finite() -> None:
    found = strengths(3, [(0, 1), (0, 2)] * 10 + [(1, 2), (2, 1)])
    assert found[0].score > found[1].score == pytest.approx(found[2].score)
    assert found[0].score < 10
    assert found[0].standard_error > found[1].standard_error


def test_more_verdicts_make_the_error_smaller() -> None:
    few = strengths(2, [(0, 1)] * 3 + [(1, 0)] * 2)
    many = strengths(2, [(0, 1)] * 300 + [(1, 0)] * 200)
    assert many[0].standard_error < few[0].standard_error / 5


def test_without_verdicts_all_are_equal() -> None:
    assert [one.score for one in strengths(3, [])] == [0.0, 0.0, 0.0]


@given(victories=victories, order=st.permutations(range(5)))
@settings(max_examples=60, deadline=None)
def test_names_and_the_sequence_of_verdicts_do_not_matter(victories: list[tuple[int, int]], order: list[int]) -> None:
    plain = strengths(5, victories)
    renamed = strengths(5, [(order[winner], order[loser]) for winner, loser in reversed(victories)])
    for index, one in enumerate(plain):
        assert renamed[order[index]].score == pytest.approx(one.score, abs=1e-6)
        assert renamed[order[index]].standard_error == pytest.approx(one.standard_error, abs=1e-6)


@given(victories=victories)
@settings(max_examples=60, deadline=None)
def test_scores_are_centred_and_turn_around_with_the_verdicts(victories: list[tuple[int, int]]) -> None:
    plain = strengths(5, victories)
    turned = strengths(5, [(loser, winner) for winner, loser in victories])
    assert sum(one.score for one in plain) == pytest.approx(0, abs=1e-6)
    assert [one.score for one in turned] == pytest.approx([-one.score for one in plain], abs=1e-6)


@pytest.mark.parametrize(
    ("first", "second", "rho"),
    [
        ([1, 2, 3], [10, 20, 30], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 2, 3, 4, 5], [1, 2, 3, 5, 4], 0.9),
        ([1, 1, 2], [1, 2, 3], sqrt(3) / 2),
    ],
)
def test_rank_correlation_is_spearmans(first: list[float], second: list[float], rho: float) -> None:
    assert rank_correlation(first, second) == pytest.approx(rho)


def test_rank_correlation_of_a_list_without_order_is_unknown() -> None:
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None
