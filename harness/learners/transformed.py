"""A learner of transformed targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Self, cast

import numpy as np

from harness.checks import FloatArray
from harness.errors import HarnessError, must
from harness.learners.transforms import Back, transformed
from harness.learners.wrapping import Wrapper
from harness.surrogate import Fit, Predict, Prediction, Surrogate


class TransformedTargets(Wrapper):
    """A learner that is fitted to transformed targets, and predicts in the unit of the targets.

    Where the learner inside says N(m, s^2), the result has that distribution's image under the monotone way back, b:
    `mean` is its median b(m), so that architectures keep the order in which the learner puts them, and `std` half of
    its central interval of 68.27 %, ``(b(m + s) - b(m - s)) / 2``.  For ``log_error`` that is the median of the
    lognormal distribution, ``exp(m)``, and ``exp(m) sinh(s)``; its mean is larger by the factor ``exp(s^2 / 2)``.  By
    ``normal_scores`` nothing lies outside the targets that were told: a prediction beyond them is the best or the worst
    of them, and certain (`std` 0) where b is flat.  `members` are led back one by one.

    With m objectives each is transformed by itself.

    Parameters
    ----------
    learner : Surrogate
        The one inside.
    targets : str
        One of `harness.learners.transforms.TRANSFORMS`.
    """

    def __init__(self, learner: Surrogate, *, targets: str) -> None:
        super().__init__(learner, targets=targets)
        self._transform = targets
        self._backs: list[Back] = []  # one for each column of the targets

    def fit_many(self, tasks: Sequence[Fit]) -> list[Self]:
        """Fit the learner inside to transformed targets, all tasks at once.

        Raises
        ------
        HarnessError
            If a target is not finite, or the learner inside refuses.
        """
        wrappers = cast("list[Self]", [task.learner for task in tasks])
        lessons = [self._lesson(np.asarray(task.targets, dtype=np.float64)) for task in tasks]
        models = self.learner.fit_many(
            [
                replace(task, learner=wrapper.learner, targets=values)
                for task, wrapper, (values, _) in zip(tasks, wrappers, lessons, strict=True)
            ]
        )
        fitted = []
        for wrapper, model, (_, backs) in zip(wrappers, models, lessons, strict=True):
            fitted.append(wrapper.around(model))
            fitted[-1]._backs = backs
        return fitted

    def predict_many(self, tasks: Sequence[Predict]) -> list[Prediction]:
        """Predict in the unit of the targets, all tasks at once."""
        wrappers = cast("list[Self]", [task.model for task in tasks])
        inside = [replace(task, model=wrapper.learner) for task, wrapper in zip(tasks, wrappers, strict=True)]
        said = self.learner.predict_many(inside)
        return [wrapper._led_back(one) for wrapper, one in zip(wrappers, said, strict=True)]

    def _lesson(self, targets: FloatArray) -> tuple[FloatArray, list[Back]]:
        """Return transformed targets and the way back of each column; as they are where the learner will refuse."""
        if not np.isfinite(targets).all():
            rule = "be finite: leave failed evaluations out"
            raise HarnessError(must("targets", rule, targets[~np.isfinite(targets)][0]))
        if targets.ndim not in (1, 2) or not targets.size:
            return targets, []
        columns = [transformed(self._transform, column) for column in targets.reshape(len(targets), -1).T]
        values = np.stack([values for values, _ in columns], axis=1).reshape(targets.shape)
        return values, [back for _, back in columns]

    def _led_back(self, said: Prediction) -> Prediction:
        low, high = self._back(said.mean - said.std), self._back(said.mean + said.std)
        members = None if said.members is None else self._back(said.members)
        return Prediction(self._back(said.mean), (high - low) / 2, members)

    def _back(self, values: FloatArray) -> FloatArray:
        """Return values, (..., q) or (..., q, m), in the unit of the targets."""
        if len(self._backs) == 1:
            return self._backs[0](values)
        return np.stack([back(values[..., column]) for column, back in enumerate(self._backs)], axis=-1)
