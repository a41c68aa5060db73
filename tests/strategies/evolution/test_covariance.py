"""CMA-ES: its decoding, its first distribution, and what it learns from."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from harness.errors import HarnessError
from strategies.evolution.covariance import CMAES, decode
from tests.strategies.support import ToySpace, distance_to_origin, drive, evaluate, problem, rugged


def build(given=None, seed=0, **hyperparameters):
    return CMAES(given or problem(), np.random.default_rng(seed), **hyperparameters)


def test_the_largest_entry_of_a_gene_is_its_code():
    vectors = np.array([[0.0, 1.0, -1.0, -3.0, -2.0], [4.0, 1.0, 0.0, 0.1, 0.2]])
    assert decode(ToySpace((2, 3)), vectors).tolist() == [[1, 0], [0, 2]]


def test_the_population_is_that_of_the_package():
    assert build(problem(ToySpace((5,) * 6))).population == 14  # 4 + floor(3 ln 30)
    assert build(population=9).population == 9


def test_at_first_every_value_is_as_likely():
    space = ToySpace((5, 3))
    archs = np.concatenate([build(problem(space), seed, look_up=False).ask(12).archs for seed in range(100)])
    for gene, count in enumerate((5, 3)):
        counts = np.bincount(archs[:, gene], minlength=count)
        assert ((counts - len(archs) / count) ** 2 / (len(archs) / count)).sum() < 18.5  # p = 0.001


def test_vectors_drawn_for_an_architecture_decode_to_it():
    strategy = build(problem(ToySpace((5, 3, 1, 2))))
    archs = strategy.problem.space.sample(200, np.random.default_rng(1))
    vectors = strategy._conditional(archs)
    assert np.array_equal(decode(strategy.problem.space, vectors), archs)
    assert abs(np.std(vectors) - 0.5) < 0.03


def test_only_ranks_count():
    runs = [drive(build(), objective, 120)[0] for objective in (rugged, lambda archs: np.exp(5 * rugged(archs)))]
    assert np.array_equal(*runs)


def test_it_learns_where_the_good_ones_are():
    best = [drive(build(problem(ToySpace((4,) * 8)), seed), distance_to_origin, 250)[1].min() for seed in range(3)]
    assert np.mean(best) <= 1.0


def test_permuting_the_codes_changes_nothing():
    shuffled = np.array([0, 5, 2, 7, 4, 1, 6, 3])
    space = ToySpace((8,) * 4)
    values = [
        [drive(build(problem(space), seed), objective, 100)[1].min() for seed in range(8 * first, 8 * (first + 1))]
        for first, objective in enumerate((distance_to_origin, lambda archs: distance_to_origin(shuffled[archs])))
    ]
    error = np.sqrt(sum(np.var(part, ddof=1) / 8 for part in values))
    assert abs(np.mean(values[0]) - np.mean(values[1])) < 3 * error


def test_failed_trainings_are_left_out_and_replaced():
    strategy = build(population=6, look_up=False)
    told = []
    strategy._search.tell = lambda vectors, ranks: told.append(ranks)
    strategy.tell(evaluate(strategy.ask(6), lambda archs: np.array([1.0, np.nan, 3.0, 2.0, np.nan, 2.0])))
    more = strategy.ask(6)
    assert (len(more), told) == (2, [])
    strategy.tell(evaluate(more, lambda archs: np.array([0.0, 9.0])))
    assert told == [[1.0, 3.0, 2.0, 2.0, 0.0, 4.0]]


def test_a_population_of_five_may_be_drawn_one_by_one():
    """The package mirrors vectors of populations below six, and waits for a generation that takes them all."""
    strategy = build(population=5)
    for running in [strategy.ask(1) for _ in range(60)]:
        strategy.tell(evaluate(running, rugged))
    assert len(strategy.ask(1)) == 1


def test_known_results_are_looked_up_until_the_space_is_exhausted():
    space = ToySpace((3, 3, 3))
    archs, _ = drive(build(problem(space, duplicates="forbidden")), rugged, 500)
    assert len(archs) == len(np.unique(archs, axis=0)) == 27


def test_results_of_two_generations_without_a_question_between_are_taken():
    strategy = build(population=6, look_up=False)
    first = strategy.ask(6)
    more = [strategy.ask(1) for _ in range(6)]
    for one in (first, *more):
        strategy.tell(evaluate(one, rugged))
    assert strategy._search.countiter == 2


def test_without_the_package_it_says_what_to_install(monkeypatch):
    def missing(name, package=None):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(HarnessError, match=r"needs cma: pip install 'nas-harness\[evolution\]'"):
        build()


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"population": 4}, "`population` must be at least 5"),
        ({"look_up": "yes"}, "`look_up` must be true or false"),
    ],
)
def test_what_is_out_of_range_is_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        build(**hyperparameters)
