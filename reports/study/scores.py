"""Normalised scores of a study: 0 for a uniform draw from the table and 1 for its best, by benchmark and run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.checks import FloatArray
from reports.statistics.profiles import performance_profile, stratified_mean_interval
from reports.study.align import Aligned
from reports.study.finals import regrets_of
from reports.study.study import TABLE_REPETITIONS, Study, once

_THRESHOLDS = 61
PROFILE_COLUMNS = ["label", "threshold", "share", "low", "high", "benchmarks", "runs"]


def scored(study: Study, split: str) -> list[Aligned]:
    """Return the benchmarks that scores are taken over: those on which every strategy has runs and one an incumbent."""
    return [
        item for item in study.aligned if split in item.truth.splits and item.has_incumbent and all(item.steps.values())
    ]


def strata_of(usable: Sequence[Aligned], split: str, label: str) -> list[FloatArray]:
    """Return the scores of the final incumbents of one strategy, by benchmark."""
    return [_scaled(regrets_of(item, split, label), item.truth.random(split)) for item in usable]


def _scaled(regrets: FloatArray, mean: float) -> FloatArray:
    """Return normalised scores; 1 where all that is feasible is the best."""
    return 1.0 - regrets / mean if mean > 0 else np.ones(len(regrets))


def run_counts(study: Study, usable: Sequence[Aligned]) -> dict[str, list[npt.NDArray[np.int32]]]:
    """Return the resamples of the runs of each strategy by benchmark, as counts."""
    return {
        label: [study.resampler.counts(item.name, len(item.steps[label]), TABLE_REPETITIONS) for item in usable]
        for label in study.labels
    }


@once
def profiles(study: Study, split: str) -> pd.DataFrame:
    """Return the performance profile of each strategy: the share of runs of all benchmarks above each score.

    Thresholds run from the lowest score that is drawn, 0 or the 5th centile of all runs, to 1.

    Returns
    -------
    pandas.DataFrame
        ``label``, ``threshold``, ``share``, ``low``, ``high`` (95 % stratified bootstrap interval), ``benchmarks``,
        ``runs``.
    """
    usable = scored(study, split)
    if not usable:
        return pd.DataFrame(columns=PROFILE_COLUMNS)
    counts = run_counts(study, usable)
    strata = {label: strata_of(usable, split, label) for label in study.labels}
    pooled = np.concatenate([part for parts in strata.values() for part in parts])
    thresholds = np.linspace(min(0.5, max(0.0, float(np.quantile(pooled, 0.05)))), 1.0, _THRESHOLDS)
    rows = []
    for label, parts in strata.items():
        above = [(part[:, None] > thresholds).astype(np.float64) for part in parts]
        low, high = stratified_mean_interval(above, counts[label])
        columns = (thresholds, performance_profile(parts, thresholds), low, high)
        runs = sum(map(len, parts))
        rows += [(label, *numbers, len(usable), runs) for numbers in zip(*columns, strict=True)]
    return pd.DataFrame(rows, columns=PROFILE_COLUMNS)
