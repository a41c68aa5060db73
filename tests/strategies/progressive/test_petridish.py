"""Petridish-style growth: the hull, the costs of lineages, and gains per cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.errors import HarnessError
from harness.problem import Budget, Constraint, Objective, Problem
from harness.spaces import named
from harness.testing.toy import ToySpace
from strategies.progressive.petridish import Petridish, lower_hull
from tests.strategies.support import NearestNeighbour, drive, evaluate, rugged

NB201, NB101, TOY = named.space("nb201"), named.space("nb101"), ToySpace()


def search(space=TOY, seed=0, constraints=(), n_workers=1, **hyperparameters):
    given = Problem(space, (Objective("error"),), Budget(evaluations=60), constraints, n_workers=n_workers)
    return Petridish(given, np.random.default_rng(seed), surrogate=NearestNeighbour(space), **hyperparameters)


def test_known_hulls():
    costs = np.array([1.0, 2.0, 3.0, 4.0, 2.0])
    assert lower_hull(costs, np.array([4.0, 3.0, 2.0, 1.0, 5.0])) == [0, 3]  # on one line: its ends
    assert lower_hull(costs, np.array([4.0, 2.0, 1.5, 1.4, 5.0])) == [0, 1, 2, 3]
    assert lower_hull(costs, np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == [0]
    assert lower_hull(np.zeros(3), np.array([2.0, 1.0, 1.0])) == [1]


@settings(max_examples=60, deadline=None)
@given(arrays(float, (12, 2), elements=st.integers(0, 8).map(float)))
def test_no_point_lies_below_the_hull(points):
    costs, values = points.T
    hull = lower_hull(costs, values)
    x, y = costs[hull], values[hull]
    assert np.all(np.diff(x) > 0)
    assert np.all(np.diff(y) < 0)
    assert np.all(np.diff(np.diff(y) / np.diff(x)) > 0)
    assert x[0] == costs.min()
    assert y[-1] == values.min()
    assert np.all(values >= np.interp(costs, x, y) - 1e-9)


@pytest.mark.parametrize("space", [NB201, NB101])
@pytest.mark.parametrize("cost", ["params_m", "macs_m", "level"])
def test_costs_never_fall_along_a_lineage(space, cost):
    """Every child has a parent trained before it that it contains and that costs no more."""
    strategy = search(space, cost=cost)
    archs, _ = drive(strategy, rugged, 60)
    costs = strategy.costs(archs)
    places = {int(key): row for row, key in reversed([*enumerate(space.code(archs).tolist())])}
    parents = np.full(len(archs), -1)
    for row, arch in enumerate(archs):
        for key in space.code(space.growth.grow(arch)).tolist():
            child = places.get(int(key), -1)
            if child > row and costs[child] >= costs[row] and parents[child] < 0:
                parents[child] = row
    first = strategy.growth.level(archs) == strategy.growth.lowest
    assert (parents[~first][10:] >= 0).all()


def test_the_gain_per_cost_decides():
    """Parent 10: children of 4 at a cost of 3, of 8 at 1, of 9 at none, of 12 at 1 and at 4, and one without parent."""
    strategy = search()
    strategy._gains = dict(enumerate([(10.0, 3.0), (10.0, 1.0), (10.0, 0.0), (10.0, 1.0), (10.0, 4.0)]))

    def value(archs):
        yield from ()
        return np.array([4.0, 8.0, 9.0, 12.0, 12.0, 3.0])

    request = strategy.search(np.zeros((6, 5), dtype=np.uint8), [*range(6)], value)
    with pytest.raises(StopIteration) as done:
        next(request)
    assert done.value.value[2].tolist() == [-2.0, -2.0, -1.0, 2.0, 8.0, 0.0]


def test_children_that_break_a_known_constraint_are_left_out():
    bound = Constraint("params_m", "<=", 0.2)
    strategy = search(NB201, constraints=(bound,))
    archs = []
    while sum(map(len, archs)) < 60:
        proposals = strategy.ask(1)
        costs = NB201.costs(proposals.archs)["params_m"]
        strategy.tell(evaluate(proposals, rugged, lambda _, costs=costs: bound.violation(costs)))
        archs.append(proposals.archs)
    assert np.all(NB201.costs(np.concatenate(archs)[10:])["params_m"] <= 0.2)


def test_the_level_is_the_cost_where_none_is_known():
    strategy = search(TOY)
    assert strategy.cost == "level"
    assert search(NB201).cost == "params_m"
    assert strategy.costs(np.array([[1, 2, 3, 0, 0]])).tolist() == [6.0]


@pytest.mark.parametrize("n_workers", [1, 8])
def test_every_architecture_is_proposed_once_until_the_space_is_exhausted(n_workers):
    strategy = search(n_workers=n_workers, batch=40)
    archs, _ = drive(strategy, rugged, 2000, asked=n_workers)
    assert len(archs) == len(np.unique(archs, axis=0)) == 4**5
    assert len(strategy.ask(1)) == 0


def test_failed_trainings_are_survived():
    archs, _ = drive(search(), lambda archs: np.full(len(archs), np.nan), 40, asked=3)
    assert len(archs) == 40


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"cost": "params"}, "unknown cost 'params'"),
        ({"cost": 2}, "unknown cost 2"),
        ({"parents": 0}, "`parents` must be at least 1"),
        ({"batch": 0}, "`batch` must be at least 1"),
        ({"initial": 1}, "`initial` must be at least 2"),
        ({"space": named.space("darts")}, "'darts' has none"),
    ],
)
def test_what_cannot_be_is_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        search(**hyperparameters)
