"""Tournaments and ranks, against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from strategies.parts.ranking import linear_ranking, tournament


def chi_square(drawn, shares):
    expected = len(drawn) * shares
    return (((np.bincount(drawn, minlength=len(shares)) - expected) ** 2) / expected).sum()


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_r_th_best_wins_as_often_as_the_formula_says(size):
    k = np.arange(10)
    shares = (1 - k / 10) ** size - (1 - (k + 1) / 10) ** size
    assert chi_square(tournament(10, size, 20_000, np.random.default_rng(size)), shares) < 27.9  # p = 0.001


def test_the_best_of_a_hundred_wins_a_tournament_of_25_as_often_as_is_published():
    won = (tournament(100, 25, 40_000, np.random.default_rng(0)) == 0).mean()
    assert abs(won - (1 - 0.99**25)) < 3.3 * np.sqrt(0.2222 * 0.7778 / 40_000)


@pytest.mark.parametrize("pressure", [1.0, 1.5, 2.0])
def test_shares_fall_linearly_with_the_rank(pressure):
    shares = np.linspace(pressure, 2 - pressure, 8) / 8
    drawn = linear_ranking(8, pressure, 20_000, np.random.default_rng(1))
    assert chi_square(drawn, np.maximum(shares, 1e-12)) < 24.3  # 7 degrees of freedom, p = 0.001
    assert (drawn.max() == 7) == (pressure < 2)


def test_a_population_of_one_is_its_own_parent():
    rng = np.random.default_rng(0)
    assert tournament(1, 3, 2, rng).tolist() == linear_ranking(1, 2.0, 2, rng).tolist() == [0, 0]
