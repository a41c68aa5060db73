"""LaNAS: the partition, its bandit, and the draws from its leaves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError
from strategies.tree_search.lanas import LaNAS
from strategies.tree_search.partition import grown, inside, leaves, select
from tests.strategies.support import ToySpace, constrained, drive, evaluate, problem, rugged

SPACE = ToySpace((4,) * 5)
EVERYTHING = SPACE.decode(np.arange(4**5, dtype=np.uint64))


def search(given=None, seed=0, **hyperparameters):
    return LaNAS(given or problem(), np.random.default_rng(seed), **hyperparameters)


def additive(archs):
    weights = np.random.default_rng(3).normal(size=(5, 4))
    return weights[np.arange(5), archs].sum(axis=1)


def tree(archs, values, height=5, leaf=10, regressed=None):
    trained = np.ones(len(values), dtype=bool) if regressed is None else regressed
    return grown(SPACE.one_hot(archs), values, trained, height=height, leaf=leaf)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 20))
def test_every_row_is_in_exactly_one_leaf(seed, height, leaf):
    archs = SPACE.sample(60, np.random.default_rng(seed))
    root = tree(archs, rugged(archs), height, leaf)
    paths = leaves(root)
    assert len(paths) <= 2 ** (height - 1)
    there = np.array([inside(path, SPACE.one_hot(EVERYTHING)) for path in paths])
    assert (there.sum(axis=0) == 1).all()
    told = np.sort(np.concatenate([path[-1].rows for path in paths]))
    assert told.tolist() == list(range(60))
    for path in paths:
        assert inside(path, SPACE.one_hot(archs))[path[-1].rows].all()


@pytest.mark.parametrize("seed", range(5))
def test_the_good_child_is_better_at_every_split_of_an_additive_landscape(seed):
    """True means, over the whole space; the regression is exact once it sees every value of every gene."""
    archs = SPACE.sample(200, np.random.default_rng(seed))
    truth, features = additive(EVERYTHING), SPACE.one_hot(EVERYTHING)
    splits, open_paths = 0, [[tree(archs, additive(archs), height=4, leaf=25)]]
    while open_paths:
        path = open_paths.pop()
        if path[-1].children:
            left, right = ([*path, child] for child in path[-1].children)
            assert truth[inside(left, features)].mean() < truth[inside(right, features)].mean()
            open_paths += [left, right]
            splits += 1
    assert splits >= 3


def test_without_exploration_the_bandit_always_goes_left():
    archs = SPACE.sample(100, np.random.default_rng(0))
    path = select(tree(archs, additive(archs)), 0.0)
    assert len(path) > 2
    assert all(child is node.children[0] for node, child in pairwise(path))


def test_the_bandit_is_the_papers():
    archs = SPACE.sample(100, np.random.default_rng(0))
    root = tree(archs, additive(archs), height=2)
    left, right = root.children
    bonus = [np.sqrt(2 * np.log(100) / child.visits) for child in (left, right)]
    turn = (right.mean - left.mean) / (bonus[1] - bonus[0])  # c at which both are equal, where the right is smaller
    if turn > 0:
        assert select(root, 0.99 * turn)[1] is left
        assert select(root, 1.01 * turn)[1] is right
    left.visits = 10**9
    assert select(root, 10.0 * abs(right.mean - left.mean))[1] is right


def test_equal_values_split_nothing():
    archs = SPACE.sample(50, np.random.default_rng(0))
    assert not tree(archs, np.ones(50)).children


def test_failed_rows_teach_no_regression_but_lie_in_the_nodes():
    archs = SPACE.sample(80, np.random.default_rng(0))
    trained = np.arange(80) % 4 > 0
    values = np.where(trained, additive(archs), 1e6)
    root = tree(archs, values, regressed=trained)
    alone = tree(archs[trained], values[trained])
    np.testing.assert_allclose(root.weights, alone.weights)
    assert sum(len(path[-1].rows) for path in leaves(root)) == 80


def test_renaming_the_values_of_a_gene_renames_the_leaves():
    archs, order = SPACE.sample(80, np.random.default_rng(0)), np.array([2, 0, 3, 1])
    renamed = archs.copy()
    renamed[:, 2] = order[archs[:, 2]]
    root, other = tree(archs, rugged(archs)), tree(renamed, rugged(archs))
    assert [path[-1].rows.tolist() for path in leaves(root)] == [path[-1].rows.tolist() for path in leaves(other)]


def test_draws_come_from_the_leaf_that_is_selected():
    strategy = search(problem(SPACE), initial=60, exploration=0.0)
    strategy.tell(evaluate(strategy.ask(60), additive))
    path = select(strategy._root, 0.0)
    assert inside(path, SPACE.one_hot(strategy.ask(10).archs)).all()


def test_it_beats_random_draws_where_its_assumption_holds():
    best = [drive(search(problem(SPACE), seed), additive, 80)[1].min() for seed in range(5)]
    assert np.mean(best) < additive(EVERYTHING).min() + 0.05


@pytest.mark.parametrize("asked", [1, 8])
def test_every_architecture_is_proposed_once_until_the_space_is_exhausted(asked):
    strategy = search(problem(ToySpace((3, 4, 3)), duplicates="forbidden"), initial=5, batch=4, leaf=2)
    archs, _ = drive(strategy, rugged, 1000, asked=asked)
    assert len(archs) == len(np.unique(archs, axis=0)) == 36
    assert len(strategy.ask(1)) == 0


def test_failed_trainings_are_survived():
    archs, _ = drive(search(initial=5), lambda archs: np.full(len(archs), np.nan), 40, asked=3)
    assert len(archs) == 40


def test_infeasible_results_are_worse_than_feasible_ones():
    strategy = search(constrained(), initial=4)
    start = strategy.ask(4)
    violation = np.array([-1.0, 3.0, 2.0, -1.0])
    objective = np.array([5.0, 0.0, 0.0, np.nan])
    strategy.tell(evaluate(start, lambda archs: objective, lambda archs: violation))
    values = strategy._values(np.array([True, True, True, False]))
    assert values.tolist() == [5.0, 8.0, 7.0, 8.0]


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"initial": 1}, "`initial` must be at least 2"),
        ({"batch": 0}, "`batch` must be at least 1"),
        ({"height": 0}, "`height` must be at least 1"),
        ({"leaf": 0}, "`leaf` must be at least 1"),
        ({"exploration": -1}, "`exploration` must be at least 0"),
        ({"target": "rank"}, "`target` must be one of"),
        ({"encoding": "path"}, "`encoding` must be one of 'one_hot'"),
        ({"identity": "same"}, "`identity` must be one of"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        search(**hyperparameters)
