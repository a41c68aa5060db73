"""Objectives that the space knows in closed form: exact, and never learnt."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, FloatArray
from harness.problem import Problem
from strategies.parts.candidates import no_archs

_ROUNDING = 1e-9
"""Relative difference at which a value told is that of the closed form."""
_LEAST_SURPLUS = 2
"""Results beyond the unknowns of a linear function that must agree with it before it counts as known."""


class ClosedForms:
    """The objectives of a problem that `SearchSpace.costs` gives, checked against what is told.

    Costs in closed form are those of one published network.  A table may have trained another of the same family: with
    more classes, other widths, smaller images.  Where what is told differs from the closed form, a column still is
    known if all that was told is one linear function of the costs, to rounding: of NAS-Bench-201 parameters and
    multiply-adds together give the count of each operation, so that every size of that network has one.  Otherwise the
    objective is not known.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        names = problem.space.costs(no_archs(problem.space))
        self.columns = [j for j, item in enumerate(problem.objectives) if item.name in names]
        """Objectives with a closed form, known or not."""
        self._as_published = dict.fromkeys(self.columns, True)
        self._costs: list[FloatArray] = []
        self._told: list[FloatArray] = []
        self._linear: dict[int, FloatArray] | None = None  # coefficients of those not as published, once fitted

    def compare(self, archs: Archs, objectives: FloatArray) -> None:
        """Take results, (n, L) and (n, m), those of failed trainings too."""
        if not self.columns:
            return
        costs = self._all_costs(archs)
        self._costs.append(costs)
        self._told.append(objectives[:, self.columns])
        self._linear = None
        published = self._published(archs)
        for place, j in enumerate(self.columns):
            told = objectives[:, j]
            differs = np.abs(told - published[:, place]) > _ROUNDING * np.maximum(np.abs(told), 1.0)
            self._as_published[j] &= not differs.any()

    def known(self) -> set[int]:
        """Return the objectives that are known."""
        published = {j for j, same in self._as_published.items() if same}
        return published if len(published) == len(self.columns) else published | self._fitted().keys()

    def values(self, archs: Archs) -> FloatArray:
        """Return the objectives of architectures, (q, L) to (q, m), to be minimised; NaN where not known."""
        values = np.full((len(archs), len(self.problem.objectives)), np.nan)
        if not self.columns:
            return values
        published = self._published(archs)
        for place, j in enumerate(self.columns):
            if self._as_published[j]:
                values[:, j] = published[:, place]
        if not all(self._as_published.values()):
            features = self._features(self._all_costs(archs))
            for j, coefficients in self._fitted().items():
                values[:, j] = features @ coefficients
        return values

    def _fitted(self) -> dict[int, FloatArray]:
        """Return the coefficients of columns that are linear functions of the costs."""
        if self._linear is None:
            self._linear = {}
            features, told = self._features(np.concatenate(self._costs)), np.concatenate(self._told)
            for place, j in enumerate(self.columns):
                seen = np.isfinite(told[:, place])
                rows, column = features[seen], told[seen, place]
                distinct = len(np.unique(rows, axis=0))
                if self._as_published[j] or distinct < rows.shape[1] + _LEAST_SURPLUS:
                    continue
                scale = np.abs(rows).max(axis=0)
                scale[scale == 0] = 1.0
                coefficients = np.linalg.lstsq(rows / scale, column, rcond=None)[0] / scale
                if np.abs(rows @ coefficients - column).max() <= 1e3 * _ROUNDING * np.abs(column).max():
                    self._linear[j] = coefficients
        return self._linear

    def _published(self, archs: Archs) -> FloatArray:
        """Return the closed forms of `columns`, to be minimised, (n, c)."""
        costs = self.problem.space.costs(archs)
        items = [self.problem.objectives[j] for j in self.columns]
        return np.stack([item.to_minimised(costs[item.name]) for item in items], axis=1)

    def _all_costs(self, archs: Archs) -> FloatArray:
        costs = self.problem.space.costs(archs)
        return np.stack([costs[name] for name in sorted(costs)], axis=1)

    @staticmethod
    def _features(costs: FloatArray) -> FloatArray:
        return np.concatenate([np.ones((len(costs), 1)), costs], axis=1)
