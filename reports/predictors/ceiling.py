"""The ceiling of rank agreement: how well one training of a table agrees with the mean of the others."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau

from harness.benchmark import Oracle
from harness.checks import Archs

_MOST = 3000
"""Architectures on which it is computed."""


def ceiling(oracle: Oracle, column: str) -> float:
    """Return the mean over runs of Kendall's tau-b of one training with the mean of the others.

    On at most 3,000 architectures, one of each functional class; NaN where the table has one training of each, or
    lists no architectures.
    """
    archs = getattr(oracle, "archs", None)
    if archs is None or column not in oracle.columns:
        return float("nan")
    archs = _distinct(np.asarray(archs), oracle)
    trainings = oracle.trainings(archs, column)
    trainings = trainings[np.isfinite(trainings).sum(axis=1) >= 2]
    if len(trainings) < 20:
        return float("nan")
    taus = []
    for run in range(trainings.shape[1]):
        rows = np.isfinite(trainings[:, run])
        others = np.delete(trainings[rows], run, axis=1)
        if rows.sum() >= 20:
            taus.append(kendalltau(trainings[rows, run], np.nanmean(others, axis=1)).statistic)
    return float(np.mean(taus)) if taus else float("nan")


def _distinct(archs: Archs, oracle: Oracle) -> Archs:
    first = np.sort(np.unique(oracle.space.key(archs), return_index=True)[1])
    kept: Archs = archs[np.random.default_rng(0).permutation(first)[:_MOST]]
    return kept
