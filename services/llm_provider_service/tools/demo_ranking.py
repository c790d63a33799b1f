"""Ranks contestants from single verdicts (Bradley-Terry, Newton's method), and compares two rankings. Pure Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log1p, sqrt

PRIOR_SD = 3.0
_MOST_STEPS = 100
_CLOSE_ENOUGH = 1e-10

_Matrix = list[list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """Log-odds against the average contestant (0); one more multiplies the odds to win by e (2.72)."""

    score: float
    standard_error: float


def strengths(count: int, victories: Iterable[tuple[int, int]], *, prior_sd: float = PRIOR_SD) -> list[Strength]:
    """Maximum likelihood estimate of P(i beats j) = 1 / (1 + exp(s_j - s_i)), for contestants 0 to *count* - 1.

    *victories* are (winner, loser), one for each comparison. A normal prior of *prior_sd* log-odds around 0 keeps the
    score of a contestant without a defeat finite; the default hardly changes the others. Standard errors are the square
    roots of the diagonal of the inverted observed information (prior included), with the sum of the scores fixed at 0.
    """
    wins = [[0] * count for _ in range(count)]
    for winner, loser in victories:
        wins[winner][loser] += 1
    precision = 1 / prior_sd**2
    scores = [0.0] * count
    for _ in range(_MOST_STEPS):
        step = _times(_inverse(_information(wins, scores, precision)), _gradient(wins, scores, precision))
        scores = _moved(wins, scores, step, precision)
        if max(map(abs, step), default=0.0) < _CLOSE_ENOUGH:
            break
    covariance = _inverse(_information(wins, scores, precision))
    along_the_sum = 1 / (count * (1 + precision)) if count else 0.0
    return [
        Strength(score=score, standard_error=sqrt(max(0.0, covariance[i][i] - along_the_sum)))
        for i, score in enumerate(scores)
    ]


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rho of two lists of the same things; ties share their rank. `None` if a list has equal values only."""
    ranks_1, ranks_2 = _ranks(first), _ranks(second)
    middle = (len(first) + 1) / 2
    together = sum((a - middle) * (b - middle) for a, b in zip(ranks_1, ranks_2, strict=True))
    spreads = sum((a - middle) ** 2 for a in ranks_1) * sum((b - middle) ** 2 for b in ranks_2)
    return together / sqrt(spreads) if spreads else None


def _odds_share(difference: float) -> float:
    """The logistic function, without overflow."""
    if difference >= 0:
        return 1 / (1 + exp(-difference))
    return exp(difference) / (1 + exp(difference))


def _gradient(wins: Sequence[Sequence[int]], scores: Sequence[float], precision: float) -> list[float]:
    slopes = [-precision * score for score in scores]
    for i, row in enumerate(wins):
        for j, won in enumerate(row):
            if won:
                surprise = won * _odds_share(scores[j] - scores[i])
                slopes[i] += surprise
                slopes[j] -= surprise
    return slopes


def _information(wins: Sequence[Sequence[int]], scores: Sequence[float], precision: float) -> _Matrix:
    """Minus the second derivatives, plus 1/n everywhere, which fixes the sum of the scores: no data determines it."""
    count = len(scores)
    matrix = [[1 / count] * count for _ in range(count)]
    for i in range(count):
        matrix[i][i] += precision
        for j in range(i):
            share = _odds_share(scores[i] - scores[j])
            known = (wins[i][j] + wins[j][i]) * share * (1 - share)
            matrix[i][i] += known
            matrix[j][j] += known
            matrix[i][j] -= known
            matrix[j][i] -= known
    return matrix


def _moved(
    wins: Sequence[Sequence[int]], scores: Sequence[float], step: Sequence[float], precision: float
) -> list[float]:
    """Returns *scores* after the step, or after half, a quarter… of it, so that the likelihood does not fall."""
    here = _log_likelihood(wins, scores, precision)
    share = 1.0
    while share > _CLOSE_ENOUGH:
        there = [score + share * part for score, part in zip(scores, step, strict=True)]
        if _log_likelihood(wins, there, precision) >= here:
            return there
        share /= 2
    return list(scores)


def _log_likelihood(wins: Sequence[Sequence[int]], scores: Sequence[float], precision: float) -> float:
    total = -precision * sum(score * score for score in scores) / 2
    for i, row in enumerate(wins):
        for j, won in enumerate(row):
            if won:
                lead = scores[i] - scores[j]
                total -= won * (max(0.0, -lead) + log1p(exp(-abs(lead))))
    return total


def _inverse(matrix: _Matrix) -> _Matrix:
    """Gauss-Jordan inversion; a positive definite matrix needs no exchange of rows."""
    count = len(matrix)
    rows = [[*row, *(1.0 if i == j else 0.0 for j in range(count))] for i, row in enumerate(matrix)]
    for i in range(count):
        pivot = rows[i][i]
        rows[i] = [value / pivot for value in rows[i]]
        for j in range(count):
            if j != i and rows[j][i]:
                factor = rows[j][i]
                rows[j] = [value - factor * above for value, above in zip(rows[j], rows[i], strict=True)]
    return [row[count:] for row in rows]


def _times(matrix: _Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _ranks(values: Sequence[float]) -> list[float]:
    """Returns ranks from 1 for the smallest; equal values share the mean of their ranks."""
    return [
        sum(other < value for other in values) + (1 + sum(other == value for other in values)) / 2 for value in values
    ]
