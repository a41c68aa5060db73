"""Scores over several tasks as a distribution: performance profiles and optimality gaps, with stratified intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.checks import FloatArray
from reports.statistics.bootstrap import interval


def performance_profile(strata: Sequence[FloatArray], thresholds: FloatArray) -> FloatArray:
    """Return the share of all runs of all tasks whose score is above each threshold: (T,).

    Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021, section 4.2.

    Parameters
    ----------
    strata : sequence of (R,) float64
        Scores of the runs of each task.
    thresholds : (T,) float64

    >>> performance_profile([np.array([0.2, 0.6]), np.array([0.9, 1.0])], np.array([0.0, 0.5, 1.0])).tolist()
    [1.0, 0.75, 0.0]
    """
    share: FloatArray = (np.concatenate(list(strata))[:, None] > thresholds).mean(axis=0)
    return share


def optimality_gap(strata: Sequence[FloatArray], gamma: float = 1.0) -> float:
    """Return how far scores stay below `gamma` on the mean over all runs of all tasks; more than that counts nothing.

    Agarwal et al. 2021, section 4.3.

    >>> optimality_gap([np.array([0.5, 1.5])])
    0.25
    """
    return float(np.maximum(0.0, gamma - np.concatenate(list(strata))).mean())


def stratified_mean_interval(
    strata: Sequence[FloatArray], counts: Sequence[npt.NDArray[np.int32]], level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Return the percentile interval of a mean over all runs of all tasks, runs resampled within tasks: two (T,).

    Profiles and optimality gaps are such means: of whether a score is above a threshold, and of what is missing.

    Parameters
    ----------
    strata : sequence of (R, T) float64
        By task; R may differ.
    counts : sequence of (R, B) int32
        One resample matrix a task, of `reports.statistics.bootstrap.resample_counts`.
    level : float
    """
    total = sum(len(stratum) for stratum in strata)
    samples = sum(
        (count.T.astype(np.float64) @ stratum for stratum, count in zip(strata, counts, strict=True)),
        start=np.zeros((counts[0].shape[1], strata[0].shape[1])),
    )
    return interval(samples / total, level, axis=0)
