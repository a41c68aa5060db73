"""Asynchronous Hyperband with a model for each rung, weighted by how well it ranks."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, FloatArray, IntArray, integer
from harness.problem import Problem
from harness.surrogate import Fit, Predict, Prediction, Surrogate
from strategies.multi_fidelity.asha import bracket_probabilities
from strategies.multi_fidelity.base import MOST_ETA
from strategies.multi_fidelity.ladder import ladder
from strategies.multi_fidelity.modelled import Appraisal, Appraising, ModelledASHA, Pending
from strategies.multi_fidelity.rungs import Rung
from strategies.parts import targets as transforms
from strategies.parts.rank_weights import draws, misranked, shares

FEWEST_RESULTS = 6
"""Of a rung that has a model."""
_LEAST_WEIGHT = 0.01
_MOST_FOLDS = 5

Weighing = Generator[Fit | Predict, Any, None]


class HyperTune(ModelledASHA):
    """Choose what asynchronous Hyperband begins, and where, by models of the rungs that rank best.

    Li et al., "Hyper-Tune: Towards Efficient Hyper-parameter Tuning at Scale", VLDB 2022.  Each rung with at least six
    results has a model of its own; theta, the weight of a rung, is the share of posterior draws in which its model puts
    the fewest pairs of results of the highest such rung in the wrong order (`strategies.parts.rank_weights`).  The
    models of the rungs together predict ``sum theta_k mean_k`` and the variance ``sum theta_k^2 std_k^2``, and a new
    configuration has the largest expected improvement.  It begins on rung k with a probability in proportion to
    ``theta_k / r_k``, r_k the epochs there.  Promotion is delayed (D-ASHA): a rung promotes only while fewer than
    ``1 / eta`` of its members have been.  Trainings that run are believed to give the median of their rung.

    As in syne-tune, the model of the highest rung is judged by models that were not told of the results that they
    rank, here in at most five folds of two or more, and each draw is compared with the result itself (Feurer et al.,
    equation 5; syne-tune compares draws inside each fold); rungs above the highest that has a model keep the
    probability of asynchronous Hyperband; weights are found again when that rung was told more.

    Departs from the paper: theta comes as soon as two rungs have models (there, when all have); draws are independent
    for each architecture; each model learns results in units of its rung's own spread; expected improvement is
    maximised over a pool, `candidates` random architectures and all neighbours of the best.

    On `micro-mnist1d`, with one worker and continued trainings, regrets in percent points after the seconds of 10, 25,
    50 and 100 full trainings are 3.06, 1.72, 1.08 and 0.69; those of `asha` 2.40, 1.61, 1.36 and 1.18, with three
    `brackets`, which are what it begins with, 2.81, 1.76, 1.38 and 1.13, of `random_search` 2.60, 1.87, 1.51 and 1.15
    (means over 100 runs under the same noise): better than all of them from 50 on, and no better than brackets before.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``; one that predicts a standard deviation.
    initial : int
        Results, at any rung, before the first model, at least 6.
    candidates : int
        Random candidates of a decision; a space of no more codings is scanned whole.
    parents : int
        Architectures of each rung, the best, that an improvement is measured from; so many, of the highest rungs, are
        those whose neighbours are candidates too.
    samples : int
        Posterior draws by which rungs are weighed, at least 1.
    target : {"log", "identity"}
        See `strategies.parts.targets`.
    eta : int
        The reduction: one of so many is promoted, at least 2.
    rungs : list of int or str, optional
        Epochs of the full training or labels of fidelities, ascending; the default is R / eta**i epochs, to the nearest
        that the table has.
    brackets : int, optional
        How many rungs a new configuration may start on, from 1, the lowest alone; the default is one for each rung.
    """

    family, paper, year = "multi-fidelity", "Li et al., VLDB", 2022

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        candidates: int = 250,
        parents: int = 2,
        samples: int = 50,
        target: str = "log",
        eta: int = 3,
        rungs: Sequence[int | str] | None = None,
        brackets: int | None = None,
    ) -> None:
        eta = integer("eta", eta, low=2, high=MOST_ETA)
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=integer("initial", initial, low=FEWEST_RESULTS, high=MOST),
            candidates=candidates,
            parents=parents,
            target=target,
            eta=eta,
            rungs=rungs,
            brackets=len(ladder("HyperTune", problem, eta, rungs)) if brackets is None else brackets,
        )
        self.samples = integer("samples", samples, low=1, high=MOST)
        self._models = [surrogate] * len(self.ladder)
        self.theta: FloatArray | None = None
        """Weights of the rungs, the lowest first, up to the highest that has a model; None before two have."""
        self._weighed = (0, 0)  # the highest rung that weights are from, and how many results it had
        self._prior = np.array(bracket_probabilities(len(self.ladder), self.eta, len(self.systems)))

    def promotable(self, rung: Rung) -> int:
        """Return how many of the best members of a rung may be promoted: none while enough have been."""
        count = super().promotable(rung)
        return count if len(rung.promoted) < count else 0

    def draw_bracket(self) -> int:
        """Return the bracket of a new configuration."""
        if len(self.systems) == 1:
            return 0
        weights = self._prior if self.theta is None else bracket_weights(self._prior, self.theta, self.resources)
        bounds = np.cumsum(weights)[:-1]
        return int(np.searchsorted(bounds, self.rng.random(), side="right"))

    def appraise(self, pool: Archs, incumbents: Archs, pending: Sequence[Pending]) -> Appraising:
        """Fit a model to each rung, weigh them, and predict by all that count."""
        levels = range(len(self.ladder))
        supported = [level for level in levels if self.told_at(level) >= FEWEST_RESULTS]
        supported = supported or [max(levels, key=self.told_at)]
        data = {level: self._targets(level) for level in supported}
        models: dict[int, Surrogate] = {}
        for level, (archs, targets) in data.items():
            running = [one.arch for one in pending if one.level == level]
            if running:
                archs = np.concatenate([archs, np.array(running, dtype=archs.dtype)])
                targets = np.concatenate([targets, np.full(len(running), np.median(targets))])
            models[level] = yield Fit(self._models[level], archs, targets, self.child())
            if self.surrogate.continues:
                self._models[level] = models[level]
        highest = supported[-1]
        if len(supported) > 1 and self._weighed != (highest, len(data[highest][1])):
            self._weighed = (highest, len(data[highest][1]))
            yield from self._weigh(models, *data[highest])
        both, cut = np.concatenate([pool, incumbents]), len(pool)
        mean, variance = np.zeros(len(both)), np.zeros(len(both))
        for level, model in models.items():
            weight = 1.0 if self.theta is None else float(self.theta[level])
            if weight > _LEAST_WEIGHT:
                said: Prediction = yield Predict(model, both)
                mean, variance = mean + weight * said.mean, variance + np.square(weight * said.std)
        std = np.sqrt(variance)
        return Appraisal(Prediction(mean[:cut], std[:cut]), Prediction(mean[cut:], std[cut:]))

    def _targets(self, level: int) -> tuple[Archs, FloatArray]:
        """Return what a rung was told, (n, L), and the targets in units of their own spread, (n,)."""
        archs, objectives = self.level_data(level)
        targets = transforms.transformed(self.target, objectives)
        spread = float(targets.std()) or 1.0
        return archs, (targets - targets.mean()) / spread

    def _weigh(self, models: dict[int, Surrogate], archs: Archs, targets: FloatArray) -> Weighing:
        """Find theta anew, from the results of the highest rung that has a model."""
        highest = max(models)
        losses = np.full((highest + 1, self.samples), len(targets) ** 2, dtype=np.int64)
        for level, model in models.items():
            if level < highest:
                said: Prediction = yield Predict(model, archs)
                losses[level] = misranked(draws(said, self.samples, self.rng), targets)
        drawn = np.empty((self.samples, len(targets)))
        for fold in folds(len(targets)):
            rest = np.delete(np.arange(len(targets)), fold)
            model = yield Fit(self.surrogate, archs[rest], targets[rest], self.child())
            drawn[:, fold] = draws((yield Predict(model, archs[fold])), self.samples, self.rng)
        losses[highest] = misranked(drawn, targets, targets)
        self.theta = shares(losses)


def bracket_weights(prior: FloatArray, theta: FloatArray, resources: FloatArray) -> FloatArray:
    """Return how likely each bracket is, (B,): the mass of the first by ``theta_k / r_k``, the others as before.

    Parameters
    ----------
    prior : (B,) float64
        Without weights.
    theta : (K,) float64
        Of the lowest rungs.
    resources : (K' >= K,) float64
        r_k.

    Examples
    --------
    >>> bracket_weights(np.array([0.5, 0.3, 0.2]), np.array([0.25, 0.75]), np.array([1.0, 3.0, 9.0])).tolist()
    [0.4, 0.4, 0.2]
    """
    head = min(len(theta), len(prior))
    wanted = theta[:head] / resources[:head]
    total = float(wanted.sum())
    wanted = wanted / total if total > 0 else np.eye(1, head)[0]
    return np.concatenate([wanted * prior[:head].sum(), prior[head:]])


def folds(n: int) -> list[IntArray]:
    """Return the rows that are left out in turn: at most five folds of two rows or more, n at least 2.

    Examples
    --------
    >>> [fold.tolist() for fold in folds(7)]
    [[0, 1], [2, 3], [4, 5, 6]]
    """
    count = min(n // 2, _MOST_FOLDS)
    short, longer = n // count, n % count
    bounds = np.cumsum([0] + [short] * (count - longer) + [short + 1] * longer).tolist()
    return [np.arange(start, stop) for start, stop in pairwise(bounds)]
