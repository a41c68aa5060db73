"""Importance of genes: known answers by hand, the definition in loops, and laws."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.statistics.importance import anova, in_best, main_effects

CARDINALITIES = np.array([2, 3, 4])
CODINGS = np.array(list(product(*map(range, CARDINALITIES))))


def some_values(seed: int, n: int = len(CODINGS)):
    return np.random.default_rng(seed).normal(0, 3, n)


def test_of_a_sum_of_two_genes_each_explains_its_own_part():
    archs = np.array(list(product(range(2), range(3))))
    values = np.array([0.0, 2.0])[archs[:, 0]] + np.array([0.0, 3.0, 6.0])[archs[:, 1]]
    found = anova(archs, np.array([2, 3]), values)
    assert found.main == pytest.approx([1.0, 6.0])
    assert found.total == pytest.approx(7.0)
    assert found.pair == pytest.approx(np.zeros((2, 2)), abs=1e-12)
    assert found.rest == pytest.approx(0.0, abs=1e-12)


def test_of_exclusive_or_the_pair_explains_everything_and_of_three_genes_the_rest():
    two = np.array(list(product(range(2), repeat=2)))
    found = anova(two, np.array([2, 2]), (two.sum(axis=1) % 2).astype(float))
    assert found.main_shares == pytest.approx([0.0, 0.0])
    assert found.pair_shares[0, 1] == pytest.approx(1.0)
    three = np.array(list(product(range(2), repeat=3)))
    assert anova(three, np.array([2] * 3), (three.sum(axis=1) % 2).astype(float)).rest == pytest.approx(1.0)


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_it_is_its_definition_in_loops_and_all_shares_sum_to_one(seed):
    values = some_values(seed)
    found = anova(CODINGS, CARDINALITIES, values)
    mean = values.mean()
    alone = [{v: values[CODINGS[:, gene] == v].mean() - mean for v in range(c)} for gene, c in enumerate(CARDINALITIES)]
    for gene, effects in enumerate(alone):
        assert found.main[gene] == pytest.approx(np.mean(np.square(list(effects.values()))))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        cells = [
            values[(CODINGS[:, a] == i) & (CODINGS[:, b] == j)].mean() - mean - alone[a][i] - alone[b][j]
            for i, j in product(range(CARDINALITIES[a]), range(CARDINALITIES[b]))
        ]
        assert found.pair[a, b] == found.pair[b, a] == pytest.approx(np.mean(np.square(cells)))
    assert found.total == pytest.approx(values.var())
    assert 0.0 <= found.rest == pytest.approx(1 - found.main_shares.sum() - found.pair_shares.sum() / 2)


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_the_order_of_rows_and_of_genes_means_nothing_and_neither_do_scale_and_shift(seed):
    values, rng = some_values(seed), np.random.default_rng(seed)
    rows, genes = rng.permutation(len(CODINGS)), rng.permutation(3)
    found = anova(CODINGS, CARDINALITIES, values)
    turned = anova(CODINGS[rows][:, genes], CARDINALITIES[genes], 7.0 - 2.0 * values[rows])
    assert turned.main_shares == pytest.approx(found.main_shares[genes])
    assert turned.pair_shares == pytest.approx(found.pair_shares[np.ix_(genes, genes)], abs=1e-12)


def test_a_sample_comes_near_the_whole_within_its_errors_and_finds_nothing_where_nothing_is():
    rng = np.random.default_rng(1)
    table = some_values(5) + 4.0 * CODINGS[:, 1]
    whole = anova(CODINGS, CARDINALITIES, table)
    rows = rng.integers(0, len(CODINGS), 4000)
    found = anova(CODINGS[rows], CARDINALITIES, table[rows], sampled=True)
    assert np.all(np.abs(found.main_shares - whole.main_shares) < 4 * found.main_error + 1e-6)
    assert np.all(np.abs(found.pair_shares - whole.pair_shares) < 4 * found.pair_error + 1e-6)
    assert 0 < found.main_error.max() < 0.05
    empty = [anova(CODINGS[r], CARDINALITIES, rng.normal(size=60), sampled=True).pair_shares[1, 2]
             for r in (rng.integers(0, len(CODINGS), 60) for _ in range(60))]  # fmt: skip
    plugged = [anova(CODINGS[r], CARDINALITIES, rng.normal(size=60)).pair_shares[1, 2]
               for r in (rng.integers(0, len(CODINGS), 60) for _ in range(60))]  # fmt: skip
    assert abs(np.mean(empty)) < 0.05 < np.mean(plugged)  # what means of five values vary by is taken off


def test_the_anova_of_being_best_is_the_pearson_divergence_of_ped_anova():
    losses, share = some_values(3), 0.25
    best = in_best(losses, share)
    assert best.sum() == 6
    assert losses[best == 1].max() < losses[best == 0].min()
    found = anova(CODINGS, CARDINALITIES, best)
    for gene, count in enumerate(CARDINALITIES):
        among_best = np.bincount(CODINGS[best == 1, gene], minlength=count) / best.sum()
        divergence = np.mean((among_best * count - 1.0) ** 2)
        assert found.main[gene] == pytest.approx(share**2 * divergence)
    assert in_best(np.array([1.0, 1.0, 1.0, 2.0]), 0.25).tolist() == [1, 1, 1, 0]  # equals of the last are in


def test_of_dependent_genes_shares_are_epsilon_squared_of_a_one_way_layout():
    archs, values = np.array([[0], [0], [1], [1], [2], [2]]), np.array([1.0, 2.0, 3.0, 5.0, 9.0, 10.0])
    between = 2 * ((1.5 - 5) ** 2 + (4 - 5) ** 2 + (9.5 - 5) ** 2)
    within = 0.5 + 2.0 + 0.5
    expected = (between - 2 * within / 3) / (between + within)
    found = main_effects(archs, np.array([3]), values)
    assert found.main_shares == pytest.approx([expected])
    assert np.isnan(found.pair).all()


def test_a_constant_has_no_shares():
    assert np.isnan(anova(CODINGS, CARDINALITIES, np.ones(len(CODINGS))).main_shares).all()
