"""Search guided by predictors: what each proposes, by hand, and that a better predictor finds more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.problem import Budget
from harness.records import Proposals
from harness.surrogate import Fit, Predict, Prediction
from strategies.parts.wide import WidePool
from strategies.predictor_guided.brp_nas import BRPNAS
from strategies.predictor_guided.neural_predictor import NeuralPredictor
from strategies.predictor_guided.npenas import NPENASBO, NPENASNP
from strategies.predictor_guided.seminas import SemiNAS
from strategies.predictor_guided.weaknas import WeakNAS
from tests.strategies.support import NearestNeighbour, ToySpace, distance_to_origin, evaluate, problem


class Knowing(NearestNeighbour):
    """Predicts the true value: the upper bound of what a predictor can do for a search."""

    def predict(self, archs, covariates=None):
        return Prediction(distance_to_origin(archs), np.zeros(len(archs)))


class Constant(NearestNeighbour):
    def predict(self, archs, covariates=None):
        return Prediction(np.zeros(len(archs)), np.zeros(len(archs)))


def search(factory, learner=NearestNeighbour, budget=60, objective=distance_to_origin, space=None, **settings):
    space = space or ToySpace()
    posed = replace(problem(space), budget=Budget(evaluations=budget))
    strategy = factory(posed, np.random.default_rng(0), surrogate=learner(space), **settings)
    asked = []
    while sum(map(len, asked)) < budget:
        proposals = strategy.ask(budget)
        assert len(proposals)
        asked.append(proposals.archs.copy())
        strategy.tell(evaluate(proposals, objective))
    return asked, strategy


def values(asked):
    return [distance_to_origin(archs).tolist() for archs in asked]


def test_npenas_mutates_one_gene_of_the_best_in_turn():
    asked, _ = search(NPENASNP, Knowing, candidates=40, initial=10)
    told = np.concatenate(asked[:1])
    best = told[np.argsort(distance_to_origin(told), kind="stable")]
    assert [len(archs) for archs in asked] == [10] * 6
    distances = (asked[1][:, None] != best[None]).sum(axis=2)
    assert (distances.min(axis=1) == 1).all()
    assert len({row.tobytes() for archs in asked for row in archs}) == 60


def test_npenas_bo_draws_and_np_takes_the_mean():
    greedy, _ = search(NPENASNP, Knowing)
    again, _ = search(NPENASBO, Knowing)
    assert values(greedy)[:2] == values(again)[:2], "without spread, a Thompson sample is the mean"
    drawn, _ = search(NPENASBO, NearestNeighbour)
    mean, _ = search(NPENASNP, NearestNeighbour)
    assert values(drawn) != values(mean)


@pytest.mark.parametrize(("budget", "random", "best"), [(150, 133, 17), (172, 152, 20), (20, 18, 2)])
def test_the_neural_predictor_splits_the_budget(budget, random, best):
    """naszilla's split: K = floor(20 / 172 n)."""
    asked, _ = search(NeuralPredictor, Knowing, budget)
    assert [len(archs) for archs in asked] == [random, best]
    space = ToySpace()
    everything = space.decode(np.arange(4**6, dtype=np.uint64))
    new = {row.tobytes() for row in everything} - {row.tobytes() for row in asked[0]}
    left = sorted(distance_to_origin(np.array([np.frombuffer(row, dtype=np.uint8) for row in new])))
    assert sorted(values(asked)[1]) == left[:best]


def test_without_a_number_of_trainings_the_neural_predictor_takes_that_of_the_paper():
    posed = replace(problem(), budget=Budget(seconds=10.0))
    made = NeuralPredictor(posed, np.random.default_rng(0), surrogate=NearestNeighbour(posed.space))
    assert (made.initial, made.batch) == (152, 20)
    made = NeuralPredictor(posed, np.random.default_rng(0), surrogate=NearestNeighbour(posed.space), initial=100)
    assert (made.initial, made.batch) == (100, 11)


def test_weaknas_draws_among_the_best_hundred_that_are_new():
    asked, _ = search(WeakNAS, Knowing, initial=10, batch=10, top=100)
    everything = distance_to_origin(ToySpace().decode(np.arange(4**6, dtype=np.uint64)))
    hundredth = np.sort(everything)[99]
    assert max(max(row) for row in values(asked)[1:]) <= hundredth
    assert min(values(asked)[1]) < max(values(asked)[1]), "not the ten best"
    greedy, _ = search(WeakNAS, Knowing, initial=10, batch=10, top=10)
    assert sorted(values(greedy)[1]) == np.sort(everything)[:10].tolist()


def test_weaknas_counts_what_was_trained_among_the_hundred():
    """The ten best are trained in the first round; of the eleven best one is left, and the next in rank follow."""
    asked, _ = search(WeakNAS, Knowing, budget=30, initial=10, batch=10, top=10)
    assert max(values(asked)[1]) <= min(values(asked)[2]) + 1e-12


def test_a_constant_predictor_makes_weaknas_random_in_blocks():
    drawn = np.concatenate(search(WeakNAS, Constant, budget=400, top=4096)[0])
    counts = np.array([np.bincount(drawn[10:, gene], minlength=4) for gene in range(6)])
    assert (np.abs(counts - 97.5) < 4 * np.sqrt(97.5)).all()


def test_brp_nas_trains_half_at_the_head_and_half_in_a_part_that_shrinks():
    asked, _ = search(BRPNAS, Knowing, budget=120, batch=20, rounds=4)
    everything = np.sort(distance_to_origin(ToySpace().decode(np.arange(4**6, dtype=np.uint64))))
    for round_, archs in enumerate(values(asked)[1:4], start=2):
        limit = everything[4**6 // 2 ** (round_ - 1) - 1]
        assert max(archs) <= limit
        assert sorted(archs)[:10] <= sorted(archs)[10:], "the head comes first in rank"
        assert max(archs) > everything[200], "others are drawn, not the best"
    taken = sorted(value for archs in values(asked)[4:] for value in archs)
    assert len(taken) == 40
    assert max(taken) <= everything[200], "after the last round the ranking is followed"


@pytest.mark.parametrize("factory", [NPENASNP, NPENASBO, WeakNAS, BRPNAS, SemiNAS, NeuralPredictor])
def test_a_predictor_that_knows_finds_the_optimum(factory):
    """So does a blind one where mutants of the best are candidates, but not where the whole space is."""
    assert min(min(row) for row in values(search(factory, Knowing, budget=100)[0])) == 0
    if issubclass(factory, WidePool):
        assert min(min(row) for row in values(search(factory, Constant, budget=100)[0])) > 0


def test_requests_are_fits_and_predictions():
    space = ToySpace()
    strategy = WeakNAS(problem(space), np.random.default_rng(0), surrogate=NearestNeighbour(space))
    first = strategy.ask(10)
    strategy.tell(evaluate(first, distance_to_origin))
    requests = strategy.asking(10)
    fit = next(requests)
    assert isinstance(fit, Fit)
    model = fit.learner.fit(fit.archs, fit.targets, fit.rng)
    asked = requests.send(model)
    assert isinstance(asked, Predict)
    assert len(asked.archs) == 4**6, "what was told is ranked too"
    with pytest.raises(StopIteration) as stop:
        requests.send(asked.model.predict(asked.archs))
    assert isinstance(stop.value.value, Proposals)
