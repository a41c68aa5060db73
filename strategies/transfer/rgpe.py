"""Ranking-weighted ensembles of the models of other tables."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, BoolArray, FloatArray, IntArray, integer
from harness.problem import Problem
from harness.surrogate import Fit, Predict, Prediction, Surrogate
from strategies.parts.model_based import Models
from strategies.parts.rank_weights import DRAWS, draws, kept, misranked, shares
from strategies.transfer.models import Sum, lessons_of, standardised
from strategies.transfer.sources import Begun

FEWEST_TO_WEIGH = 3
"""Results without which all models weigh the same."""


class RGPE(Begun):
    """Weigh a model of each source, and one of the target, by how well they rank the target's results.

    Feurer, Letham & Bakshy, "Scalable meta-learning for Bayesian optimization using ranking-weighted Gaussian process
    ensembles", AutoML workshop at ICML 2018: a model's weight is the share of posterior draws in which it mis-ranks the
    fewest pairs of results; the target's own model is judged by results that it was not told of.  A source is dropped
    whose median loss is above the 95th percentile of the target's, so that the ensemble falls back to the target's own
    model where no source helps; ties are the target's.

    Departs from the paper: draws are independent at each architecture (`strategies.parts.rank_weights`); the target's
    model is left out by `folds` and not one by one; `initial` architectures come first, of which the first `start` are
    a portfolio of the sources (`strategies.transfer.sources`); candidates are those of `GPBO`.

    Constraints, failed trainings, parallel workers and duplicates are treated as in `GPBO`.

    Parameters
    ----------
    surrogate : Surrogate
        The learner of every task, built on ``problem.space``; one that predicts a standard deviation.
    initial : int
        Architectures before the first model, at least 2.
    start : int
        How many of them are taken from the sources, from 0 to `initial`.
    source_rows : int
        Trainings of a source that its model learns, at least 2; drawn at random where there are more.
    folds : int
        Parts of the target's results that are left out in turn, at least 2.
    samples : int
        Posterior draws, at least 1.
    batch, candidates, parents, acquisition, batch_rule, target, identity
        See `GPBO`.
    """

    family, paper, year = "transfer", "Feurer, Letham & Bakshy, AutoML workshop", 2018

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 6,
        start: int = 3,
        source_rows: int = 100,
        folds: int = 5,
        samples: int = DRAWS,
        batch: int = 1,
        candidates: int = 500,
        parents: int = 5,
        acquisition: str = "ei",
        batch_rule: str = "believer",
        target: str = "log",
        identity: str = "exact",
    ) -> None:
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=initial,
            batch=batch,
            candidates=candidates,
            parents=parents,
            acquisition=acquisition,
            batch_rule=batch_rule,
            target=target,
            identity=identity,
            start=start,
        )
        self.folds = integer("folds", folds, low=2, high=MOST)
        self.samples = integer("samples", samples, low=1, high=MOST)
        self._lessons = lessons_of(problem, source_rows, self.target, rng)
        self._sources: list[Surrogate] = []  # fitted, by source
        self._said: list[tuple[Archs, FloatArray, FloatArray]] = []  # means and deviations at rows told, by source
        self.weights: FloatArray = np.zeros(0)
        """Of the sources, in the order of `Problem.prior`, and of the target's own model, (K + 1,)."""

    def learn(self, archs: Archs, targets: FloatArray, believed: Archs, lies: FloatArray) -> Models:
        """Return the ensemble."""
        for _, rows, values in self._lessons[len(self._sources) :]:
            source: Surrogate = yield Fit(self.surrogate, rows, values, self._child())
            self._sources.append(source)
        values, centre, spread = standardised(targets)
        own: Surrogate = yield self._fit(archs, values, believed, (lies - centre) / spread)
        self._kept(own)
        models = [*self._sources, own]
        self.weights = yield from self._weights(archs, values, models)
        used = np.flatnonzero(self.weights > 0)
        return Sum([models[place] for place in used], self.weights[used], centre, spread)

    def believe(
        self, archs: Archs, targets: FloatArray, believed: Archs, lies: FloatArray, new: Archs
    ) -> Generator[Fit | Predict, Any, FloatArray]:
        """Return what the target's own model predicts."""
        values, centre, spread = standardised(targets)
        own: Surrogate = yield self._fit(archs, values, believed, (lies - centre) / spread)
        self._kept(own)
        said: Prediction = yield Predict(own, new)
        return centre + spread * said.mean

    def _weights(self, archs: Archs, values: FloatArray, models: list[Surrogate]) -> Any:
        """Return the weight of each model, (K + 1,), the target's own last."""
        last, n = len(models) - 1, len(archs)
        if n < FEWEST_TO_WEIGH or not last:
            return np.full(len(models), 1.0 / len(models))
        losses = np.empty((len(models), self.samples), dtype=np.int64)
        for place, source in enumerate(models[:last]):
            said = yield Predict(source, archs)
            losses[place] = misranked(draws(said, self.samples, self.rng), values)
        left_out = yield from self._left_out(archs, values, models[last])
        losses[last] = misranked(left_out, values, values)
        used: BoolArray = kept(losses, last)
        weights = np.zeros(len(models))
        weights[used] = shares(losses[used], int(used[:last].sum()))
        return weights

    def _left_out(self, archs: Archs, values: FloatArray, own: Surrogate) -> Any:
        """Return draws of the target's model at results that it was not told of, (S, n)."""
        drawn = np.empty((self.samples, len(archs)))
        part: IntArray = self.rng.permutation(len(archs)) % min(self.folds, len(archs))
        for fold in range(min(self.folds, len(archs))):
            out = part == fold
            start = own if self.surrogate.continues else self.surrogate
            model = yield Fit(start, archs[~out], values[~out], self._child())
            said = yield Predict(model, archs[out])
            drawn[:, out] = draws(said, self.samples, self.rng)
        return drawn
