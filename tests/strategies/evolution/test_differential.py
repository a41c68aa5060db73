"""Differential evolution: its encoding, its trials, and its replacement."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.spaces.rows import RowsSpace
from strategies.evolution.covariance import CMAES
from strategies.evolution.differential import DifferentialEvolution, decode, encode
from strategies.evolution.genetic import GeneticAlgorithm
from tests.strategies.support import ToySpace, distance_to_origin, drive, edits, evaluate, problem, rugged


def build(given=None, seed=0, **hyperparameters):
    return DifferentialEvolution(given or problem(), np.random.default_rng(seed), **hyperparameters)


def begun(given=None, values=rugged, **hyperparameters):
    strategy = build(given, **hyperparameters)
    strategy.tell(evaluate(strategy.ask(1000), values))
    return strategy


class TestEncoding:
    @pytest.mark.parametrize("count", range(1, 65))
    def test_every_category_survives(self, count):
        space, codes = ToySpace((count,)), np.arange(count)[:, None]
        assert np.array_equal(decode(space, encode(space, codes)), codes)
        for seed in range(20):
            assert np.array_equal(decode(space, encode(space, codes, np.random.default_rng(seed))), codes)

    def test_the_edges_of_bins_that_the_published_decoder_loses(self):
        """Compared with multiples of 1/5, 0.6 < 0.6000000000000001: category 3 was decoded as 2."""
        assert np.sum(np.arange(0, 1, 1 / 5) <= 0.6) - 1 == 2
        assert decode(ToySpace((5,)), np.array([[0.6], [0.0], [1.0]])).ravel().tolist() == [3, 0, 4]


class TestTrials:
    def test_without_difference_and_all_from_the_mutant_they_are_copies(self):
        strategy = begun(scale=0.0, crossover=1.0)
        for _ in range(30):
            assert np.all(strategy._vectors[1:] == strategy._trial(0), axis=1).any()

    @pytest.mark.parametrize("repair", ["random", "clip"])
    def test_without_crossover_one_coordinate_is_the_mutants(self, repair):
        strategy = begun(crossover=0.0, repair=repair)
        changed = [np.flatnonzero(strategy._trial(2) != strategy._vectors[2]) for _ in range(200)]
        assert {len(genes) for genes in changed} == {1}
        assert {int(genes[0]) for genes in changed} == set(range(6))

    def test_the_three_others_are_different_and_not_the_target(self):
        strategy = begun(population=4, crossover=1.0, scale=0.25)
        strategy._vectors = 0.4 + 0.2 * strategy._vectors  # so that nothing leaves the unit cube
        possible = {tuple(np.round(a + 0.25 * (b - c), 9)) for a, b, c in permutations(strategy._vectors[1:])}
        assert {tuple(np.round(strategy._trial(0), 9)) for _ in range(200)} == possible

    @pytest.mark.parametrize("repair", ["random", "clip"])
    def test_they_stay_inside(self, repair):
        strategy = begun(scale=2.0, crossover=1.0, repair=repair)
        trials = np.stack([strategy._trial(0) for _ in range(200)])
        assert trials.min() >= 0
        assert trials.max() <= 1
        assert np.isin([0.0, 1.0], trials).all() == (repair == "clip")

    def test_failed_vectors_are_never_others_and_are_replaced_by_random_ones(self):
        strategy = begun(population=8, values=lambda archs: np.where(np.arange(len(archs)) % 2, np.nan, 1.0))
        assert strategy._usable == [0, 2, 4, 6]
        for _ in range(8):
            strategy.tell(evaluate(strategy.ask(1), rugged))
        assert sorted(strategy._usable) == list(range(8))


class TestReplacement:
    def test_an_equal_trial_replaces_its_target(self):
        strategy = begun(values=lambda archs: np.zeros(len(archs)), look_up=False)
        before = strategy._vectors.copy()
        for _ in range(20):
            strategy.tell(evaluate(strategy.ask(1), lambda archs: np.zeros(len(archs))))
        assert np.all(np.any(strategy._vectors != before, axis=1))

    def test_a_worse_one_does_not(self):
        strategy = begun(values=lambda archs: np.zeros(len(archs)), look_up=False)
        before = strategy._vectors.copy()
        for _ in range(20):
            strategy.tell(evaluate(strategy.ask(1), lambda archs: np.ones(len(archs))))
        assert np.array_equal(strategy._vectors, before)

    def test_targets_take_turns(self):
        strategy = begun(population=5)
        turns = [strategy._running[int(strategy.ask(1).tag[0])][0] for _ in range(5)]
        assert turns == [0, 1, 2, 3, 4]

    def test_workers_wait_only_while_too_few_of_the_first_are_told(self):
        strategy = build(population=6)
        first = strategy.ask(6)
        strategy.tell(evaluate(first.take(slice(0, 3)), rugged))
        assert len(strategy.ask(1)) == 0
        strategy.tell(evaluate(first.take(slice(3, 4)), rugged))
        assert len(strategy.ask(1)) == 1


def test_a_population_that_has_converged_starts_again():
    """Without differences and mutants trials repeat members: only random vectors bring anything new."""
    strategy = build(population=4, scale=0.0, crossover=1.0)
    archs, _ = drive(strategy, rugged, 40)
    assert len(np.unique(archs, axis=0)) == 40
    members = decode(strategy.problem.space, strategy._vectors)
    assert min(edits(archs[:4], member).min() for member in members) > 0, "none of the first is left"


def test_known_results_are_looked_up_until_the_space_is_exhausted():
    space = ToySpace((3, 3, 3))
    archs, _ = drive(build(problem(space, duplicates="forbidden")), rugged, 500)
    assert len(archs) == len(np.unique(archs, axis=0)) == 27


@pytest.mark.parametrize("kind", [DifferentialEvolution, CMAES])
def test_a_table_of_few_rows_is_refused(kind):
    base = ToySpace((6,) * 8)
    rows = RowsSpace(base, np.unique(base.sample(2000, np.random.default_rng(0)), axis=0))
    rule = (
        r"sets each gene by itself, and 0.\d% of such codings are architectures of the space 'toy'.*genetic_algorithm"
    )
    with pytest.raises(HarnessError, match=rule):
        kind(problem(rows), np.random.default_rng(0))


@pytest.mark.parametrize("cardinalities", [(2,), (3,), (2, 2)])
def test_tiny_spaces_run_out(cardinalities):
    archs, _ = drive(build(problem(ToySpace(cardinalities))), rugged, 100, asked=3)
    assert len(archs) == np.prod(cardinalities)


def test_the_order_of_the_codes_matters_and_does_not_for_the_genetic_algorithm():
    space, runs = ToySpace((12,) * 4), 20
    shuffled = 7 * np.arange(12) % 12
    gaps = {}
    for kind in (DifferentialEvolution, GeneticAlgorithm):
        best = np.empty((2, runs))
        for row, objective in enumerate((distance_to_origin, lambda archs: distance_to_origin(shuffled[archs]))):
            for seed in range(runs):
                strategy = kind(problem(space), np.random.default_rng(runs * row + seed), population=10)
                best[row, seed] = drive(strategy, objective, 150)[1].min()
        gaps[kind] = np.diff(best.mean(axis=1))[0] / np.sqrt(best.var(axis=1, ddof=1).sum() / runs)
    assert gaps[DifferentialEvolution] > 4
    assert abs(gaps[GeneticAlgorithm]) < 3


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"population": 3}, "`population` must be at least 4"),
        ({"scale": -0.1}, "`scale` must be at least 0"),
        ({"crossover": 1.5}, "`crossover` must be at most 1"),
        ({"repair": "mirror"}, "`repair` must be one of 'random', 'clip'"),
        ({"look_up": 1}, "`look_up` must be true or false"),
    ],
)
def test_what_is_out_of_range_is_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        build(**hyperparameters)


def test_a_budget_that_forbids_repeats_is_refused_where_they_are_proposed():
    with pytest.raises(HarnessError, match="'forbidden'; or set `look_up = true`"):
        build(problem(duplicates="forbidden"), look_up=False)
