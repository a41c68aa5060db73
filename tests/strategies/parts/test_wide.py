"""Pools that are a whole space or a wide sample of it."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.surrogate import Predict, serve
from strategies.parts.candidates import exact_keys, random_and_mutants
from strategies.parts.wide import WidePool
from tests.strategies.support import NearestNeighbour, ToySpace, drive, edits, problem, rugged


def wide(given=None, seed=0, **more):
    given = given or problem(ToySpace((3,) * 5))
    chosen = {
        "surrogate": NearestNeighbour(given.space),
        "initial": 8,
        "batch": 4,
        "candidates": 1000,
        "parents": 3,
        "edits": 1.0,
        "acquisition": "ucb",
    }
    return WidePool(given, np.random.default_rng(seed), **chosen | more)


def pool_of(strategy):
    """Return the candidates of the first model."""
    drive(strategy, rugged, 8, asked=8)
    plan = strategy.asking(1)
    request = next(plan)
    while not isinstance(request, Predict):
        request = plan.send(serve([request])[0])
    return request.archs, strategy


def test_a_small_space_is_scanned_whole_in_random_order():
    archs, strategy = pool_of(wide())
    assert len(archs) == len(np.unique(archs, axis=0)) == 3**5 - 8
    assert not {*exact_keys(archs)} & {*exact_keys(np.concatenate(strategy._told))}
    codes = strategy.problem.space.code(archs)
    assert abs(np.corrcoef(codes, np.arange(len(codes)))[0, 1]) < 0.2


def test_a_large_space_gives_mutants_of_the_best_and_random_architectures():
    archs, strategy = pool_of(wide(problem(ToySpace((4,) * 12)), candidates=100))
    assert len(archs) == len(np.unique(archs, axis=0)) == 100
    told = np.concatenate(strategy._told)
    parents = told[np.argsort(rugged(told))[:3]]
    near = np.array([edits(archs, parent) for parent in parents]).min(axis=0)
    assert 25 <= (near <= 3).sum() <= 60  # 48 mutants, some of them unedited; random ones are nine edits away
    assert (near >= 5).sum() >= 40


def test_mutants_are_shared_among_the_parents():
    space = ToySpace((4,) * 12)
    parents = space.sample(3, np.random.default_rng(1))
    archs, keys = random_and_mutants(space, parents, 301, set(), exact_keys, np.random.default_rng(2), edits=1.0)
    assert len(archs) == len(keys) == len({*keys}) == 301
    near = [(edits(archs, parent) <= 3).sum() for parent in parents]
    assert min(near) > 20
    taken = {*keys[:50]}
    again, fresh = random_and_mutants(space, parents, 301, taken, exact_keys, np.random.default_rng(2), edits=1.0)
    assert not taken & {*fresh}
    assert len(again) == 301


@pytest.mark.parametrize("candidates", [1000, 7])
def test_the_space_is_exhausted_and_the_search_finishes(candidates):
    strategy = wide(problem(ToySpace((3, 3, 2))), candidates=candidates)
    archs, _ = drive(strategy, rugged, 1000, asked=3)
    assert len(archs) == len(np.unique(archs, axis=0)) == 18
    assert len(strategy.ask(1)) == 0


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"candidates": 3}, "`candidates` must be at least 4"),
        ({"candidates": 10**7}, "`candidates` must be at most 1000000"),
        ({"parents": 0}, "`parents` must be at least 1"),
        ({"edits": 0}, "`edits` must be greater than 0"),
        ({"edits": 1e308}, "`edits` must be at most 1000"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(given, rule):
    with pytest.raises(HarnessError, match=rule):
        wide(**given)
