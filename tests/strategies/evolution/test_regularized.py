"""The presets of aging evolution, and how long an individual lives."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from strategies.evolution.regularized import RegularizedEvolution
from tests.strategies.support import ToySpace, drive, evaluate, problem, rugged


def build(given=None, seed=0, **hyperparameters):
    return RegularizedEvolution(given or problem(), np.random.default_rng(seed), **hyperparameters)


@pytest.mark.parametrize(
    ("hyperparameters", "expected"),
    [
        ({}, (100, 25, "gene")),
        ({"preset": "nb101"}, (100, 10, "gene")),
        ({"preset": "nats"}, (10, 3, "node")),
        ({"preset": "naszilla"}, (30, 10, "gene")),
        ({"preset": "naszilla", "population": 40}, (40, 10, "gene")),
        ({"preset": "nats", "sample": 5, "mutation": "gene"}, (10, 5, "gene")),
        ({"population": 50, "sample": 5, "mutation": "node"}, (50, 5, "node")),
    ],
)
def test_a_preset_is_overridden_by_what_is_given(hyperparameters, expected):
    strategy = build(**hyperparameters)
    assert (strategy.population, strategy.sample, strategy.mutation) == expected


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"preset": "ying"}, "`preset` must be one of 'paper', 'nb101', 'nats', 'naszilla'"),
        ({"mutation": "edge"}, "`mutation` must be one of 'gene', 'node'"),
        ({"preset": "nb101", "population": 5}, "`sample` must be at most 5, got 10"),
    ],
)
def test_what_is_out_of_range_is_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        build(**hyperparameters)


def test_the_preset_of_nats_draws_the_node_first():
    """The one edge into node 1 is drawn with probability 1/3, each of the three into node 3 with 1/9."""
    given = problem(registry.benchmark("nb201-cifar10").space)
    strategy = build(given, preset="nats", population=1, sample=1)
    parent = strategy.ask(1)
    strategy.tell(evaluate(parent, rugged))
    changed = (strategy.ask(6000).archs != parent.archs).sum(axis=0)
    expected = 6000 * np.array([6, 3, 3, 2, 2, 2]) / 18
    assert ((changed - expected) ** 2 / expected).sum() < 20.5  # chi-square, 5 degrees of freedom, p = 0.001


def test_an_individual_lives_exactly_as_many_births_as_the_population_is_large():
    """The optimum is the youngest of the first population, and no child is better: it is gone all the same."""
    size = 8
    strategy = build(problem(ToySpace((4,) * 12)), population=size, sample=3)
    best = strategy.ask(size).archs[-1]
    others = strategy.problem.space.sample(size - 1, np.random.default_rng(99))
    for archs, value in ((others, 1.0), (best[None], 0.0)):
        strategy.tell(evaluate(strategy.proposals(archs), lambda told, value=value: np.full(len(told), value)))
    for births in range(1, size + 1):
        child = strategy.problem.space.sample(1, np.random.default_rng(births))
        strategy.tell(evaluate(strategy.proposals(child), lambda told: np.ones(len(told))))
        assert any(np.array_equal(alive, best) for alive in strategy._archs) == (births < size)


def test_the_preset_of_the_paper_is_what_there_was_without_presets():
    plain, named = (drive(build(**more), rugged, 150)[0] for more in ({}, {"preset": "paper"}))
    assert np.array_equal(plain, named)
