"""A learner that is always right: the ceiling of what a search guided by a learner can find."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from harness.checks import Archs, FloatArray, arch_matrix
from harness.errors import HarnessError, must
from harness.space import SearchSpace
from harness.surrogate import Informed, Prediction
from surrogates.inputs import not_fitted, target_matrix


class Perfect(Informed):
    """No learner: a ceiling.  It predicts the mean of the table's own trainings, of whatever it is asked, and is sure.

    A strategy of which this is the learner, ``surrogate = { name = "perfect" }``, finds what its candidates and its
    rule of choice allow with a predictor that is always right.  What real learners reach is then a fraction of the way
    from random search to that ceiling.  With it NPENAS proposes the optimum of NAS-Bench-201 in its third, third and
    fourth batch of ten after ten at random (CIFAR-10, CIFAR-100, ImageNet16-120), the median of runs told means.

    It is told by whoever builds the learner of a search (`harness.surrogate.Informed`), so it cannot stand in a
    stacking, take `targets` or be `calibrated`, nor be judged as a predictor.  What it is fitted to must be the
    objectives as they are, since it answers in their unit: a strategy whose `target` is another than "identity", or
    which fits classes or weighted sums, is refused.  An architecture of which all trainings failed is predicted as bad
    as the worst that was asked with it; `std` is 0.

    Parameters
    ----------
    space : SearchSpace
    encoding : str, optional
        Not read; the first of the space by default.
    """

    def __init__(self, space: SearchSpace, *, encoding: str | None = None) -> None:
        super().__init__(space, encoding=space.encodings[0] if encoding is None else encoding)
        self._means: Callable[[Archs], FloatArray] | None = None
        self._fitted_shape: tuple[int, ...] | None = None

    def told_by(self, means: Callable[[Archs], FloatArray]) -> Self:
        """Return a copy that is told by a function; see `Informed.told_by`."""
        learner = copy.copy(self)
        learner._means = means
        return learner

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy that answers in the shape of the targets, (n,) or (n, m), after a look at what they are.

        Raises
        ------
        HarnessError
            If nobody tells it anything; if there are covariates; or if the targets are not the objectives: another
            number of columns, or more than half of them further from the means than half of the larger of both.
        """
        if self._means is None:
            raise HarnessError(
                "the learner 'perfect' knows nothing by itself: it is told the means of the table as the `surrogate` of"
                " a strategy alone, without `targets` and `calibrated`, and in no other learner"
            )
        if covariates is not None:
            raise HarnessError(must("covariates", "be left out with the learner 'perfect'", f"{np.shape(covariates)}"))
        rows = arch_matrix("archs", archs, self.space.genes)
        values, means = target_matrix(targets, len(rows)), np.asarray(self._means(rows), dtype=np.float64)
        rule = "be the objectives as they are with the learner 'perfect': set `target = \"identity\"` of the strategy"
        if values.shape != means.shape:
            raise HarnessError(must("targets", rule, f"{values.shape[1]} of {means.shape[1]} columns"))
        near = np.abs(values - means) <= np.maximum(np.abs(values), np.abs(means)) / 2
        if near.mean() < 0.5:
            raise HarnessError(must("targets", rule, f"{values.flat[0]:.4g} for a mean of {means.flat[0]:.4g}"))
        model = copy.copy(self)
        model._fitted_shape = np.asarray(targets).shape[1:]
        return model

    def predict(self, archs: Archs, covariates: Any = None) -> Prediction:
        """Tell the means of q architectures: (q, L) to mean and std, (q,) or (q, m)."""
        if self._means is None or self._fitted_shape is None:
            raise not_fitted(self)
        means = np.array(self._means(arch_matrix("archs", archs, self.space.genes)), dtype=np.float64)
        for column in means.T:
            failed = np.isnan(column)
            column[failed] = column[~failed].max(initial=0.0)
        return Prediction(means.reshape(len(means), *self._fitted_shape), np.zeros((len(means), *self._fitted_shape)))
