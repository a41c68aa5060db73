"""Pairs of strategies over the budget: the mean difference of their regrets with a band that holds at all times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.checks import FloatArray
from reports.statistics.simultaneous import max_t_band, refusal
from reports.study.align import Aligned
from reports.study.curves import common_replicates
from reports.study.study import Study

FLIPS = 1_000
"""Random flips of signs behind a band."""


@dataclass(frozen=True)
class Paired:
    """The regrets of the runs of one benchmark on one grid, replicate by replicate.

    Attributes
    ----------
    item : Aligned
    split : {"validation", "test"}
    grid : (T,) float64
        On the axis of the budget.
    """

    item: Aligned
    split: str
    grid: FloatArray

    def regrets(self, label: str) -> FloatArray:
        """Return what curves are centres of, for the replicates that every strategy has: (R, T)."""
        kept = set(common_replicates(self.item))
        rows = [place for place, steps in enumerate(self.item.steps[label]) if steps.run.replicate in kept]
        return self.item.counted(label, self.item.budget_axis, self.split, self.grid)[rows]

    def difference(
        self, study: Study, a: str, b: str, regrets: dict[str, FloatArray]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the mean regret of b minus a, above zero where a is better, and the band: three (T,).

        NaN where one of them is not defined in all runs; the band NaN where there are too few pairs for one.

        Parameters
        ----------
        study : Study
        a, b : str
            Labels.
        regrets : mapping of label to (R, T) float64
            Of `regrets`.
        """
        differences = regrets[b] - regrets[a]
        known = ~np.isnan(differences).any(axis=0)
        middle, low, high = (np.full(len(self.grid), np.nan) for _ in range(3))
        if refusal(len(differences)):
            middle[known] = differences[:, known].mean(axis=0) if len(differences) else np.nan
        elif known.any():
            rng = study.resampler.generator("max-t", self.item.name, self.split, a, b)
            middle[known], low[known], high[known] = max_t_band(differences[:, known], FLIPS, rng)
        return middle, low, high
