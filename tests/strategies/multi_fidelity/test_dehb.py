"""DEHB: populations, the decisions of its package on the same results, encodings, known results, what failed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from harness.errors import HarnessError, UnfitError
from harness.problem import Budget, Constraint, Objective, Problem
from harness.records import Evaluations
from harness.testing.toy import ToySpace as ThreeOrFour
from strategies.evolution.differential import decode, encode
from strategies.multi_fidelity.dehb import DEHB, population_sizes
from strategies.multi_fidelity.ladder import bracket_sizes
from strategies.multi_fidelity.populations import Bracket, Population
from strategies.parts.ranking import FAILED
from tests.strategies.multi_fidelity.support import chain
from tests.strategies.support import ToySpace

PEER = json.loads((Path(__file__).parents[2] / "peers" / "dehb_decisions.json").read_text(encoding="utf-8"))


def problem(space=None, *, duplicates="charged", **more):
    budget = Budget(seconds=1e6, duplicates=duplicates)
    return Problem(space or ToySpace(), (Objective("error"),), budget, fidelities=chain(1, 3, 9), **more)


def told(proposals, values, constraints=None):
    rows = len(proposals)
    objectives = np.broadcast_to(np.asarray(values, dtype=np.float64), (rows,))[:, None]
    broken = np.zeros((rows, 0)) if constraints is None else np.asarray(constraints, dtype=np.float64)[:, None]
    return Evaluations(proposals.archs, proposals.fidelity, proposals.tag, objectives, broken, np.ones(rows))


def drive(strategy, objective, rows, asked=1):
    """Ask and tell until so many rows are told or the strategy ends; return architectures and fidelities."""
    archs, fidelities = [], []
    while len(archs) < rows:
        proposals = strategy.ask(asked)
        if not len(proposals):
            break
        strategy.tell(told(proposals, objective(proposals.archs, proposals.fidelity)))
        archs += proposals.archs.tolist()
        fidelities += proposals.fidelity.tolist()
    return np.array(archs), np.array(fidelities)


def distance(archs, fidelity):
    return archs.sum(axis=1) + 10.0 - fidelity


@pytest.mark.parametrize(("rungs", "sizes"), [(3, [9, 3, 3]), (4, [27, 9, 6, 4]), (5, [81, 27, 9, 6, 5])])
def test_populations_are_as_large_as_the_largest_bracket_at_their_rung(rungs, sizes):
    assert population_sizes(bracket_sizes(rungs, 3, "code")) == sizes


def test_a_round_trains_nine_three_one_three_one_and_three():
    _, fidelities = drive(DEHB(problem(), np.random.default_rng(0), look_up=False), distance, 40)
    first = [0] * 9 + [1] * 3 + [2] + [1] * 3 + [2] + [2] * 3
    assert fidelities.tolist() == first + first


class Replayed(DEHB):
    """Proposes the vectors of a record, and compares what it would make them of."""

    def replay(self, run):
        self.populations = [Population(np.array(vectors)) for vectors in run["populations"]]
        self.steps = [step for step in run["steps"] if "rung" in step]
        self.made = 0
        return self

    def child(self, target, donors):
        step = self.steps[self.made]
        assert step["pool"] is not None, "the package promotes"
        np.testing.assert_array_equal(donors, np.array(step["pool"])[: len(step["pool"]) - step["made"]])
        np.testing.assert_array_equal(target, self.populations[step["rung"]].vectors[step["parent"]])
        return np.array(step["vector"])

    def _next(self, bracket):
        job = super()._next(bracket)
        step = self.steps[self.made]
        self.made += 1
        assert (job.rung, job.parent) == (step["rung"], step["parent"])
        np.testing.assert_array_equal(job.vector, step["vector"])
        return job


@pytest.mark.parametrize("run", PEER["runs"], ids=lambda run: f"{run['workers']} workers")
def test_decisions_are_those_of_the_package_on_the_same_results(run):
    """Rungs, parents, promotions, donors and who takes whose place, with failed trainings and ties among results."""
    strategy = Replayed(problem(ToySpace((4,) * 3)), np.random.default_rng(0), look_up=False).replay(run)
    asked = []
    for step in run["steps"]:
        if "rung" in step:
            asked.append(strategy.ask(1))
        else:
            value = np.nan if step["value"] is None else step["value"]
            strategy.tell(told(asked[step["tell"]], value))
    for population, vectors, fitness in zip(strategy.populations, run["left"], run["fitness"], strict=True):
        np.testing.assert_array_equal(population.vectors, vectors)
        assert [None if score is None else score[1] for score in population.scores] == fitness


def test_the_packages_encoding_loses_categories_and_ours_none():
    for text, codes in PEER["round_trips"].items():
        space = ToySpace((int(text),))
        archs = np.arange(int(text), dtype=np.uint8)[:, None]
        assert decode(space, encode(space, archs))[:, 0].tolist() == archs[:, 0].tolist()
        theirs = DEHB(problem(ToySpace((int(text), 2))), np.random.default_rng(0), encoding="edges")
        edges = np.column_stack([archs[:, 0] / int(text), np.zeros(len(archs))])
        assert theirs.decoded(edges)[:, 0].tolist() == codes
    lost = {
        count: [code for code, now in enumerate(codes) if now != code] for count, codes in PEER["round_trips"].items()
    }
    assert {count: codes for count, codes in lost.items() if codes} == {"5": [3], "10": [3, 6, 7], "11": [5, 10]}


def test_the_example_of_five_categories():
    """Vectors .2, .8, .4 and F = .5 make .4, category 2."""
    mutant = 0.2 + 0.5 * (0.8 - 0.4)
    assert mutant == pytest.approx(0.4)
    assert decode(ToySpace((5,)), np.array([[mutant]])).tolist() == [[2]]


def test_an_equal_child_takes_the_place_and_a_failed_one_never_does():
    population = Population(np.zeros((2, 1)))
    population.compete(0, np.array([0.1]), FAILED)
    assert population.scores == [None, None]
    for value, score in ((0.2, (0.0, 5.0)), (0.3, (0.0, 5.0)), (0.4, (0.0, 6.0)), (0.5, FAILED)):
        population.compete(0, np.array([value]), score)
    assert population.vectors[:, 0].tolist() == [0.3, 0.0]
    assert population.best(2)[:, 0].tolist() == [0.3, 0.0]
    assert population.trained()[:, 0].tolist() == [0.3]


def test_a_bracket_waits_for_the_rung_below():
    bracket = Bracket(1, (2, 1))
    seen = []
    for event in ("start", "start", "end", "end", "start", "end"):
        seen.append((bracket.ready, None if bracket.ended else bracket.rung))
        getattr(bracket, event)()
    assert seen == [(True, 1), (True, 1), (False, 1), (False, 1), (True, 2), (False, 2)]
    assert bracket.ended


def test_workers_that_would_wait_open_the_next_bracket():
    strategy = DEHB(problem(n_workers=30), np.random.default_rng(0), look_up=False)
    proposals = strategy.ask(30)
    assert Counter(proposals.fidelity.tolist()) == {0: 9 + 9, 1: 3 + 3, 2: 3 + 3}


def test_known_results_are_looked_up_and_not_trained_again():
    archs, fidelities = drive(DEHB(problem(), np.random.default_rng(3)), distance, 250)
    rows = np.column_stack([archs, fidelities])
    assert len(np.unique(rows, axis=0)) == len(rows) == 250
    archs, fidelities = drive(DEHB(problem(), np.random.default_rng(3), look_up=False), distance, 250)
    assert len(np.unique(np.column_stack([archs, fidelities]), axis=0)) < 250


@pytest.mark.parametrize("asked", [1, 8])
def test_a_tiny_space_is_trained_whole_at_every_rung_and_then_the_search_ends(asked):
    space = ToySpace((2, 2))
    archs, fidelities = drive(DEHB(problem(space, n_workers=asked), np.random.default_rng(0)), distance, 100, asked)
    assert Counter(fidelities.tolist()) == {0: 4, 1: 4, 2: 4}
    assert len(np.unique(np.column_stack([archs, fidelities]), axis=0)) == 12


def test_it_goes_on_where_every_training_fails():
    strategy = DEHB(problem(), np.random.default_rng(0))
    _, fidelities = drive(strategy, lambda archs, _: np.full(len(archs), np.nan), 60)
    assert len(fidelities) == 60
    assert all(score is None for population in strategy.populations for score in population.scores)


def test_results_told_in_any_grouping_lead_to_the_same_search():
    found = []
    for size in (1, 4):
        strategy = DEHB(problem(n_workers=4), np.random.default_rng(7))
        rows = []
        for _ in range(30):
            proposals = strategy.ask(4)
            rows += proposals.archs.tolist()
            results = told(proposals, distance(proposals.archs, proposals.fidelity))
            for start in range(0, len(results), size):
                strategy.tell(results.take(slice(start, start + size)))
        found.append(rows)
    assert found[0] == found[1]


def test_it_finds_what_is_better_and_keeps_constraints_known_in_closed_form():
    archs, fidelities = drive(DEHB(problem(ToySpace((4,) * 8)), np.random.default_rng(1)), distance, 300)
    full = archs[fidelities == 2].sum(axis=1)
    assert full[-15:].mean() < full[:15].mean() - 3

    class Sized(ToySpace):
        def costs(self, archs):
            return {"size": archs.sum(axis=1).astype(np.float64)}

    limited = problem(Sized((4,) * 6), constraints=(Constraint("size", "<=", 6.0),))
    strategy = DEHB(limited, np.random.default_rng(0))
    for _ in range(80):
        proposals = strategy.ask(1)
        assert proposals.archs.sum() <= 6
        strategy.tell(told(proposals, 20.0 - proposals.archs.sum(), proposals.archs.sum(axis=1) - 6.0))


def test_codings_that_are_no_architecture_are_not_proposed():
    space = ThreeOrFour()
    archs, _ = drive(DEHB(problem(space), np.random.default_rng(0)), distance, 80)
    assert space.is_valid(archs.astype(space.dtype)).all()


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"eta": 1}, "eta"),
        ({"scale": 3.0}, "scale"),
        ({"crossover": -0.1}, "crossover"),
        ({"repair": "wrap"}, "repair"),
        ({"encoding": "lossy"}, "encoding"),
        ({"look_up": 1}, "look_up"),
        ({"rungs": [2]}, "rungs"),
    ],
)
def test_bad_hyperparameters_are_named(hyperparameters, message):
    with pytest.raises(HarnessError, match=message):
        DEHB(problem(), np.random.default_rng(0), **hyperparameters)


def test_what_it_cannot_do_is_refused():
    with pytest.raises(UnfitError, match="look_up = true"):
        DEHB(problem(duplicates="forbidden"), np.random.default_rng(0), look_up=False)
    with pytest.raises(UnfitError, match="has one alone"):
        DEHB(Problem(ToySpace(), (Objective("error"),), Budget(seconds=1.0)), np.random.default_rng(0))
    with pytest.raises(UnfitError, match=r"budget\.seconds"):
        DEHB(
            Problem(ToySpace(), (Objective("error"),), Budget(evaluations=9), fidelities=chain(1, 3, 9)),
            np.random.default_rng(0),
        )
