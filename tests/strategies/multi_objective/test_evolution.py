"""NSGA-II, SMS-EMOA and MOEA/D: survival by hand and against pymoo, units, failures, workers, small spaces."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError, UnfitError
from harness.judging.indicators import contributions, hypervolume
from harness.problem import Constraint
from strategies.multi_objective.moead import MOEAD
from strategies.multi_objective.nsga2 import NSGA2
from strategies.multi_objective.sms_emoa import SMSEMOA
from strategies.parts.fronts import pareto_ranks
from tests.strategies.multi_objective.toys import (
    distant,
    drive,
    evaluate,
    failing,
    opposed,
    rugged,
    scattered,
    two,
    unlike_units,
)
from tests.strategies.support import ToySpace, problem

ALL = (NSGA2, SMSEMOA, MOEAD)
FRONT = np.array([[0, 10], [2, 6], [5, 4], [10.0, 0]])


def build(kind, given=None, seed=0, **hyperparameters):
    return kind(given or two(), np.random.default_rng(seed), **hyperparameters)


class TestNSGA2:
    def test_the_last_front_is_cut_by_crowding(self):
        strategy = build(NSGA2, population=3)
        rows, levels = strategy.survive(FRONT, np.zeros(4))
        assert rows.tolist() == [0, 3, 2]  # the second has 1.1, the third 1.4
        assert levels.tolist() == [0, 0, 1]

    def test_fronts_come_before_crowding_and_constraints_before_fronts(self):
        objectives = np.concatenate([FRONT + 20, FRONT, FRONT - 20])
        rows, levels = build(NSGA2, population=9).survive(objectives, np.repeat([0, 0, 1.0], 4))
        assert set(rows[:4]) == {4, 5, 6, 7}
        assert set(rows[4:8]) == {0, 1, 2, 3}
        assert rows[8] in (8, 11)
        assert (np.diff(levels) >= 0).all()

    @pytest.mark.parametrize("m", [2, 3])
    def test_what_survives_is_what_survives_in_pymoo(self, m):
        pytest.importorskip("pymoo", reason="the extra [foreign] is not installed")
        from pymoo.core.population import Population
        from pymoo.core.problem import Problem
        from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

        given = problem(ToySpace(), objectives=m)
        for seed in range(30):
            rng = np.random.default_rng(seed)
            objectives = rng.random((40, m))  # no ties: there pymoo draws
            strategy = build(NSGA2, given, population=20)
            ours, _ = strategy.survive(objectives, np.zeros(40))
            members = Population.new(F=objectives, number=np.arange(40))
            posed = Problem(n_var=1, n_obj=m)
            theirs = RankAndCrowding().do(posed, members, n_survive=20, random_state=rng)
            ranks = dict(zip(theirs.get("number"), theirs.get("rank"), strict=True))
            last = max(ranks.values())
            crowded = {row: value for row, value in zip(theirs.get("number"), theirs.get("crowding"), strict=True)}
            assert {row for row in ranks if ranks[row] < last} == {
                row for row in ours.tolist() if pareto_ranks(objectives)[row] < last
            }
            ends = sum(np.isinf(value) for row, value in crowded.items() if ranks[row] == last)
            if ends < sum(rank == last for rank in ranks.values()):  # where all that is left is ends, pymoo draws
                assert set(ours.tolist()) == set(ranks)

    def test_a_generation_is_proposed_whole_and_children_are_new(self):
        strategy = build(NSGA2, population=6)
        archs = []
        for _ in range(4):
            proposals = strategy.ask(100)
            assert len(proposals) == 6
            archs.append(proposals.archs)
            strategy.tell(evaluate(proposals, rugged))
        assert len(np.unique(np.concatenate(archs), axis=0)) == 24

    def test_with_workers_every_result_may_enter_at_once(self):
        strategy = build(NSGA2, two(n_workers=4), population=6)
        drive(strategy, rugged, 6, asked=6)
        before = strategy._objectives.copy()
        proposals = strategy.ask(4)
        assert len(proposals) == 1  # a child: the next is bred of what is told until then
        strategy.tell(evaluate(proposals, lambda archs: before.min(axis=0) - np.ones((len(archs), 2))))
        assert strategy._objectives[0].tolist() == (before.min(axis=0) - 1).tolist()

    def test_one_objective_is_plain_selection(self):
        strategy = build(NSGA2, problem(objectives=1), population=5)
        archs = drive(strategy, lambda archs: archs.astype(float).sum(axis=1, keepdims=True), 150)
        best = np.sort(archs.sum(axis=1))[:5]
        assert sorted(strategy._objectives[:, 0].tolist()) == best.tolist()
        assert archs[-50:].sum(axis=1).mean() < archs[:20].sum(axis=1).mean()


class TestSMSEMOA:
    def test_the_member_that_adds_least_leaves(self):
        rows, _ = build(SMSEMOA, population=3).survive(FRONT, np.zeros(4))
        assert rows.tolist() == [0, 1, 3]
        units = FRONT / 10.0
        assert contributions(units, 11.0)[1:3] == pytest.approx([0.12, 0.1])

    def test_it_only_ever_drops_the_least_of_the_last_front(self):
        strategy = build(SMSEMOA, population=8)
        rng = np.random.default_rng(1)
        for _ in range(20):
            objectives = rng.random((9, 2))
            rows, _ = strategy.survive(objectives, np.zeros(9))
            (gone,) = set(range(9)) - set(rows.tolist())
            ranks = pareto_ranks(objectives)
            assert ranks[gone] == ranks.max()
            units = (objectives - objectives.min(axis=0)) / np.ptp(objectives, axis=0)
            last = np.flatnonzero(ranks == ranks.max())
            without = [hypervolume(units[last[last != row]], 11.0) for row in last]
            assert last[int(np.argmax(without))] == gone

    def test_of_doubles_the_oldest_leaves(self):
        rows, _ = build(SMSEMOA, population=2).survive(np.array([[1, 2], [1, 2], [2, 1.0]]), np.zeros(3))
        assert rows.tolist() == [0, 2]


class TestMOEAD:
    def test_weights_are_on_a_lattice_as_large_as_fits(self):
        assert len(build(MOEAD).weights) == 20
        assert len(build(MOEAD, problem(objectives=3)).weights) == 15
        assert len(build(MOEAD, problem(objectives=3), population=91).weights) == 91
        assert build(MOEAD, population=3).weights.tolist() == [[1e-6, 1], [0.5, 0.5], [1, 1e-6]]
        assert build(MOEAD, population=21).near[10].tolist()[0] == 10

    def test_scalar_problems(self):
        weights = np.array([[0.5, 0.5], [1.0, 0.0]])
        strategy = build(MOEAD, decomposition="tchebycheff")
        assert strategy.scalar(np.array([0.2, 0.6]), weights).tolist() == [0.3, 0.2]
        pbi = build(MOEAD, decomposition="pbi", penalty=5.0)
        along, aside = 0.8 / np.sqrt(2), 0.4 / np.sqrt(2)
        assert pbi.scalar(np.array([0.2, 0.6]), weights) == pytest.approx([along + 5 * aside, 0.2 + 5 * 0.6])

    def test_a_child_takes_every_place_of_its_neighbourhood_where_it_is_better(self):
        strategy = build(MOEAD, population=5, neighbours=3)
        drive(strategy, lambda archs: np.full((len(archs), 2), 5.0), 5, asked=5)
        assert strategy._filled.all()
        proposals = strategy.ask(1)
        turn = strategy._running[int(proposals.tag[0])]
        strategy.tell(evaluate(proposals, lambda archs: np.full((len(archs), 2), 1.0)))
        better = np.flatnonzero((strategy._objectives == 1.0).all(axis=1))
        assert set(better.tolist()) == set(strategy.near[turn].tolist())

    def test_the_ends_of_the_lattice_hold_the_ends_of_the_front(self):
        strategy = build(MOEAD, two(ToySpace((4,) * 3)), population=7, neighbours=7)
        seen = drive(strategy, rugged, 64)
        assert len(np.unique(seen, axis=0)) == 64
        values = rugged(seen)
        assert strategy._objectives[0, 1] == pytest.approx(
            values[7:, 1].min()
        )  # the first seven are put at one weight each
        assert strategy._objectives[-1, 0] == pytest.approx(values[7:, 0].min(), abs=1e-6)

    @pytest.mark.parametrize(
        ("hyperparameters", "message"),
        [
            ({"neighbours": 30}, "`neighbours` must be at most the number of weights, 20, got 30"),
            ({"population": 1}, "`population` must be at least 2"),
            ({"decomposition": "mean"}, "`decomposition` must be one of 'tchebycheff', 'pbi'"),
        ],
    )
    def test_what_cannot_be_is_told(self, hyperparameters, message):
        with pytest.raises(HarnessError, match=message):
            build(MOEAD, **hyperparameters)


class TestAll:
    @pytest.mark.parametrize("kind", ALL)
    @pytest.mark.parametrize(("scale", "shift"), [(2.0**-20, 0.0), (64.0, 0.0), (1.0, 256.0)])
    def test_the_unit_of_an_objective_changes_nothing(self, kind, scale, shift):
        assert np.array_equal(
            drive(build(kind), opposed, 120), drive(build(kind), unlike_units(opposed, scale, shift), 120)
        )

    @pytest.mark.parametrize("kind", ALL)
    def test_it_finds_more_than_random_draws(self, kind):
        space = ToySpace((4,) * 10)
        archs = drive(build(kind, two(space), seed=3), distant, 300)
        random = space.sample(300, np.random.default_rng(3))
        assert hypervolume(distant(archs), 12.0) > 1.4 * hypervolume(distant(random), 12.0)

    @pytest.mark.parametrize("kind", ALL)
    def test_failed_trainings_are_never_parents(self, kind):
        strategy = build(kind)
        drive(strategy, failing(rugged), 150)
        kept = strategy._archs[strategy._filled] if kind is MOEAD else strategy._archs
        assert len(kept)
        assert (kept[:, 0] != 0).all()
        assert np.isfinite(strategy._objectives[: len(kept)]).all()

    @pytest.mark.parametrize("kind", ALL)
    def test_where_everything_fails_it_goes_on_at_random(self, kind):
        archs = drive(build(kind), lambda archs: np.full((len(archs), 2), np.nan), 200)
        assert len(np.unique(archs, axis=0)) == 200

    @pytest.mark.parametrize("kind", ALL)
    def test_results_in_any_order_and_from_any_worker(self, kind):
        archs = scattered(build(kind, two(n_workers=8)), rugged, 200, workers=8)
        assert len(np.unique(archs, axis=0)) == 200

    @pytest.mark.parametrize("kind", ALL)
    def test_a_tiny_space_is_searched_whole(self, kind):
        for space in (ToySpace((2, 3)), ToySpace((1,))):
            archs = drive(build(kind, two(space)), opposed, 50)
            assert len(archs) == len(np.unique(archs, axis=0)) == space.cardinalities.prod()

    @pytest.mark.parametrize("kind", ALL)
    def test_what_keeps_the_constraints_drives_out_what_does_not(self, kind):
        given = two(ToySpace((4,) * 6), constraints=(Constraint("size", "<=", 6.0),))
        strategy = build(kind, given, population=10)
        drive(strategy, opposed, 200, constraints=lambda archs: archs.astype(float).sum(axis=1, keepdims=True) - 6)
        assert (strategy._violation == 0).all()

    @pytest.mark.parametrize("kind", [SMSEMOA, MOEAD])
    def test_one_objective_is_refused(self, kind):
        with pytest.raises(UnfitError, match="needs 2 objectives or more, and the problem has 1"):
            build(kind, problem())

    @pytest.mark.parametrize("kind", ALL)
    def test_repeats_are_refused_where_they_are_forbidden(self, kind):
        with pytest.raises(UnfitError, match="or set `distinct = true`"):
            build(kind, two(duplicates="forbidden"), distinct=False)
        archs = drive(build(kind, two(ToySpace((2, 2))), distinct=False), opposed, 40)
        assert len(archs) == 40
