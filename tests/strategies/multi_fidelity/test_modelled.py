"""MOBSTER and Hyper-Tune: what models are told and asked, weights of rungs, brackets, promotion, what failed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.problem import Budget, Constraint, Fidelity, Objective, Problem
from harness.surrogate import Prediction, serve
from strategies.multi_fidelity.hyper_tune import HyperTune, bracket_weights, folds
from strategies.multi_fidelity.mobster import MOBSTER
from strategies.multi_fidelity.modelled import resources
from strategies.multi_fidelity.rungs import Result, Rung, Trial
from surrogates.gaussian_process.process import GaussianProcess
from surrogates.linear.ridge import Ridge
from tests.strategies.multi_fidelity.support import chain
from tests.strategies.multi_fidelity.test_dehb import distance, drive, told
from tests.strategies.support import NearestNeighbour, ToySpace, rugged


def answered(requests):
    """Answer the requests of a generator until it ends."""
    answer = None
    while True:
        try:
            (answer,) = serve([requests.send(answer)])
        except StopIteration:
            return


BOTH = pytest.mark.parametrize("kind", [MOBSTER, HyperTune])


def problem(space=None, *, duplicates="charged", fidelities=None, **more):
    budget = Budget(seconds=1e6, duplicates=duplicates)
    return Problem(
        space or ToySpace((4,) * 6), (Objective("error"),), budget, fidelities=fidelities or chain(1, 3, 9), **more
    )


class Watched(NearestNeighbour):
    """Remembers what it is told and asked."""

    def __init__(self, space, **hyperparameters):
        super().__init__(space, **hyperparameters)
        self.told, self.asked = [], []

    def fit(self, archs, targets, rng, covariates=None):
        fitted = super().fit(archs, targets, rng, covariates)
        self.told.append((archs.copy(), targets.copy(), None if covariates is None else covariates.copy()))
        fitted.told, fitted.asked = self.told, self.asked
        return fitted

    def predict(self, archs, covariates=None):
        said = super().predict(archs)
        self.asked.append((archs.copy(), None if covariates is None else covariates.copy(), said))
        return said


def strategy_of(kind, given=None, *, learner=Watched, seed=0, **hyperparameters):
    given = given or problem()
    return kind(given, np.random.default_rng(seed), surrogate=learner(given.space), **hyperparameters)


def test_mobster_learns_from_all_rungs_with_the_logarithm_of_their_epochs_and_asks_at_the_highest():
    strategy = strategy_of(MOBSTER, target="identity", initial=6, aim="full")
    learner = strategy.surrogate
    drive(strategy, distance, 30)
    assert strategy.told_at(2) > 0
    archs, targets, covariates = learner.told[-1]
    assert set(np.exp(covariates[:, 0]).round(9)) == {1.0, 3.0, 9.0}
    levels = (covariates[:, 0] / np.log(3.0)).round()
    np.testing.assert_allclose(targets, distance(archs, levels))  # each rung is one better
    assert learner.told[0][0].shape[0] >= 6
    for pool, asked, _ in learner.asked:
        np.testing.assert_allclose(asked, np.log(9.0))
        assert len(pool) > 200


def test_mobster_expects_improvements_at_the_highest_rung_with_three_results():
    strategy = strategy_of(MOBSTER, target="identity", initial=4)
    drive(strategy, distance, 40)
    aims = []
    for (_, _, told_at), (_, asked, _) in zip(strategy.surrogate.told, strategy.surrogate.asked, strict=True):
        counts = [int(np.sum(np.isclose(told_at, np.log(epochs)))) for epochs in (1, 3, 9)]
        aims.append(max(level for level in range(3) if counts[level] >= 3))
        np.testing.assert_allclose(asked, np.log([1.0, 3.0, 9.0][aims[-1]]))
    assert set(aims) == {0, 1, 2}


def test_mobster_believes_what_the_model_says_of_trainings_that_run():
    strategy = strategy_of(MOBSTER, problem(n_workers=4), initial=6, target="identity")
    learner = strategy.surrogate
    drive(strategy, distance, 40, asked=4)
    running = strategy.ask(3)
    assert len(running) == 3
    learner.told.clear()
    learner.asked.clear()
    more = strategy.ask(1)
    if len(learner.told) == 0:
        pytest.skip("a promotion")
    (_, first, _), (archs, second, covariates) = learner.told
    assert len(second) == len(first) + 3
    believed = learner.asked[0][2].mean
    np.testing.assert_array_equal(second[-3:], believed)
    np.testing.assert_array_equal(archs[-3:], running.archs)
    epochs = np.array([1.0, 3.0, 9.0])[running.fidelity]
    np.testing.assert_allclose(covariates[-3:, 0], np.log(epochs))
    assert len(more) == 1


def test_resources_are_epochs_times_shares_or_places():
    shared = (
        Fidelity("a quarter", 9, 9, scale={"data": 0.25}),
        Fidelity("half as wide", 9, 9, scale={"data": 0.5, "width": 0.75}),
        Fidelity("full", 9, 9),
    )
    assert resources(problem(fidelities=shared), (0, 1, 2)).tolist() == [2.25, 3.375, 9.0]
    assert resources(problem(), (0, 1, 2)).tolist() == [1.0, 3.0, 9.0]
    turned = (shared[1], shared[0], shared[2])
    assert resources(problem(fidelities=turned), (0, 1, 2)).tolist() == [1.0, 2.0, 3.0]


def test_hyper_tune_has_a_model_for_each_rung_with_six_results():
    strategy = strategy_of(HyperTune, target="identity", brackets=1)
    learner = strategy.surrogate
    drive(strategy, distance, 80)
    counts = [strategy.told_at(level) for level in range(3)]
    assert min(counts[:2]) >= 6
    learner.told.clear()
    while not learner.told:
        drive(strategy, distance, 1)
    sizes = [len(archs) for archs, _, _ in learner.told]
    fitted = [size for size in sizes if size in (counts[0], counts[1], counts[2])]
    assert fitted[: 2 + (counts[2] >= 6)]
    for _, targets, covariates in learner.told:
        assert covariates is None
        assert abs(targets.mean()) < 1.0  # in units of the rung's own spread


class Sorted(NearestNeighbour):
    """Knows the truth, or its opposite where it was fitted to many results."""

    def fit(self, archs, targets, rng, covariates=None):
        fitted = super().fit(archs, targets, rng, covariates)
        fitted.many = len(archs) >= 20
        return fitted

    def predict(self, archs, covariates=None):
        mean = archs.sum(axis=1).astype(np.float64)
        return Prediction(-mean if self.many else mean, np.zeros(len(archs)))


@pytest.mark.parametrize(("first", "theta"), [(30, [0.0, 1.0]), (12, [0.5, 0.5])])
def test_theta_is_the_share_of_draws_in_which_a_rung_ranks_best(first, theta):
    """A lowest rung with 30 results ranks all wrong, with 12 all right, as the other does, which it then ties with."""
    strategy = strategy_of(HyperTune, learner=Sorted, target="identity")
    archs = np.unique(strategy.problem.space.sample(400, np.random.default_rng(0)), axis=0)
    _, rows = np.unique(archs.sum(axis=1), return_index=True)
    data = {0: archs[:first], 1: archs[rows[:8]]}
    learner = strategy.surrogate
    models = {
        level: learner.fit(some, some.sum(axis=1) * 1.0, np.random.default_rng(0)) for level, some in data.items()
    }
    weighing = strategy._weigh(models, data[1], data[1].sum(axis=1) * 1.0)
    answered(weighing)
    assert strategy.theta.tolist() == theta


def test_brackets_are_drawn_by_theta_over_epochs_and_those_above_keep_their_share():
    prior, epochs = np.array([0.545, 0.273, 0.182]), np.array([1.0, 3.0, 9.0])
    found = bracket_weights(prior, np.array([0.2, 0.3, 0.5]), epochs)
    np.testing.assert_allclose(found, [0.5625, 0.28125, 0.15625])
    np.testing.assert_allclose(bracket_weights(prior, np.array([0.0, 1.0]), epochs), [0.0, 0.818, 0.182])
    np.testing.assert_allclose(bracket_weights(prior[:1] / prior[0], np.array([0.0, 1.0]), epochs), [1.0])


def test_folds_leave_out_two_rows_or_more():
    assert [len(fold) for fold in folds(6)] == [2, 2, 2]
    assert [len(fold) for fold in folds(13)] == [2, 2, 3, 3, 3]
    assert np.concatenate(folds(13)).tolist() == list(range(13))


def test_promotion_is_delayed_until_a_third_is_enough_for_those_promoted():
    strategy = strategy_of(HyperTune)
    rung = Rung(0)
    for tag in range(6):
        trial = Trial(tag, np.zeros(6, dtype=np.uint8))
        trial.results[0] = Result((0.0, float(tag)), (float(tag),), 1.0)
        rung.add(trial)
    rung.promoted.add(5)  # was the best of the first three
    assert strategy.promotable(rung) == 2
    rung.promoted.add(0)
    assert strategy.promotable(rung) == 0  # asynchronous successive halving would promote 1 now


@BOTH
def test_failed_trainings_are_in_no_model_and_the_search_goes_on(kind):
    strategy = strategy_of(kind)
    failing = iter(range(10**6))

    def objective(archs, _):
        return np.where([next(failing) % 3 == 0 for _ in archs], np.nan, rugged(archs))

    archs, _ = drive(strategy, objective, 60)
    assert len(archs) == 60
    assert strategy.surrogate.told  # `Watched` refuses targets that are not finite
    _, fidelities = drive(strategy_of(kind), lambda archs, _: np.full(len(archs), np.nan), 40)
    assert len(fidelities) == 40


@BOTH
@pytest.mark.parametrize("asked", [1, 8])
def test_a_tiny_space_is_begun_whole_and_then_the_search_ends(kind, asked):
    strategy = strategy_of(kind, problem(ToySpace((2, 2, 2)), n_workers=asked), learner=Ridge)
    archs, fidelities = drive(strategy, distance, 200, asked)
    assert len({tuple(arch) for arch in archs.tolist()}) == 8
    assert len(np.unique(np.column_stack([archs, fidelities]), axis=0)) == len(archs)


@BOTH
def test_better_architectures_are_begun_than_at_random(kind):
    strategy = strategy_of(kind, problem(ToySpace((4,) * 8)), learner=GaussianProcess, candidates=60)
    archs, _ = drive(strategy, distance, 90)
    _, first = np.unique(archs, axis=0, return_index=True)
    begun = archs[np.sort(first)].sum(axis=1)
    assert begun[-15:].mean() < begun[:10].mean() - 4


@BOTH
def test_constraints_known_in_closed_form_filter_and_others_are_learnt(kind):
    class Sized(ToySpace):
        def costs(self, archs):
            return {"size": archs.sum(axis=1).astype(np.float64)}

    bounds = (Constraint("size", "<=", 12.0), Constraint("latency", "<=", 4.0))
    strategy = strategy_of(kind, problem(Sized((4,) * 6), constraints=bounds), learner=Ridge, target="identity")
    begun = []
    for _ in range(90):
        proposals = strategy.ask(1)
        arch = proposals.archs[0].astype(float)
        assert arch.sum() <= 12
        latency = arch[:3].sum()
        begun += [latency] if proposals.fidelity[0] == 0 else []
        broken = np.array([[arch.sum() - 12.0, latency - 4.0]])
        strategy.tell(replace(told(proposals, 30.0 - arch.sum()), constraints=broken))
    assert np.mean(np.array(begun[-15:]) <= 4.0) > 0.6


@BOTH
def test_results_in_any_grouping_lead_to_the_same_search(kind):
    found = []
    for size in (1, 4):
        strategy = strategy_of(kind, problem(n_workers=4), learner=Ridge)
        rows = []
        for _ in range(15):
            proposals = strategy.ask(4)
            rows += proposals.archs.tolist()
            results = told(proposals, distance(proposals.archs, proposals.fidelity))
            for start in range(0, len(results), size):
                strategy.tell(results.take(slice(start, start + size)))
        found.append(rows)
    assert found[0] == found[1]


@BOTH
@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"initial": 1}, "initial"),
        ({"candidates": 0}, "candidates"),
        ({"parents": -1}, "parents"),
        ({"target": "rank"}, "target"),
        ({"eta": 1}, "eta"),
        ({"brackets": 4}, "brackets"),
        ({"surrogate": None}, "surrogate"),
    ],
)
def test_bad_hyperparameters_are_named(kind, hyperparameters, message):
    given = problem()
    with pytest.raises(HarnessError, match=message):
        kind(given, np.random.default_rng(0), **{"surrogate": Ridge(given.space), **hyperparameters})
