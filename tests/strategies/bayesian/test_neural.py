"""DNGO and BOHAMIANN: the model's mean counts, what they are by default, and that they beat random search."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from harness.experiments.spec import StrategySpec
from harness.surrogate import Prediction, Surrogate
from strategies.bayesian.bohamiann import Bohamiann
from strategies.bayesian.dngo import DNGO
from surrogates.neural.dngo import DNGO as Learner
from tests.strategies.measured import beaten, regrets
from tests.strategies.support import ToySpace, drive, evaluate, problem, rugged

BOTH = pytest.mark.parametrize("kind", [DNGO, Bohamiann])


class Knowing(Surrogate):
    """Knows the objective, and is less sure of what is worse."""

    deviation: ClassVar[float] = 0.01

    def __init__(self, space):
        super().__init__(space, encoding="one_hot")

    def fit(self, archs, targets, rng, covariates=None):
        return self

    def predict(self, archs, covariates=None):
        return Prediction(rugged(archs), self.deviation * (1 + rugged(archs)))


@BOTH
@pytest.mark.parametrize("acquisition", ["ei", "ucb", "its", "pi"])
def test_the_mean_of_the_model_counts(kind, acquisition):
    """Where the mean is lost, as in naszilla, draws of largest deviation win: here those of the worst."""
    given = problem(ToySpace((3,) * 6))
    strategy = kind(given, np.random.default_rng(0), surrogate=Knowing(given.space), acquisition=acquisition)
    values = drive(strategy, rugged, 30)[1]
    everything = np.sort(rugged(given.space.decode(np.arange(3**6, dtype=np.uint64))))
    assert values[20:].max() < everything[60]


@BOTH
def test_defaults(kind):
    given = problem(ToySpace((3,) * 6))
    strategy = kind(given, np.random.default_rng(0), surrogate=Knowing(given.space))
    assert (strategy.initial, strategy.batch, strategy.acquisition) == (20, 10, "ei")
    assert strategy.candidates == {DNGO: 20_000, Bohamiann: 2_000}[kind]
    assert (strategy.target, strategy.batch_rule, strategy.identity) == ("identity", "top", "exact")
    assert len(strategy.ask(50)) == 20


def test_failures_are_in_no_model():
    given = problem(ToySpace((4,) * 5), duplicates="forbidden")
    learner = Learner(given.space, epochs=3, width=5)
    strategy = DNGO(given, np.random.default_rng(0), surrogate=learner, initial=6, batch=3)
    proposals = strategy.ask(6)
    strategy.tell(evaluate(proposals, lambda archs: np.where(np.arange(6) % 2, np.nan, rugged(archs))))
    seen = [strategy.ask(3).archs for _ in range(3)]
    assert len(np.unique(np.concatenate([proposals.archs, *seen]), axis=0)) == 15


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dngo", "bohamiann"])
def test_it_beats_random_search(name):
    """On the table where differences are largest: means about 1.1 (DNGO) and 0.4 (BOHAMIANN) against 2.0, n = 40."""
    specs = [StrategySpec("random_search", "random"), StrategySpec(name, "own")]
    assert beaten(*regrets(specs, "nb201-cifar100", 40))
