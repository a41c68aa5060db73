"""Calibration of the standard deviations of any learner, by what it says of architectures that it was not told of."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from statistics import NormalDist
from typing import Self, cast

import numpy as np

from harness.checks import Archs, FloatArray, IntArray, arch_matrix
from harness.errors import HarnessError, must
from harness.learners.folds import FOLDS, grouped_folds
from harness.learners.wrapping import Wrapper
from harness.surrogate import Fit, Predict, Prediction, Surrogate

CALIBRATIONS = ("none", "spread", "conformal")
"""As the learner says; its standard deviations times one factor; one standard deviation for all architectures."""
LEVEL = 0.9
"""Of the central interval that `conformal` makes true."""


_HALF_WIDTH = NormalDist().inv_cdf(0.5 + LEVEL / 2)
"""Of that interval of a normal distribution, in standard deviations."""


class Calibrated(Wrapper):
    """A learner of which the standard deviations are made true by its own errors.

    Errors are those of out-of-fold predictions: what is told is divided into five parts, no functional class into two
    (`grouped_folds`), and each part is predicted by a learner fitted to the others.  The mean is that of the learner
    fitted to all, the same number as without calibration.  A fit costs six, all in one request to the learner inside.

    - ``spread``: `std` is multiplied by ``s = sqrt(mean(((y - mean) / std)^2))``.  What has a `std` of 0 keeps it, and
      has no part in s.
    - ``conformal``: cross-conformal prediction (Vovk, "Cross-conformal predictors", Annals of Mathematics and
      Artificial Intelligence 74, 2015) with absolute errors: with q the ``ceil(0.9 (n + 1))``-th smallest of the n, the
      interval ``mean +- q`` holds nine of ten new results, whatever their distribution; `std` is ``q / 1.6449``, so
      that it is the central normal interval of 90 %.  It is the same for all architectures, and a learner without
      standard deviations gets one.  With fewer than nine results q is the largest error, which promises less.

    With fewer than five functional classes nothing can be said: ``spread`` leaves `std` as it is, and ``conformal``
    takes the standard deviation of the targets.  Both are for new evaluations, noise included.  With m objectives each
    is calibrated by itself.  `members` keep their mean and are stretched by as much as `std`, where it was not 0.

    Departs from the paper: the mean is that of one model fitted to all, and not of one of each fold; parts are of equal
    numbers of classes.

    Parameters
    ----------
    learner : Surrogate
        The one inside.
    calibrated : {"spread", "conformal"}

    Raises
    ------
    HarnessError
        If there is no standard deviation to multiply.
    """

    def __init__(self, learner: Surrogate, *, calibrated: str) -> None:
        super().__init__(learner, calibrated=calibrated)
        if calibrated == "spread" and not learner.has_std:
            rule = f'be "conformal" with {type(learner).__name__}, which has no standard deviation to multiply'
            raise HarnessError(must("calibrated", rule, calibrated))
        self.has_std = True
        self._conformal = calibrated == "conformal"
        self._scale: FloatArray = np.ones(())  # of standard deviations, or the deviation itself: () or (m,)

    def fit_many(self, tasks: Sequence[Fit]) -> list[Self]:
        """Fit the learner inside to all and to all but each part, all tasks at once, and compare."""
        wrappers = cast("list[Self]", [task.learner for task in tasks])
        inside = [replace(task, learner=wrapper.learner) for task, wrapper in zip(tasks, wrappers, strict=True)]
        left_out = [_left_out(task) for task in inside]
        models = self.learner.fit_many([*inside, *(fit for parts in left_out for fit, _ in parts)])
        of_parts = iter(models[len(tasks) :])
        asked = [
            Predict(next(of_parts), *_rows(task, out))
            for task, parts in zip(inside, left_out, strict=True)
            for _, out in parts
        ]
        said = iter(asked[0].model.predict_many(asked) if asked else ())
        fitted = []
        for wrapper, model, task, parts in zip(wrappers, models, inside, left_out, strict=False):
            fitted.append(wrapper.around(model))
            fitted[-1]._scale = self._scale_of(task.targets, [(out, next(said)) for _, out in parts])
        return fitted

    def predict_many(self, tasks: Sequence[Predict]) -> list[Prediction]:
        """Predict with calibrated standard deviations, all tasks at once."""
        wrappers = cast("list[Self]", [task.model for task in tasks])
        inside = [replace(task, model=wrapper.learner) for task, wrapper in zip(tasks, wrappers, strict=True)]
        said = self.learner.predict_many(inside)
        return [wrapper._stretched(one) for wrapper, one in zip(wrappers, said, strict=True)]

    def _scale_of(self, targets: FloatArray, parts: Sequence[tuple[IntArray, Prediction]]) -> FloatArray:
        """Return the factor or the deviation, () or (m,), by what was said of each part that was left out."""
        values = np.asarray(targets, dtype=np.float64)
        if not parts:
            return values.std(axis=0) if self._conformal else np.ones(values.shape[1:])
        errors = np.concatenate([np.abs(values[out] - said.mean) for out, said in parts])
        if self._conformal:
            rank = min(ceil(LEVEL * (len(errors) + 1)), len(errors))
            return np.asarray(np.sort(errors, axis=0)[rank - 1] / _HALF_WIDTH)
        std = np.concatenate([said.std for _, said in parts])
        counted = std > 0
        squares = np.square(np.divide(errors, std, out=np.zeros_like(std), where=counted)).sum(axis=0)
        known = counted.sum(axis=0)
        return np.asarray(np.sqrt(np.where(known, squares / np.maximum(known, 1), 1.0)))

    def _stretched(self, said: Prediction) -> Prediction:
        std = np.broadcast_to(self._scale, said.std.shape).copy() if self._conformal else said.std * self._scale
        members = said.members
        if members is not None:
            ratio = np.divide(std, said.std, out=np.ones_like(std), where=said.std > 0)
            members = said.mean + (members - said.mean) * ratio
        return Prediction(said.mean, std, members)


def _left_out(task: Fit) -> list[tuple[Fit, IntArray]]:
    """Return the fits to all but one part, and the rows of that part; none where there are too few classes.

    None either where the learner will refuse what it is told.
    """
    archs = arch_matrix("archs", task.archs, task.learner.space.genes)
    sizes = {len(part) for part in (task.targets, task.covariates) if part is not None and np.ndim(part)}
    if not len(archs) or sizes != {len(archs)}:
        return []
    drawn = copy.deepcopy(task.rng)  # the generator itself is for the fit to all, which is as it is without calibration
    part = grouped_folds(task.learner.space, archs, drawn)
    if part.max() + 1 < FOLDS:
        return []
    fits = []
    for fold in range(FOLDS):
        kept, covariates = _rows(task, np.flatnonzero(part != fold))
        child = np.random.default_rng(int(drawn.integers(1 << 63)))
        targets = np.asarray(task.targets)[part != fold]
        fits.append((Fit(task.learner, kept, targets, child, covariates), np.flatnonzero(part == fold)))
    return fits


def _rows(task: Fit, rows: IntArray) -> tuple[Archs, FloatArray | None]:
    return task.archs[rows], None if task.covariates is None else task.covariates[rows]
