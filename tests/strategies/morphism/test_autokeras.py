"""AutoKeras-style search: its tree, its temperature, and what it proposes."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.problem import Constraint
from harness.spaces import named
from strategies.morphism.autokeras import AutoKeras
from surrogates.gaussian_process.edit_distance import EditDistanceProcess
from tests.strategies.support import ToySpace, distance_to_origin, drive, edits, evaluate, problem, rugged

NB201 = named.space("nb201")


def search(given=None, seed=0, **hyperparameters):
    given = given or problem()
    return AutoKeras(given, np.random.default_rng(seed), surrogate=EditDistanceProcess(given.space), **hyperparameters)


def test_proposals_are_reached_by_morphisms_from_what_was_told():
    strategy = search(problem(NB201))
    archs, _ = drive(strategy, rugged, 40)
    reached = {bytes(arch) for arch in archs[:10]}
    for row in range(10, 40):
        frontier = [np.array(list(key), dtype=np.uint8) for key in reached]
        while frontier:
            new = [child for child in NB201.morphisms(frontier.pop()) if bytes(child) not in reached]
            reached |= {bytes(child) for child in new}
            frontier += new
        assert bytes(archs[row]) in reached
        reached.add(bytes(archs[row]))


def test_a_cold_search_expands_nothing_but_the_best():
    """At T near its end only what is no worse than the best bound is expanded: the best told, and its best children."""
    strategy = search(initial=5, temperature=1.05e-4, expansions=1)
    start = strategy.ask(5)
    results = evaluate(start, rugged)
    strategy.tell(results)
    best = start.archs[np.argmin(results.objectives[:, 0])]
    assert edits(strategy.ask(1).archs, best)[0] == 1


def test_the_tree_goes_as_deep_as_bounds_fall():
    """With ``exp(-d^2 / 10)`` the bound of a child three edits away is below those of nearer ones."""
    given, depths = problem(), []
    for seed in range(5):
        learner = EditDistanceProcess(given.space, rate=0.1)
        strategy = AutoKeras(given, np.random.default_rng(seed), surrogate=learner, initial=2)
        start = strategy.ask(2)
        strategy.tell(evaluate(start, rugged))
        depths.append(edits(start.archs, strategy.ask(1).archs[0]).min())
    assert min(depths) > 1


@pytest.mark.parametrize("asked", [1, 8])
@pytest.mark.parametrize("moves", ["morphism", "neighbours"])
def test_every_architecture_is_proposed_once_until_the_space_is_exhausted(asked, moves):
    strategy = search(problem(ToySpace((3, 4, 3)), duplicates="forbidden"), initial=4, moves=moves)
    archs, _ = drive(strategy, rugged, 1000, asked=asked)
    assert len(archs) == len(np.unique(archs, axis=0)) == 36
    assert len(strategy.ask(1)) == 0


def test_it_finds_what_a_smooth_landscape_leads_to():
    _, values = drive(search(problem(ToySpace((4,) * 4))), distance_to_origin, 80)
    assert values.min() <= 1.0


def test_closed_form_constraints_filter_the_tree():
    given = problem(NB201, constraints=(Constraint("params_m", "<=", 0.4),))
    strategy = search(given)
    archs = []
    for _ in range(40):
        proposals = strategy.ask(1)
        violation = NB201.costs(proposals.archs)["params_m"] - 0.4
        strategy.tell(evaluate(proposals, rugged, lambda _, violation=violation: violation))
        archs.append(proposals.archs)
    assert np.mean(NB201.costs(np.concatenate(archs)[10:])["params_m"] <= 0.4) == 1.0


def test_failed_trainings_are_survived():
    archs, _ = drive(search(), lambda archs: np.full(len(archs), np.nan), 40, asked=3)
    assert len(archs) == 40


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"children": 0}, "`children` must be at least 1"),
        ({"expansions": 0}, "`expansions` must be at least 1"),
        ({"temperature": 1e-4}, "`temperature` must be greater than 0.0001"),
        ({"moves": "edits"}, "`moves` must be one of"),
        ({"target": "rank"}, "`target` must be one of"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        search(**hyperparameters)
