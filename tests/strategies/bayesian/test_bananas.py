"""BANANAS with a learner that draws nothing."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.surrogate import Fit, Predict
from strategies.bayesian.bananas import Bananas
from strategies.random_search import RandomSearch
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


def bananas(given=None, seed=0, **hyperparameters):
    given = given or problem()
    hyperparameters.setdefault("surrogate", NearestNeighbour(given.space))
    return Bananas(given, np.random.default_rng(seed), **hyperparameters)


def tell_initial(strategy, objective=rugged, **more):
    initial = strategy.ask(strategy.initial)
    strategy.tell(evaluate(initial, objective, **more))
    return initial.archs


ROOMY = ToySpace((4,) * 24)  # random architectures differ in about 18 genes, mutants in about 2


def nearest(archs, candidates):
    """Index of the nearest candidate of each architecture."""
    return np.argmin([edits(archs, candidate) for candidate in candidates], axis=0)


def requests_of(strategy):
    """Drive one plan by hand; return its requests and its proposals."""
    plan, seen = strategy.asking(strategy.batch), []
    try:
        request = next(plan)
        while True:
            seen.append(request)
            answer = (
                request.learner.fit(request.archs, request.targets, request.rng)
                if isinstance(request, Fit)
                else request.model.predict(request.archs)
            )
            request = plan.send(answer)
    except StopIteration as stop:
        return seen, stop.value


def test_defaults_are_the_authors():
    strategy = bananas()
    assert (strategy.initial, strategy.batch, strategy.candidates, strategy.parents) == (10, 10, 100, 5)
    assert strategy.edits == 1.5
    assert strategy.acquisition == "its"
    assert Bananas.default_surrogate == {"name": "mlp_ensemble", "encoding": "path_truncated"}


def test_a_plan_fits_what_was_told_and_predicts_mutants_of_the_best():
    strategy = bananas(problem(ROOMY), candidates=40)
    initial = tell_initial(strategy)
    (fit, predict), batch = requests_of(strategy)
    assert isinstance(fit, Fit)
    assert isinstance(predict, Predict)
    assert np.array_equal(fit.archs, initial)
    assert np.array_equal(fit.targets, rugged(initial))
    best = set(np.argsort(rugged(initial))[:5])
    assert 40 <= len(predict.archs) == len(np.unique(predict.archs, axis=0)) < 80
    assert set(nearest(predict.archs, initial)) <= best
    pool = {arch.tobytes() for arch in predict.archs}
    assert {arch.tobytes() for arch in batch.archs} <= pool


@pytest.mark.parametrize("acquisition", Bananas.acquisitions)
def test_never_proposes_again_and_beats_random_search(acquisition):
    best, random = [], []
    for seed in range(5):
        given = problem(ToySpace((4,) * 10))
        archs, values = drive(bananas(given, seed, acquisition=acquisition), distance_to_origin, 100)
        assert len(np.unique(archs, axis=0)) == 100
        best.append(values.min())
        random.append(drive(RandomSearch(given, np.random.default_rng(seed)), distance_to_origin, 100)[1].min())
    assert np.mean(best) < np.mean(random) - 1


@pytest.mark.parametrize("asked", [3, 10, 25])
def test_the_size_of_questions_changes_nothing_with_one_worker(asked):
    whole = drive(bananas(), rugged, 60, asked=100)[0]
    assert np.array_equal(drive(bananas(), rugged, 60, asked=asked)[0], whole)


def test_what_the_learner_draws_cannot_move_the_strategy():
    space = ToySpace()
    runs = [drive(bananas(surrogate=NearestNeighbour(space, thirst=thirst)), rugged, 60)[0] for thirst in (0, 1000)]
    assert np.array_equal(*runs)


def test_failed_trainings_are_left_out_of_the_model_and_have_no_mutants():
    strategy = bananas(problem(ROOMY), parents=10)
    initial = strategy.ask(10)
    values = np.array([np.nan, 1, 2, np.nan, 3, 4, 5, 6, 7, np.nan])
    strategy.tell(evaluate(initial, lambda archs: values))
    (fit, predict), _ = requests_of(strategy)
    assert np.array_equal(fit.targets, values[np.isfinite(values)])
    assert not np.isnan(values[nearest(predict.archs, initial.archs)]).any()


def test_random_batches_until_two_trainings_succeed():
    strategy = bananas()
    initial = strategy.ask(10)
    strategy.tell(evaluate(initial, lambda archs: np.array([1.0] + [np.nan] * 9)))
    seen, batch = requests_of(strategy)
    assert seen == []
    assert len(batch) == 10
    strategy.tell(evaluate(batch, rugged))
    assert len(requests_of(strategy)[0]) == 2


def test_waits_for_the_initial_design_and_then_never_proposes_what_runs():
    strategy = bananas()
    initial = strategy.ask(10)
    strategy.tell(evaluate(initial.take(slice(0, 9)), rugged))
    assert len(strategy.ask(4)) == 0
    strategy.tell(evaluate(initial.take([9]), rugged))
    running = [strategy.ask(4).archs for _ in range(10)]  # nothing of these is told
    proposed = np.concatenate([initial.archs, *running])
    assert len(np.unique(proposed, axis=0)) == len(proposed) >= 40


def test_later_plans_use_what_has_been_told():
    learner = NearestNeighbour(ToySpace())
    strategy = bananas(surrogate=learner)
    tell_initial(strategy)
    batch = strategy.ask(10)
    strategy.tell(evaluate(batch.take(slice(0, 3)), rugged))
    strategy.ask(1)
    assert [len(targets) for _, targets in learner.fits] == [10, 13]


def test_a_tiny_space_is_exhausted_and_then_finished():
    strategy = bananas(problem(ToySpace((2, 3, 4)), duplicates="forbidden"))
    archs, _ = drive(strategy, rugged, 1000)
    assert len(archs) == len(np.unique(archs, axis=0)) == 24
    assert len(strategy.ask(1)) == 0


def test_mutants_are_topped_up_at_random_where_neighbourhoods_are_exhausted():
    strategy = bananas(problem(ToySpace((2,) * 8)), parents=1, batch=10)
    archs, _ = drive(strategy, distance_to_origin, 120)
    assert len(archs) == len(np.unique(archs, axis=0)) == 120


class Halved(ToySpace):
    """The last gene does nothing."""

    def key(self, archs, identity="functional"):
        code = self.code(archs)
        return code if identity == "exact" else code // np.uint64(self.cardinalities[-1])


@pytest.mark.parametrize(("identity", "classes"), [("exact", 48), ("functional", 12)])
def test_identity_decides_what_is_proposed_again(identity, classes):
    strategy = bananas(problem(Halved((3, 4, 4))), identity=identity, initial=4, batch=3, candidates=20)
    assert len(drive(strategy, rugged, 1000)[0]) == classes


def test_feasible_architectures_are_mutated_first():
    strategy = bananas(constrained(ROOMY), parents=1)
    initial = strategy.ask(10)
    violation = np.ones(10)
    violation[6] = -1.0
    strategy.tell(evaluate(initial, lambda archs: np.arange(10.0), lambda archs: violation))
    _, predict = requests_of(strategy)[0]
    assert set(nearest(predict.archs, initial.archs)) == {6}


def test_a_surrogate_of_another_space_is_refused():
    class Other(ToySpace):
        def __init__(self):
            super().__init__()
            self.name = "other"

    with pytest.raises(HarnessError, match="`surrogate` must be a Surrogate built on the space 'toy'"):
        bananas(surrogate=NearestNeighbour(Other()))
