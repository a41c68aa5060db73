"""Truth about a benchmark for several objectives: its own front, and the hypervolume gap of what a search has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, IntArray, choice
from harness.errors import HarnessError, ResultError
from harness.judging.front import Fronts, on_front
from harness.judging.indicators import REFERENCE, Normalisation, anytime_hypervolume, contributions, hypervolume
from harness.problem import Objective
from reports.statistics.scale import Scale, power_of_ten
from reports.study.truth import Truth

RESOLUTION = 1e-12
"""Hypervolumes that differ by this or less are equal: sums of products in double precision."""
_DECIMALS = 4


@dataclass(frozen=True)
class FrontTruth(Truth):
    """A benchmark's table as a report on several objectives sees it.

    Objectives are minimised and normalised by the lowest and the highest value of the whole table, or those of its
    logarithm; the reference point is 1.1 in each.  What takes the place of regret is the hypervolume gap: that of the
    table's own front, among the rows that keep the constraints, less that of the front that a run holds.  Values are
    means over ALL training runs, although a front is held by the values told.

    Attributes
    ----------
    log : tuple of str
        Objectives whose logarithm to base 10 is normalised.
    """

    log: tuple[str, ...] = ()
    measure: ClassVar[str] = "hypervolume gap"
    holder: ClassVar[str] = "front"

    @property
    def objective(self) -> Objective:
        """The objective that is measured on images, where one is: the validation column; else the first."""
        named = {item.name: item for item in self.facts.objectives}
        return named.get(self.oracle.validation, self.facts.objectives[0])

    @property
    def why_no_test(self) -> str | None:
        """Why there is no test image of a front, None where there is one."""
        if self.oracle.test is None:
            return "the table has no test column"
        if self.objective.name != self.oracle.validation:
            return f"no objective is '{self.oracle.validation}', which alone has a held-out counterpart"
        for item in self.facts.objectives:
            if self.oracle.columns[item.name].split and item.name != self.oracle.validation:
                return f"the objective '{item.name}' has no held-out counterpart"
        return None

    def objectives(self, split: str) -> tuple[Objective, ...]:
        """Return what judges fronts: the objectives, on test with the held-out column for the validation column."""
        choice("split", split, self.splits)
        if split == "validation":
            return self.facts.objectives
        column = self.column(split)
        held_out = Objective(column.name, column.direction, column.unit, column.best)
        return tuple(held_out if item.name == self.objective.name else item for item in self.facts.objectives)

    @cached_property
    def _column_scales(self) -> dict[str, Scale]:
        scales = {}
        for split in self.splits:
            for item in self.objectives(split):
                values = self.oracle.values(item.name)
                known = np.isfinite(values)
                if not known.any():
                    raise ResultError(f"the column '{item.name}' of '{self.facts.name}' has no value")
                scales[item.name] = Scale.of(values, known, direction=item.direction, unit=item.unit)
        return scales

    def value_scale(self, name: str) -> Scale:
        """Return the scale of the column of an objective, for its values in words."""
        return self._column_scales[name]

    def _minimised(self, item: Objective, values: FloatArray) -> FloatArray:
        """Return published values to be minimised, of which equal ones are the same number: (n,) to (n,)."""
        return np.asarray(item.to_minimised(self._column_scales[item.name].settled(values)))

    @cached_property
    def table_values(self) -> Mapping[str, FloatArray]:
        """Objectives of every row of the table by split, to be minimised: (N, m)."""
        return {
            split: np.stack(
                [self._minimised(item, self.oracle.values(item.name)) for item in self.objectives(split)], axis=1
            )
            for split in self.splits
        }

    @cached_property
    def normalisations(self) -> Mapping[str, Normalisation]:
        """By split, from all rows of the table."""
        log = [item.name in self.log for item in self.facts.objectives]
        try:
            return {split: Normalisation.of(values, log) for split, values in self.table_values.items()}
        except HarnessError as error:
            raise ResultError(f"the table of '{self.facts.name}' cannot judge fronts: {error}") from None

    @cached_property
    def table_points(self) -> Mapping[str, FloatArray]:
        """Normalised objectives of every row of the table by split, (N, m)."""
        return {split: self.normalisations[split].unit(values) for split, values in self.table_values.items()}

    def values_of(self, archs: Archs, split: str) -> FloatArray:
        """Return what judges architectures, to be minimised: (n, L) to (n, m)."""
        means = [self._minimised(item, self.oracle.mean(archs, item.name)) for item in self.objectives(split)]
        return np.stack(means, axis=1)

    def points_of(self, archs: Archs, split: str) -> FloatArray:
        """Return what judges architectures, normalised: (n, L) to (n, m)."""
        return self.normalisations[split].unit(self.values_of(archs, split))

    @cached_property
    def feasible(self) -> BoolArray:
        """Rows of the table that keep the constraints and have all objectives, (N,)."""
        keep: BoolArray = np.all(np.isfinite(self.table_values["validation"]), axis=1)
        for constraint in self.constraints:
            keep &= constraint.violation(self.oracle.values(constraint.name)) <= 0
        if not keep.any():
            listed = ", ".join(map(str, self.constraints)) or "a value of all objectives"
            raise ResultError(f"no row of '{self.facts.name}' keeps {listed}")
        return keep

    @cached_property
    def front(self) -> Mapping[str, IntArray]:
        """Rows of the table's own front by split: feasible, one for each of its points."""
        fronts = {}
        for split, points in self.table_points.items():
            fronts[split] = np.flatnonzero(on_front(np.where(self.feasible[:, None], points, np.nan)))
        return fronts

    @cached_property
    def _bests(self) -> dict[str, float]:
        return {split: hypervolume(self.table_points[split][rows]) for split, rows in self.front.items()}

    @cached_property
    def scales(self) -> dict[str, Scale]:
        """The scale of hypervolume gaps: the floor lies below the least that one point of the front adds."""
        scales = {}
        for split, rows in self.front.items():
            adds = contributions(self.table_points[split][rows])
            least = float(adds[adds > RESOLUTION].min()) if np.any(adds > RESOLUTION) else self.best(split)
            floor = power_of_ten(max(least / 3, 1e-6 * self.random(split)))
            levels = np.array([[0.0, self.best(split)]])
            scales[split] = Scale(levels, RESOLUTION, floor, _DECIMALS, exponent=False)
        return scales

    def sign(self, split: str) -> float:
        """Return 1: a larger hypervolume is better."""
        return 1.0

    def regrets_of(self, split: str, values: FloatArray) -> FloatArray:
        """Turn hypervolumes into gaps: (n,) to (n,)."""
        gaps = self.best(split) - np.asarray(values, dtype=np.float64)
        return np.where(np.abs(gaps) <= RESOLUTION, 0.0, gaps)

    def anytime_gaps(self, points: FloatArray, fronts: Fronts, split: str) -> FloatArray:
        """Return the gap of a run's front after each of its changes.

        Parameters
        ----------
        points : (k, m) float64
            Of `points_of`; a row with a NaN adds nothing.
        fronts : Fronts
            Of k changes.
        split : {"validation", "test"}
        """
        missing = np.any(np.isnan(points), axis=1)[:, None]
        return self.regrets_of(split, anytime_hypervolume(np.where(missing, REFERENCE, points), fronts))

    @cached_property
    def table_regrets(self) -> dict[str, FloatArray]:
        """Gap of the front of each row of the table alone, by split, (N,)."""
        return {
            split: self.regrets_of(split, np.prod(np.maximum(REFERENCE - points, 0.0), axis=1))
            for split, points in self.table_points.items()
        }

    def floor(self) -> float:
        """Return the gap on test of the table's own validation front: what a perfect validation optimiser scores."""
        points = self.table_points["test"][self.front["validation"]]
        points = points[np.all(np.isfinite(points), axis=1)]
        return float(self.regrets_of("test", np.array([hypervolume(points)]))[0])

    def worst(self, split: str) -> float:
        """Return the gap of an empty front: the whole hypervolume."""
        return self.best(split)

    def unit(self, split: str) -> str:
        """Return nothing: hypervolumes of normalised objectives have no unit."""
        return ""
