"""Strategies that model several objectives: what they learn and choose, and rules that hold for all of them."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError, UnfitError
from harness.experiments.spec import StrategySpec
from harness.problem import Budget, Constraint, Objective, Problem
from harness.records import Evaluations
from harness.surrogate import Fit, Predict, serve
from strategies.multi_objective.bananas import MOBananas
from strategies.multi_objective.hypervolume_improvement import EHVI, NEHVI
from strategies.multi_objective.modelled import Beliefs
from strategies.multi_objective.parego import ParEGO
from strategies.multi_objective.random_scalarisation import RandomScalarisation
from strategies.multi_objective.thompson import ThompsonHypervolume
from strategies.parts import fronts
from strategies.parts.hypervolume import expected_improvement, improvement, reference_point, undominated
from strategies.parts.scalarisation import AUGMENTATION, lattice, tchebycheff
from surrogates.gaussian_process.process import GaussianProcess
from tests.strategies.measured import hypervolume_gaps
from tests.strategies.support import NearestNeighbour, ToySpace, rugged

KINDS = [ParEGO, EHVI, NEHVI, ThompsonHypervolume, RandomScalarisation, MOBananas]


class CostedSpace(ToySpace):
    """A space that knows the number of ones in closed form."""

    def costs(self, archs):
        return {"ones": (np.asarray(archs) == 1).sum(axis=1).astype(float)}


def problem(space=None, names=("error", "latency"), **more):
    return Problem(space or ToySpace(), tuple(map(Objective, names)), Budget(evaluations=100), **more)


def build(kind, given=None, seed=0, **more):
    given = given or problem()
    more = {"surrogate": GaussianProcess(given.space)} | more
    return kind(given, np.random.default_rng(seed), **more)


def error(archs):
    return 10.0 + np.asarray(archs, dtype=float).sum(axis=1)


def latency(archs):
    """Falls where the error rises, and is rugged."""
    return 40.0 - np.asarray(archs, dtype=float) @ np.array([1.0, 2, 1, 2, 1, 2]) + 0.5 * rugged(archs)


def ones(archs):
    return 1.0 + (np.asarray(archs) == 1).sum(axis=1)


def results(proposals, functions=(error, latency), constraint=None):
    archs = proposals.archs
    constraints = np.zeros((len(archs), 0)) if constraint is None else constraint(archs)[:, None]
    objectives = np.stack([function(archs) for function in functions], axis=1)
    return Evaluations(archs, proposals.fidelity, proposals.tag, objectives, constraints, np.ones(len(archs)))


def drive(strategy, evaluations=40, functions=(error, latency), asked=1, constraint=None, group=None):
    """Ask, and tell in groups; return all that was proposed."""
    archs = []
    while sum(map(len, archs)) < evaluations:
        proposals = strategy.ask(asked)
        if not len(proposals):
            break
        archs.append(proposals.archs)
        told = results(proposals, functions, constraint)
        for start in range(0, len(told), group or len(told)):
            strategy.tell(told.take(slice(start, start + (group or len(told)))))
    return np.concatenate(archs)


def requests_of(strategy):
    """Answer the requests of one plan; return requests, answers and proposals."""
    plan, seen, answers = strategy.asking(1), [], []
    try:
        request = next(plan)
        while True:
            seen.append(request)
            answers.append(serve([request])[0])
            request = plan.send(answers[-1])
    except StopIteration as stop:
        return seen, answers, stop.value.archs


def tell_initial(strategy, **more):
    initial = strategy.ask(strategy.initial)
    told = results(initial, **more)
    strategy.tell(told)
    return told


def test_each_objective_has_a_model_and_the_choice_has_the_largest_expected_improvement():
    strategy = build(EHVI, target="identity")
    told = tell_initial(strategy)
    requests, answers, chosen = requests_of(strategy)
    assert [type(one) for one in requests] == [Fit, Fit, Predict, Predict]
    for j in range(2):
        low, high = told.objectives[:, j].min(), told.objectives[:, j].max()
        np.testing.assert_allclose(requests[j].targets, 1 + (told.objectives[:, j] - low) / (high - low))
    width, low = np.ptp(told.objectives, axis=0), told.objectives.min(axis=0)
    mean = low + width * (np.stack([answers[2].mean, answers[3].mean], axis=1) - 1)
    std = width * np.stack([answers[2].std, answers[3].std], axis=1)
    boxes = undominated(told.objectives, reference_point(told.objectives))
    best = expected_improvement(mean, std, boxes).argmax()
    np.testing.assert_array_equal(chosen[0], requests[2].archs[best])


@pytest.mark.parametrize("kind", [EHVI, NEHVI, ThompsonHypervolume, RandomScalarisation, MOBananas])
def test_what_the_space_knows_in_closed_form_is_not_learnt(kind):
    given = problem(CostedSpace(), ("error", "ones"))
    strategy = build(kind, given, surrogate=NearestNeighbour(given.space))
    told = tell_initial(strategy, functions=(error, lambda archs: ones(archs) - 1))
    requests, _, _ = requests_of(strategy)
    fits = [one for one in requests if isinstance(one, Fit)]
    assert fits
    scaled = np.log(told.objectives[:, 0]) if strategy.target == "log" else told.objectives[:, 0]
    for fit in fits:
        np.testing.assert_allclose(fit.targets[: strategy.initial], 1 + (scaled - scaled.min()) / np.ptp(scaled))


def test_members_have_fronts_of_their_own():
    strategy = build(NEHVI, surrogate=GaussianProcess(ToySpace(), draws=8), target="identity")
    told = tell_initial(strategy)
    requests, answers, chosen = requests_of(strategy)
    n = len(told)
    assert all(len(one.archs) > n for one in requests if isinstance(one, Predict))
    np.testing.assert_array_equal(requests[2].archs[:n], told.archs)
    width, low = np.ptp(told.objectives, axis=0), told.objectives.min(axis=0)
    members = np.stack([low[j] + width[j] * (answers[2 + j].members - 1) for j in range(2)], axis=2)
    reference = reference_point(told.objectives)
    gains = np.mean([improvement(one[n:], undominated(one[:n], reference)) for one in members], axis=0)
    (place,) = np.flatnonzero((requests[2].archs[n:] == chosen[0]).all(axis=1))
    assert gains[place] > 0
    assert gains[place] == pytest.approx(gains.max(), rel=1e-3)  # several are equal: expected improvement decides


def test_weights_come_from_the_lattice_and_one_model_learns_the_scalarised_results():
    strategy = build(ParEGO, target="identity")
    told = tell_initial(strategy)
    scaled = fronts.normalise(told.objectives, *fronts.bounds(told.objectives))
    possible = [tchebycheff(scaled, weights, AUGMENTATION) for weights in lattice(2)]
    learnt = []
    for _ in range(12):
        requests, _, chosen = requests_of(strategy)
        fit = next(one for one in requests if isinstance(one, Fit))
        learnt.append([k for k, one in enumerate(possible) if np.allclose(fit.targets[:10], one)])
        assert len(learnt[-1]) == 1
        assert len(chosen) == 1
    assert len({one[0] for one in learnt}) > 4


def test_mo_bananas_mutates_ten_parents_five_times_and_takes_ten_of_the_first_fronts():
    given = problem(ToySpace((6,) * 12))
    functions = (error, lambda archs: -np.asarray(archs, dtype=float)[:, :6].sum(axis=1))
    strategy = build(MOBananas, given, surrogate=NearestNeighbour(given.space))
    tell_initial(strategy, functions=functions)
    requests, _, chosen = requests_of(strategy)
    pool = next(one for one in requests if isinstance(one, Predict)).archs
    assert len(pool) == 50
    assert len(chosen) == 1
    assert strategy.decided == 9


def test_a_batch_of_thompson_sampling_is_filled_greedily():
    """Certain predictions: the choices are those of greedy hypervolume."""
    strategy = build(ThompsonHypervolume, surrogate=NearestNeighbour(ToySpace()), batch=4)
    points, pool = np.array([[0.6, 0.9], [0.9, 0.6]]), np.random.default_rng(0).random((30, 2))
    pool[:, 1] = 1.0 - pool[:, 0] + 0.2 * pool[:, 1]
    values = strategy.preference(points, None)(Beliefs(pool, np.zeros_like(pool), None))
    front = points
    for row in np.argsort(values)[:4]:
        gains = improvement(pool, undominated(front, reference_point(points)))
        assert gains.max() > 0
        assert row == gains.argmax()
        front = np.concatenate([front, pool[row : row + 1]])


@pytest.mark.parametrize("kind", KINDS)
def test_units_change_nothing(kind):
    """Powers of two and whole shifts are exact."""
    found = []
    for scale, shift in ((1.0, 0.0), (8.0, 0.0), (0.25, 3.0)):
        strategy = build(kind, surrogate=NearestNeighbour(ToySpace()), target="identity")

        def other(archs, scale=scale, shift=shift):
            return scale * (50.0 - np.asarray(archs, dtype=float).sum(axis=1)) + shift

        found.append(drive(strategy, 40, (error, other)))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.mark.parametrize("kind", KINDS)
def test_the_grouping_of_what_is_told_changes_nothing(kind):
    found = [
        drive(build(kind, surrogate=NearestNeighbour(ToySpace())), 40, asked=3, group=group) for group in (None, 1)
    ]
    assert np.array_equal(*found)


@pytest.mark.parametrize("kind", KINDS)
def test_tiny_spaces_are_finished(kind):
    given = problem(ToySpace((3, 2, 2)))
    archs = drive(build(kind, given), 100, (error, ones), asked=3)
    assert len(archs) == len(np.unique(archs, axis=0)) == 12


@pytest.mark.parametrize("kind", KINDS)
def test_failed_trainings_and_constant_objectives_are_survived(kind):
    def failing(archs):
        return np.where(np.asarray(archs)[:, 0] == 0, np.nan, 1.0)

    for functions in ((error, failing), (failing, failing)):
        strategy = build(kind, seed=1)
        archs = drive(strategy, 30, functions, asked=2)
        assert len(np.unique(archs, axis=0)) == len(archs) >= 30


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_failures_is_searched_at_random(kind):
    archs = drive(build(kind), 25, (error, lambda archs: np.full(len(archs), np.nan)))
    assert len(archs) >= 25


@pytest.mark.parametrize("kind", KINDS)
def test_objectives_of_either_sign_and_three_of_them(kind):
    given = problem(names=("a", "b", "c"))
    functions = (error, lambda archs: -error(archs) + rugged(archs), lambda archs: rugged(archs) - 1.0)
    archs = drive(build(kind, given), 24, functions)
    assert len(np.unique(archs, axis=0)) == len(archs)


@pytest.mark.parametrize("kind", KINDS)
def test_results_that_keep_no_constraint_are_searched_for_one_that_does(kind):
    given = problem(constraints=(Constraint("size", "<=", 0.0),))
    archs = drive(build(kind, given), 60, constraint=lambda archs: np.asarray(archs)[:, :3].sum(axis=1) - 1.5)
    feasible = np.asarray(archs)[:, :3].sum(axis=1) < 1.5
    assert feasible[-20:].mean() > (0.15 if kind is MOBananas else 0.4)  # one in sixteen is


def test_one_objective_is_refused():
    for kind in KINDS:
        with pytest.raises(UnfitError, match="needs 2 objectives or more"):
            build(kind, problem(names=("error",)))


@pytest.mark.parametrize(
    ("kind", "setting", "message"),
    [
        (EHVI, {"reference": "nadir"}, "`reference` must be one of 'told', 'front'"),
        (EHVI, {"acquisition": "ucb"}, "acquisition"),
        (ParEGO, {"weights": "sphere"}, "`weights` must be one of"),
        (ParEGO, {"steps": 0}, "`steps` must be at least 1"),
        (RandomScalarisation, {"scalarisation": "sum"}, "`scalarisation` must be one of"),
        (RandomScalarisation, {"weight": -1.0}, "`weight` must be at least 0"),
        (NEHVI, {"draws": 0}, "`draws` must be at least 1"),
        (MOBananas, {"mutations": 0}, "`mutations` must be at least 1"),
        (MOBananas, {"parents": 0}, "`parents` must be at least 1"),
    ],
)
def test_bad_settings_are_refused(kind, setting, message):
    with pytest.raises((HarnessError, TypeError), match=message):
        build(kind, **setting)


@pytest.mark.parametrize("batch_rule", ["believer", "liar_min", "liar_max", "top"])
def test_what_runs_is_believed_in_the_models_and_on_the_front(batch_rule):
    strategy = build(EHVI, surrogate=NearestNeighbour(ToySpace()), batch=3, batch_rule=batch_rule)
    tell_initial(strategy)
    running = [strategy.ask(3).archs for _ in range(4)]
    assert len(np.unique(np.concatenate(running), axis=0)) == 12
    requests, _, _ = requests_of(strategy)
    largest = max(len(one.archs) for one in requests if isinstance(one, Fit))
    assert largest == (10 if batch_rule == "top" else 10 + 12 + 2)


def test_a_real_table_is_searched_far_better_than_at_random():
    """At 60 evaluations random search leaves a gap of .031 on average (.0372 at 50, .0178 at 100)."""
    gaps = hypervolume_gaps(StrategySpec("ehvi", "e"), (60,), 3)
    assert gaps.mean() < 0.02


RANDOM = {100: 0.01782, 200: 0.00926}
"""Exact expected gaps of random search on CIFAR-10 (error, log10 parameters)."""
NSGA2 = {100: 0.0151, 200: 0.0053}
"""Mean gaps of NSGA-II with a population of 20."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "at_100"),
    [
        ("ehvi", 0.006),
        ("nehvi", 0.007),
        ("parego", 0.011),
        ("ts_hv", 0.008),
        ("mo_bananas", 0.011),
        ("random_scalarisation", 0.0151),
    ],
)
def test_gaps_are_smaller_than_those_of_random_search_and_evolution(name, at_100):
    gaps = hypervolume_gaps(StrategySpec(name, name), (100, 200), 20)
    error = gaps.std(axis=0) / np.sqrt(len(gaps))
    assert gaps[:, 0].mean() < at_100
    assert np.all(gaps.mean(axis=0) + 3 * error < [RANDOM[100], RANDOM[200]]) or name == "random_scalarisation"
    assert np.all(gaps.mean(axis=0) < [NSGA2[100], NSGA2[200]]) or name == "random_scalarisation"
