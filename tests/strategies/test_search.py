"""What all these strategies promise, and what random search and regularised evolution do."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.growth import GeneGrowth
from strategies.bayesian.bananas import Bananas
from strategies.evolution.annealing import SimulatedAnnealing
from strategies.evolution.covariance import CMAES
from strategies.evolution.differential import DifferentialEvolution
from strategies.evolution.genetic import GeneticAlgorithm
from strategies.evolution.regularized import RegularizedEvolution
from strategies.local_search.restarts import LocalSearch
from strategies.morphism.autokeras import AutoKeras
from strategies.morphism.nash import Nash
from strategies.progressive.petridish import Petridish
from strategies.progressive.pnas import PNAS
from strategies.random_search import RandomSearch
from strategies.tree_search.lanas import LaNAS
from tests.strategies.support import (
    NearestNeighbour,
    ToySpace,
    constrained,
    distance_to_origin,
    drive,
    edits,
    evaluate,
    problem,
    rugged,
)


class GrowingSpace(ToySpace):
    """The toy space, its values sizes in order."""

    @property
    def growth(self):
        return GeneGrowth(self.cardinalities, steps=True)


def build(kind, given=None, seed=0, **hyperparameters):
    given = given or problem(GrowingSpace() if kind in (PNAS, Petridish) else None)
    if kind in (Bananas, PNAS, Petridish, AutoKeras):
        hyperparameters.setdefault("surrogate", NearestNeighbour(given.space))
    if kind is RegularizedEvolution:
        hyperparameters = {"population": 12, "sample": 4} | hyperparameters
    return kind(given, np.random.default_rng(seed), **hyperparameters)


ALL = [
    (RandomSearch, {}),
    (RandomSearch, {"distinct": True}),
    (RegularizedEvolution, {}),
    (LocalSearch, {"improvement": "first"}),
    (LocalSearch, {"improvement": "best"}),
    (LocalSearch, {"improvement": "gene", "starts": 3, "at_minimum": "continue"}),
    (Bananas, {}),
    (Nash, {}),
    (AutoKeras, {}),
    (PNAS, {"beam": 4}),
    (Petridish, {}),
    (LaNAS, {"initial": 20}),
    (GeneticAlgorithm, {"population": 8, "offspring": 8}),
    (GeneticAlgorithm, {"population": 4, "offspring": 8, "plus": False, "distinct": False}),
    (DifferentialEvolution, {"population": 8}),
    (DifferentialEvolution, {"population": 8, "look_up": False}),
    (SimulatedAnnealing, {}),
    (SimulatedAnnealing, {"first": 1.0, "look_up": False}),
    (CMAES, {}),
    (CMAES, {"look_up": False}),
]


@pytest.mark.parametrize(("kind", "hyperparameters"), ALL)
class TestEveryStrategy:
    def test_equal_generators_give_equal_proposals(self, kind, hyperparameters):
        runs = [drive(build(kind, seed=7, **hyperparameters), rugged, 80)[0] for _ in range(2)]
        other = drive(build(kind, seed=8, **hyperparameters), rugged, 80)[0]
        assert np.array_equal(*runs)
        assert not np.array_equal(runs[0], other)

    def test_the_grouping_of_results_does_not_matter(self, kind, hyperparameters):
        together = drive(build(kind, **hyperparameters), rugged, 80, asked=6)[0]
        apart = drive(build(kind, **hyperparameters), rugged, 80, asked=6, told=1)[0]
        assert np.array_equal(together, apart)

    def test_proposals_are_valid_and_at_the_full_fidelity(self, kind, hyperparameters):
        strategy = build(kind, **hyperparameters)
        for _ in range(40):
            proposals = strategy.ask(3)
            assert proposals.archs.dtype == strategy.problem.space.dtype
            assert strategy.problem.space.is_valid(proposals.archs).all()
            assert np.all(proposals.fidelity == strategy.problem.full_fidelity)
            assert 1 <= len(proposals) <= 3
            strategy.tell(evaluate(proposals, rugged))

    def test_failed_trainings_are_survived(self, kind, hyperparameters):
        archs, _ = drive(build(kind, **hyperparameters), lambda archs: np.full(len(archs), np.nan), 60)
        assert len(archs) == 60

    def test_two_objectives_are_refused_where_one_is_taken(self, kind, hyperparameters):
        if kind is RandomSearch:
            assert len(build(kind, problem(objectives=2), **hyperparameters).ask(3)) == 3
            return
        with pytest.raises(HarnessError, match=r"takes one objective, and the problem has 2 \(error_0, error_1\)"):
            build(kind, problem(objectives=2), **hyperparameters)


@pytest.mark.parametrize(
    ("kind", "hyperparameters", "rule"),
    [
        (RandomSearch, {"distinct": 1}, "`distinct` must be true or false, got 1"),
        (RegularizedEvolution, {"population": 0}, "`population` must be at least 1"),
        (RegularizedEvolution, {"population": 10, "sample": 11}, "`sample` must be at most 10, got 11"),
        (RegularizedEvolution, {"sample": 0}, "`sample` must be at least 1"),
        (LocalSearch, {"improvement": "fist"}, "`improvement` must be one of 'first', 'best'"),
        (Bananas, {"initial": 1}, "`initial` must be at least 2"),
        (Bananas, {"batch": 0}, "`batch` must be at least 1"),
        (Bananas, {"candidates": 9}, "`candidates` must be at least 10"),
        (Bananas, {"parents": 2.5}, "`parents` must be an integer"),
        (Bananas, {"edits": 0}, "`edits` must be greater than 0"),
        (Bananas, {"acquisition": "lcb"}, "`acquisition` must be one of 'its', 'ucb', 'ei', 'pi', 'ts'"),
        (Bananas, {"identity": "same"}, "`identity` must be one of"),
        (Bananas, {"surrogate": "ridge"}, "`surrogate` must be a Surrogate built on the space 'toy'"),
    ],
)
def test_hyperparameters_out_of_range_are_refused_with_the_rule(kind, hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule.replace("(", r"\(")):
        build(kind, **hyperparameters)


@pytest.mark.parametrize("kind", [RandomSearch, RegularizedEvolution])
def test_strategies_that_repeat_refuse_a_budget_that_forbids_it(kind):
    with pytest.raises(HarnessError, match="`duplicates` must be 'charged' or 'free'"):
        build(kind, problem(duplicates="forbidden"))
    build(RandomSearch, problem(duplicates="forbidden"), distinct=True)


class TestRandomSearch:
    @pytest.mark.parametrize("distinct", [False, True])
    def test_results_and_the_size_of_questions_change_nothing(self, distinct):
        by_one = drive(build(RandomSearch, distinct=distinct), rugged, 300)[0]
        by_many = drive(build(RandomSearch, distinct=distinct), distance_to_origin, 300, asked=37)[0]
        assert np.array_equal(by_one, by_many)

    def test_distinct_draws_exhaust_the_space_and_finish(self):
        strategy = build(RandomSearch, problem(ToySpace((3, 5, 2))), distinct=True)
        archs, _ = drive(strategy, rugged, 1000)
        assert len(archs) == len(np.unique(archs, axis=0)) == 30
        assert len(strategy.ask(1)) == 0

    @pytest.mark.parametrize("distinct", [False, True])
    def test_the_best_of_n_has_the_expectation_in_closed_form(self, distinct):
        space = ToySpace((4, 5))
        ordered = np.sort(rugged(space.decode(np.arange(20, dtype=np.uint64))))
        k, n = np.arange(20), 4
        share = (
            [comb(19 - i, n - 1) / comb(20, n) for i in k] if distinct else (1 - k / 20) ** n - (1 - (k + 1) / 20) ** n
        )
        expected = float(np.dot(ordered, share))
        best = [
            drive(build(RandomSearch, problem(space), s, distinct=distinct), rugged, n)[1].min() for s in range(2000)
        ]
        assert abs(np.mean(best) - expected) < 3.5 * np.std(best) / np.sqrt(len(best))

    @pytest.mark.data
    def test_the_best_of_fifty_distinct_cells_of_nas_bench_201(self, shared_data):
        table = np.load(shared_data / "nb201_tss.npz")
        space = ToySpace((5,) * 6)
        error = np.empty(15_625)
        error[space.code(table["op_codes"]).astype(int)] = 100.0 - table["cifar10__val_acc_200"]
        found = []
        for seed in range(1000):
            strategy = build(RandomSearch, problem(space), seed, distinct=True)
            found.append(100.0 - error[space.code(strategy.ask(50).archs).astype(int)].min())
        assert abs(np.mean(found) - 90.7987) < 3.3 * np.std(found) / np.sqrt(1000)


def far_apart(n, genes=12):
    """A space so large that two random architectures are never one edit apart."""
    return problem(ToySpace((4,) * genes)), n


class TestRegularizedEvolution:
    def test_the_initial_population_is_decided_at_once(self):
        strategy = build(RegularizedEvolution, population=50)
        assert len(strategy.ask(20)) == 20
        assert strategy.decided == 30

    def test_defaults_are_the_papers(self):
        strategy = RegularizedEvolution(problem(), np.random.default_rng(0))
        assert (strategy.population, strategy.sample) == (100, 25)

    def test_a_population_of_one_walks_at_random(self):
        """The one parent is always the last told, however bad: age, not merit, decides who is dropped."""
        archs, _ = drive(build(RegularizedEvolution, population=1, sample=1), rugged, 60)
        assert all(edits(archs[i : i + 1], archs[i - 1]) == 1 for i in range(1, 60))

    @pytest.mark.parametrize("asked", [1, 5])
    def test_every_child_is_one_edit_from_one_of_the_last_told(self, asked):
        given, population = far_apart(8)
        archs, _ = drive(build(RegularizedEvolution, given, population=8, sample=3), rugged, 200, asked=asked)
        assert len(archs) == 200
        children = len(archs) - population
        for start in range(population, population + children - asked, asked):
            alive = archs[start - population : start]
            for child in archs[start : start + asked]:
                assert 1 in edits(alive, child)

    def test_the_oldest_dies_even_if_it_is_the_best(self):
        given, _ = far_apart(4)
        strategy = build(RegularizedEvolution, given, population=4, sample=4)
        best = strategy.ask(4).archs
        strategy.tell(evaluate_as(strategy, best, [0.0, 9.0, 9.0, 9.0]))
        parents = parents_of(strategy.ask(200).archs, best)
        assert parents[0] > 100  # 200 (1 - (3/4)**4) = 137 expected
        newcomer = given.space.sample(1, np.random.default_rng(99))
        strategy.tell(evaluate_as(strategy, newcomer, [9.0]))
        assert parents_of(strategy.ask(200).archs, best)[0] == 0

    def test_tournaments_are_drawn_with_replacement(self):
        given, _ = far_apart(10)
        strategy = build(RegularizedEvolution, given, population=10, sample=4)
        initial = strategy.ask(10).archs
        strategy.tell(evaluate_as(strategy, initial, np.arange(10.0)))
        parents = parents_of(strategy.ask(4000).archs, initial)
        k = np.arange(10)
        expected = 4000 * ((1 - k / 10) ** 4 - (1 - (k + 1) / 10) ** 4)
        assert ((parents - expected) ** 2 / expected).sum() < 27.9  # chi-square, 9 degrees of freedom, p = 0.001
        assert parents[7:].sum() > 0  # never, if the four were distinct

    def test_population_is_ordered_by_completion(self):
        given, _ = far_apart(2)
        strategy = build(RegularizedEvolution, given, population=2, sample=2)
        first, second = np.split(strategy.ask(2).archs, 2)
        strategy.tell(evaluate_as(strategy, second, [0.0]))
        strategy.tell(evaluate_as(strategy, first, [5.0]))
        strategy.tell(evaluate_as(strategy, given.space.sample(1, np.random.default_rng(1)), [9.0]))
        parents = parents_of(strategy.ask(50).archs, np.concatenate([first, second]))
        assert parents[0] > 0
        assert parents[1] == 0  # told first, so it died first

    def test_waits_until_there_is_a_parent_and_then_does_not(self):
        strategy = build(RegularizedEvolution, population=4, sample=2)
        initial = strategy.ask(4)
        assert len(strategy.ask(3)) == 0
        strategy.tell(evaluate(initial.take(slice(0, 1)), rugged))
        assert edits(strategy.ask(3).archs, initial.archs[0]).tolist() == [1, 1, 1]

    def test_failed_trainings_are_never_parents(self):
        given, _ = far_apart(6)
        strategy = build(RegularizedEvolution, given, population=6, sample=2)
        initial = strategy.ask(6).archs
        strategy.tell(evaluate_as(strategy, initial, [np.nan, 1.0, np.nan, 2.0, np.nan, 3.0]))
        parents = parents_of(strategy.ask(300).archs, initial)
        assert parents[[0, 2, 4]].sum() == 0
        assert parents.sum() == 300

    def test_feasible_parents_win(self):
        given = constrained(ToySpace((4,) * 12))
        strategy = build(RegularizedEvolution, given, population=3, sample=3)
        proposals = strategy.ask(3)
        order = {row.tobytes(): i for i, row in enumerate(proposals.archs)}
        index = lambda archs: np.array([order[row.tobytes()] for row in archs], dtype=float)  # noqa: E731 - a table
        strategy.tell(evaluate(proposals, lambda a: -index(a), lambda a: index(a)))  # the worst alone is feasible
        parents = parents_of(strategy.ask(300).archs, proposals.archs)
        assert parents[0] > parents[1] > parents[2]


def evaluate_as(strategy, archs, values):
    return evaluate(strategy.proposals(archs), lambda archs: np.asarray(values, dtype=float))


def parents_of(children, candidates):
    """How many children are one edit from each candidate."""
    return np.array([(edits(children, candidate) == 1).sum() for candidate in candidates])
