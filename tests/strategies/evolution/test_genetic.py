"""The genetic algorithm against what its operators promise."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.problem import Budget, Constraint
from harness.search.known import offered
from harness.search.loop import make_problem, run_block
from strategies.evolution.genetic import GeneticAlgorithm
from strategies.parts.candidates import mutate_genes
from tests.strategies.support import ToySpace, constrained, distance_to_origin, drive, evaluate, problem, rugged


def build(given=None, seed=0, **hyperparameters):
    return GeneticAlgorithm(given or problem(), np.random.default_rng(seed), **hyperparameters)


def generation(strategy, objective, constraint=None):
    """Ask for a generation and tell it; return its architectures."""
    proposals = strategy.ask(1000)
    strategy.tell(evaluate(proposals, objective, constraint))
    return proposals.archs


class TestMutation:
    def test_a_copy_of_two_equal_parents_is_as_likely_as_is_published(self):
        """(5/6)^6 = 0.335: what duplicates cost where they are not refused."""
        space = ToySpace((5,) * 6)
        archs = space.sample(20_000, np.random.default_rng(0))
        mutants = mutate_genes(space, archs, 1 / 6, np.random.default_rng(1))
        counts = np.bincount((mutants != archs).sum(axis=1), minlength=7)[:5]
        expected = 20_000 * np.array([comb(6, k) * (1 / 6) ** k * (5 / 6) ** (6 - k) for k in range(5)])
        assert expected[0] == pytest.approx(20_000 * 0.335, rel=2e-3)
        assert ((counts - expected) ** 2 / expected).sum() < 18.5  # 4 degrees of freedom, p = 0.001

    def test_each_gene_and_each_other_value_is_as_likely(self):
        space = ToySpace((4, 4, 4))
        archs = np.ones((30_000, 3), dtype=np.uint8)
        mutants = mutate_genes(space, archs, 1 / 3, np.random.default_rng(0))
        shares = np.array([[np.mean(mutants[:, gene] == value) for value in (0, 2, 3)] for gene in range(3)])
        assert np.abs(shares - 1 / 9).max() < 4 * np.sqrt(1 / 9 * 8 / 9 / 30_000)

    def test_rate_one_changes_every_gene(self):
        space = ToySpace((2, 3, 1, 5))
        archs = space.sample(50, np.random.default_rng(0))
        changed = mutate_genes(space, archs, 1.0, np.random.default_rng(1)) != archs
        assert changed[:, [0, 1, 3]].all()


class TestCrossover:
    def test_without_mutation_every_gene_of_a_child_is_in_the_population_at_its_place(self):
        strategy = build(problem(ToySpace((6,) * 8)), crossover=1.0, mutation=0.0, distinct=False)
        alive = generation(strategy, rugged)
        kinds = [len(set(gene)) for gene in alive.T.tolist()]
        for _ in range(8):
            children = generation(strategy, rugged)
            for gene in range(8):
                assert set(children[:, gene]) <= set(alive[:, gene])
            alive = np.stack([parent.arch for parent in strategy._parents])
            now = [len(set(gene)) for gene in alive.T.tolist()]
            assert all(after <= before for after, before in zip(now, kinds, strict=True)), "diversity never grows"
            kinds = now

    def test_without_crossover_and_mutation_children_are_copies(self):
        strategy = build(problem(ToySpace((6,) * 12)), crossover=0.0, mutation=0.0, distinct=False)
        alive = {arch.tobytes() for arch in generation(strategy, rugged)}
        assert {arch.tobytes() for arch in generation(strategy, rugged)} <= alive


def test_one_max_is_solved_in_as_many_generations_as_is_published():
    """K = 2, L = 30, 20 + 20, tournaments of two: 14 generations in the median, 20 at the 95th percentile."""
    space, needed = ToySpace((2,) * 30), []
    for seed in range(60):
        strategy, count = build(problem(space), seed), 0
        while generation(strategy, distance_to_origin).sum(axis=1).min() > 0:
            count += 1
        needed.append(count)
    assert 13 <= np.median(needed) <= 15
    assert 17 <= np.percentile(needed, 95) <= 22


class TestSurvivors:
    def bests(self, **hyperparameters):
        strategy = build(seed=3, population=6, offspring=8, **hyperparameters)
        bests = []
        for _ in range(25):
            generation(strategy, rugged)
            bests.append(strategy._parents[0].score)
        return np.array(bests)[:, 1]

    def test_plus_never_loses_the_best_and_comma_does(self):
        assert np.all(np.diff(self.bests(plus=True)) <= 0)
        assert np.any(np.diff(self.bests(plus=False, distinct=False)) > 0)

    def test_the_younger_lives_on_among_equals(self):
        strategy = build(population=5, offspring=5)
        generation(strategy, lambda archs: np.zeros(len(archs)))
        children = generation(strategy, lambda archs: np.zeros(len(archs)))
        assert {parent.arch.tobytes() for parent in strategy._parents} == {child.tobytes() for child in children}

    def test_failed_trainings_are_never_parents(self):
        strategy = build(population=6, offspring=6)
        archs = generation(strategy, lambda archs: np.where(np.arange(len(archs)) % 2, np.nan, 1.0))
        assert {parent.arch.tobytes() for parent in strategy._parents} == {arch.tobytes() for arch in archs[::2]}

    def test_comma_keeps_its_parents_where_all_children_failed(self):
        strategy = build(population=4, offspring=6, plus=False)
        generation(strategy, rugged)
        before = strategy._parents
        generation(strategy, lambda archs: np.full(len(archs), np.nan))
        assert strategy._parents == before

    def test_feasible_ones_are_the_best(self):
        strategy = build(constrained(), population=5, offspring=5)
        for _ in range(6):
            generation(strategy, rugged, lambda archs: archs.sum(axis=1) - 7.0)
        assert all(parent.arch.sum() <= 7 for parent in strategy._parents)


def test_rank_selection_draws_the_best_twice_as_often_as_the_average():
    space = ToySpace((4,) * 12)
    strategy = build(problem(space), population=10, selection="rank", crossover=0.0, mutation=0.0, distinct=False)
    generation(strategy, rugged)
    best = strategy._parents[0].arch
    archs, _ = strategy.breed(20_000)
    share = np.all(archs == best, axis=1).mean()
    assert abs(share - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 20_000)


@pytest.mark.parametrize("plus", [True, False])
def test_what_was_proposed_is_refused_until_the_space_is_exhausted(plus):
    space = ToySpace((3, 3, 3))
    archs, _ = drive(build(problem(space, duplicates="forbidden"), plus=plus, population=4, offspring=4), rugged, 500)
    assert len(archs) == len(np.unique(archs, axis=0)) == 27


def test_identity_says_what_is_refused():
    class Halves(ToySpace):
        def _key(self, archs, identity):
            return archs[:, 0].astype(np.uint64)

    archs, _ = drive(build(problem(Halves((5, 7))), population=2, offspring=2, identity="functional"), rugged, 100)
    assert sorted(archs[:, 0]) == [0, 1, 2, 3, 4]


class Shifted(ToySpace):
    """The codes of every gene renamed by a rotation, which sampling, crossover and mutation all commute with."""

    def __init__(self, cardinalities, shift):
        super().__init__(cardinalities)
        self.shift = shift

    def sample(self, n, rng):
        return self.rename(super().sample(n, rng))

    def rename(self, archs):
        return ((archs.astype(int) + self.shift) % self.cardinalities).astype(self.dtype)


def test_renaming_the_codes_renames_the_run():
    plain, renamed = Shifted((5,) * 6, 0), Shifted((5,) * 6, [1, 0, 3, 2, 4, 1])
    back = Shifted((5,) * 6, [4, 0, 2, 3, 1, 4])
    run = drive(build(problem(plain)), lambda archs: np.round(rugged(archs), 6), 200)
    again = drive(build(problem(renamed)), lambda archs: np.round(rugged(back.rename(archs)), 6), 200)
    assert np.array_equal(again[0], renamed.rename(run[0]))


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"population": 0}, "`population` must be at least 1"),
        ({"population": 10, "offspring": 9, "plus": False}, "`offspring` must be at least 10, got 9"),
        ({"tournament": 0}, "`tournament` must be at least 1"),
        ({"selection": "roulette"}, "`selection` must be one of 'tournament', 'rank'"),
        ({"crossover": 1.1}, "`crossover` must be at most 1"),
        ({"mutation": 7.0}, "`mutation` must be at most 6"),
        ({"plus": 1}, "`plus` must be true or false"),
        ({"distinct": "no"}, "`distinct` must be true or false"),
        ({"identity": "same"}, "`identity` must be one of"),
    ],
)
def test_what_is_out_of_range_is_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        build(**hyperparameters)


def test_a_budget_that_forbids_repeats_is_refused_where_they_are_proposed():
    with pytest.raises(HarnessError, match="'forbidden'; or set `distinct = true`"):
        build(problem(duplicates="forbidden"), distinct=False)


class TestOnceForAll:
    """The preset "ofa": a hundred at random, then the best quarter, half mutants and half crossed."""

    def test_its_numbers_are_those_of_the_authors_code(self):
        strategy = build(problem(ToySpace((5,) * 20)), preset="ofa")
        assert (strategy.initial, strategy.population, strategy.offspring) == (100, 25, 100)
        assert (strategy.tournament, strategy.crossover, strategy.plus) == (1, 0.5, True)
        assert (strategy.mutation, strategy.mutated) == (pytest.approx(0.1 * 20), "copies")
        assert build(preset="ofa", initial=7, population=9, mutation=2.0).__dict__.items() >= {
            ("initial", 7),
            ("population", 9),
            ("mutation", 2.0),
        }

    def test_a_quarter_become_parents_and_all_are_drawn_as_often(self):
        strategy = build(problem(ToySpace((6,) * 20)), preset="ofa", mutated="all", crossover=0.0, mutation=0.0)
        first = generation(strategy, rugged)
        assert len(first) == 100
        best = first[np.argsort(rugged(first))[:25]]
        assert [parent.arch.tolist() for parent in strategy._parents] == best.tolist()
        children, _ = strategy.breed(25_000)
        counts = [np.all(children == parent, axis=1).sum() for parent in best]
        assert sum(counts) == 25_000
        assert np.abs(np.array(counts) - 1000).max() < 5 * np.sqrt(1000)

    def test_half_are_mutants_of_one_parent_and_half_have_genes_of_two_unchanged(self):
        class Counting(ToySpace):
            crossed = 0

            def crossover(self, a, b, rng):
                self.crossed += len(a)
                return super().crossover(a, b, rng)

        space = Counting((20,) * 14)
        strategy = build(problem(space), preset="ofa")
        generation(strategy, rugged)
        parents = np.stack([parent.arch for parent in strategy._parents])
        space.crossed = 0
        strategy.breed(4000)
        assert abs(space.crossed - 2000) < 4 * np.sqrt(1000)
        strategy.crossover = 1.0
        inherited = [children == parent for children in (strategy.breed(500)[0],) for parent in parents]
        assert np.any(inherited, axis=0).all(), "what is crossed is not mutated"
        strategy.crossover = 0.0
        changed = [np.sum(children != parent, axis=1) for children in (strategy.breed(4000)[0],) for parent in parents]
        assert abs(np.min(changed, axis=0).mean() - 1.4) < 4 * np.sqrt(14 * 0.1 * 0.9 / 4000)

    def test_everything_proposed_keeps_the_bound_and_the_best_that_does_is_nearly_found(self):
        """729 cells of NAS-Bench-201 have at most 0.1 million parameters; the best has 84.664 % on CIFAR-10."""
        bound = (Constraint("params_m", "<=", 0.1),)
        table = registry.benchmark("nb201-cifar10", constraints=bound)
        posed = offered(make_problem(table, Budget(evaluations=300, table_seed="mean")), table)
        (run,) = run_block(table, posed, [build(posed, preset="ofa")], None)
        assert (run.trace.constraints <= 0).all()
        assert 100 - run.trace.objectives.min() == pytest.approx(84.664, abs=0.03)
