"""Learners of the end of a training that are trained on finished curves: linear, support vectors, and SoTL."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, FloatArray, IntArray, boolean, choice, integer, real
from harness.errors import HarnessError, must
from harness.space import SearchSpace
from surrogates.inputs import Scaling
from surrogates.learning_curves.reading import CurveLearner, architectures_and
from surrogates.learning_curves.scores import (
    curve_features,
    last_value,
    sum_of_losses,
    sum_of_smoothed_losses,
)
from surrogates.linear.evidence import Head, fit_head
from surrogates.support_vectors.regression import radial

FEWEST = 4
"""Finished trainings without which nothing is learnt, and the last value is the prediction: of curves of another
column than the targets, the mean of the targets."""


class _Trained(CurveLearner):
    """Base of learners on features of curves of equal length."""

    takes_other: ClassVar[bool] = True
    _scaling: Scaling | None = None
    _centre: float = 0.0
    _spread: float = 1.0

    def features(self, archs: Archs, curves: FloatArray) -> FloatArray:
        """Return what is learnt from, (n, d)."""
        return architectures_and(self, archs, curve_features(curves), self.hyperparameters["architectures"])

    def learn(self, archs: Archs, curves: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        """Learn from trainings that came as far as the shortest of them."""
        self._scaling = None
        if not np.isfinite(curves).all():
            raise HarnessError(must("covariates", "be curves that have all come as far, without NaN", np.nan))
        if len(curves) < FEWEST:
            return
        features = self.features(archs, curves)
        scaling = Scaling.of(features)
        self._centre, self._spread = float(targets.mean()), max(float(targets.std()), 1e-12)
        self.train(scaling.apply(features), (targets - self._centre) / self._spread, rng)
        self._scaling = scaling

    def train(self, inputs: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        """Learn from standardised inputs, (n, d), and targets, (n,)."""
        raise NotImplementedError

    def said(self, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of standardised targets: (q, d) to (q,) and (q,)."""
        raise NotImplementedError

    def extrapolate(self, archs: Archs, curves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the ends; see `FEWEST` where nothing was learnt."""
        if self._scaling is None and not self.of_targets and self._learnt is not None:
            return np.full(len(curves), self._learnt[0]), np.full(len(curves), self._learnt[1])
        if self._scaling is None:
            known = np.isfinite(curves)
            centre = np.where(known, curves, 0.0).sum(axis=1) / known.sum(axis=1)
            own = np.where(known, np.square(curves - centre[:, None]), 0.0).sum(axis=1) / known.sum(axis=1)
            return last_value(curves), np.sqrt(own)
        if curves.shape[1] != self._width or not np.isfinite(curves).all():
            rule = f"be curves of the {self._width} values that were learnt from, without NaN"
            raise HarnessError(must("covariates", rule, curves.shape))
        mean, std = self.said(self._scaling.apply(self.features(archs, curves)))
        return self._centre + self._spread * mean, self._spread * std


class CurveRidge(_Trained):
    """Bayesian linear regression on the features of curves: the baseline to beat.

    Features are those of Baker et al. (see `surrogates.learning_curves.scores.curve_features`), standardised by the
    trainings that were learnt from; both precisions maximise the evidence (Bishop, "Pattern Recognition and Machine
    Learning", 2006, sections 3.3 to 3.5).

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Of the architectures, where they are read.
    architectures : bool
        Whether features of the architectures are read too.
    """

    def __init__(self, space: SearchSpace, *, encoding: str = "one_hot", architectures: bool = False) -> None:
        super().__init__(space, encoding=encoding, architectures=boolean("architectures", architectures))
        self._head: Head | None = None

    def train(self, inputs: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        """Choose the precisions by the evidence."""
        self._head = fit_head(inputs, targets)

    def said(self, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of new targets, noise included."""
        if self._head is None:
            raise HarnessError("nothing was learnt")
        mean, variance = self._head.predict(inputs)
        return mean, np.sqrt(variance)


class CurveSoTL(CurveRidge):
    """Bayesian linear regression of the end of a training on the sum over its training losses.

    Ru, Lyle, Schut, Fil, van der Wilk & Gal, "Speedy Performance Estimation for Neural Architecture Search", NeurIPS
    2021: SoTL sums the training losses of all epochs so far, SoTL-E those of the last E, SoTL-EMA their moving average
    (`surrogates.learning_curves.scores`).  Its curves are those of the training loss, which a strategy is told as an
    auxiliary column (``curve = "train_loss"`` of `curve_stopping`); of the validation loss they are the paper's
    baseline, SoVL.

    Departs from the paper, which ranks by the score: a line through the ends of finished trainings, cut at the same
    epoch, turns it into a prediction with a standard deviation.  Where a table has the training accuracy alone, the
    training error takes the place of the loss.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Of the architectures, where they are read.
    architectures : bool
        Whether features of the architectures are read too.
    score : {"sotl", "sotl_e", "sotl_ema"}
    last : int
        E of SoTL-E, at least 1, which the paper finds best early in training.
    memory : float
        Of SoTL-EMA, for each epoch, from 0 to 1.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        architectures: bool = False,
        score: str = "sotl",
        last: int = 1,
        memory: float = 0.9,
    ) -> None:
        super().__init__(space, encoding=encoding, architectures=architectures)
        self.hyperparameters |= {
            "score": choice("score", score, ("sotl", "sotl_e", "sotl_ema")),
            "last": integer("last", last, low=1, high=MOST),
            "memory": real("memory", memory, low=0.0, high=1.0),
        }

    def features(self, archs: Archs, curves: FloatArray) -> FloatArray:
        """Return the score, (n, d): d = 1, without architectures."""
        given = self.hyperparameters
        if given["score"] == "sotl_ema":
            score = sum_of_smoothed_losses(curves, given["memory"])
        else:
            score = sum_of_losses(curves, given["last"] if given["score"] == "sotl_e" else None)
        return architectures_and(self, archs, score[:, None], given["architectures"])


class CurveSVR(_Trained):
    """Support-vector regression on the features of curves (LC-SVR).

    Baker, Gupta, Raskar & Naik, "Accelerating Neural Architecture Search using Performance Prediction", ICLR workshop
    2018: nu-SVR with a radial kernel.  With `draws` its three values are searched for at random, C and gamma
    log-uniform in [1e-5, 10], nu uniform, by 3-fold cross-validation on squared errors; the given values are among
    those tried.

    Departs from the paper: 1,000 draws by default there, none here, which costs little accuracy on a hundred curves;
    the standard deviation is the root mean squared error of the cross-validation.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Of the architectures, where they are read.
    architectures : bool
        Whether features of the architectures are read too.
    C : float
        Greater than 0.
    nu : float
        Fraction of support vectors at least, greater than 0, at most 1.
    gamma : float, optional
        Of the radial kernel, greater than 0; the default is one over the number of features.
    draws : int
        At random, at least 0.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scikit-learn")

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        architectures: bool = False,
        C: float = 10.0,  # its name in the field
        nu: float = 0.5,
        gamma: float | None = None,
        draws: int = 0,
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            architectures=boolean("architectures", architectures),
            C=real("C", C, low=0.0, open_low=True),
            nu=real("nu", nu, low=0.0, high=1.0, open_low=True),
            gamma=None if gamma is None else real("gamma", gamma, low=0.0, open_low=True),
            draws=integer("draws", draws, low=0, high=MOST),
        )
        self._machine: Any = None
        self._std = 0.0

    def train(self, inputs: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        """Choose the values by cross-validation and learn from all."""
        given = self.hyperparameters
        tried = [(given["C"], given["nu"], 1.0 / inputs.shape[1] if given["gamma"] is None else given["gamma"])]
        drawn = rng.random((given["draws"], 3))
        tried += [(10.0 ** (-5 + 6 * c), max(float(n), 1e-3), 10.0 ** (-5 + 6 * g)) for c, n, g in drawn.tolist()]
        folds = rng.permutation(len(inputs)) % min(3, len(inputs))
        errors: dict[Hashable, float] = {values: _error(values, inputs, targets, folds) for values in tried}
        best = min(tried, key=lambda values: errors[values])
        self._machine, self._std = _machine(best).fit(inputs, targets), errors[best] ** 0.5

    def said(self, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the regression, and the error of the cross-validation for each."""
        return np.asarray(self._machine.predict(inputs), dtype=np.float64), np.full(len(inputs), self._std)


def _machine(values: tuple[float, float, float]) -> Any:
    return radial(C=values[0], nu=values[1], gamma=values[2])


def _error(values: tuple[float, float, float], inputs: FloatArray, targets: FloatArray, folds: IntArray) -> float:
    """Return the mean squared error of predictions of folds that were left out."""
    wrong = 0.0
    for fold in np.unique(folds):
        left = folds == fold
        predicted = _machine(values).fit(inputs[~left], targets[~left]).predict(inputs[left])
        wrong += float(np.square(predicted - targets[left]).sum())
    return wrong / len(targets)
