"""Targets of a study: the regrets that runs are asked to reach, fixed by the table, and when each run reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from reports.statistics.profiles import stratified_mean_interval
from reports.statistics.targets import hit_times, log_targets, reached_share, running_time, running_time_interval
from reports.study.align import Aligned
from reports.study.curves import COLUMNS, MOST_RANK_POINTS
from reports.study.naming import OVERALL
from reports.study.study import CURVE_REPETITIONS, Study
from reports.study.truth import Truth

_PERCENT = (10.0, 0.01)
"""Easiest and hardest target of accuracies, in points."""
_DECADES = 1e-3
"""Hardest target of other measures, as a part of what a uniform draw from the table leaves."""


def targets_of(truth: Truth) -> FloatArray:
    """Return the 51 targets of a benchmark, validation regrets evenly spaced over a log axis, easiest first.

    From 10 to 0.01 points of what is measured in percent; else from the mean regret of a uniform draw from the table
    down to a thousandth of it.  No run has a say in them.
    """
    if truth.unit("validation") == "percentage points":
        return log_targets(*_PERCENT)
    high = truth.random("validation")
    return log_targets(high, high * _DECADES) if high > 0 else log_targets(1.0, _DECADES)


@dataclass(frozen=True)
class Reached:
    """When the runs of one benchmark reach its targets, on the axis of the budget.

    Attributes
    ----------
    targets : (K,) float64
    times : mapping of label to (R, K) float64
        Infinite where a run never does.
    ends : mapping of label to (R,) float64
        Budget of each run.
    """

    targets: FloatArray
    times: Mapping[str, FloatArray]
    ends: Mapping[str, FloatArray]

    @classmethod
    def of(cls, item: Aligned) -> Reached:
        """Find the first time at which each run's incumbent is at or below each target by validation."""
        axis, targets = item.budget_axis, targets_of(item.truth)
        groups = {label: group for label, group in item.steps.items() if group}
        times = {
            label: np.stack([hit_times(s.x[axis], s.regrets["validation"], targets) for s in group])
            for label, group in groups.items()
        }
        ends = {
            label: np.array([min(steps.end[axis], item.final_budget) for steps in group])
            for label, group in groups.items()
        }
        return cls(targets, times, ends)

    def running_times(self, study: Study, item: Aligned, label: str) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the expected running time of each target with its 95 % interval over resamples of runs: three (K,)."""
        times, ends = self.times[label], self.ends[label]
        counts = study.resampler.counts(item.name, len(times), CURVE_REPETITIONS)
        return running_time(times, ends), *running_time_interval(times, ends, counts)

    def successes(self, label: str) -> FloatArray:
        """Return the share of runs that reach each target within their budget: (K,)."""
        share: FloatArray = (self.times[label] <= self.ends[label][:, None]).mean(axis=0)
        return share

    def share(self, label: str, grid: FloatArray, target: int | None = None) -> FloatArray:
        """Return the share of runs and targets reached at each budget: (T,); of one target, of runs alone."""
        times = np.where(self.times[label] <= self.ends[label][:, None], self.times[label], np.inf)
        return reached_share(times if target is None else times[:, target], grid)


def shares(study: Study) -> pd.DataFrame:
    """Return the share of runs and targets reached over the budget, on each benchmark and over several.

    Returns
    -------
    pandas.DataFrame
        ``benchmark`` (or `OVERALL`), ``series``, ``x``, ``centre``, ``low``, ``high`` (95 % bootstrap interval, runs
        resampled within benchmarks), ``n`` (runs).
    """
    known = [item for item in study.aligned if item.has_incumbent and len(item.grid(item.budget_axis))]
    reached = {item.name: Reached.of(item) for item in known}
    groups = [(item.name, [item]) for item in known]
    if len(known) > 1:
        groups.insert(0, (OVERALL, known))
    parts = []
    for name, items in groups:
        grid = np.unique(np.concatenate([item.grid(item.budget_axis) for item in items]))
        if len(grid) > MOST_RANK_POINTS:
            grid = grid[np.unique(np.geomspace(1, len(grid), MOST_RANK_POINTS).astype(np.int64) - 1)]
        for label in study.labels:
            if not all(label in reached[item.name].times for item in items):
                continue
            strata = [_of_runs(reached[item.name], label, grid) for item in items]
            counts = [
                study.resampler.counts(item.name, len(stratum), CURVE_REPETITIONS)
                for item, stratum in zip(items, strata, strict=True)
            ]
            low, high = stratified_mean_interval(strata, counts)
            runs = np.concatenate(strata)
            columns = (name, label, grid, runs.mean(axis=0), low, high, len(runs))
            parts.append(pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def _of_runs(reached: Reached, label: str, grid: FloatArray) -> FloatArray:
    """Return the share of targets that each run has reached at each budget: (R, T)."""
    times = np.where(reached.times[label] <= reached.ends[label][:, None], reached.times[label], np.inf)
    return np.stack([reached_share(run, grid) for run in times])
