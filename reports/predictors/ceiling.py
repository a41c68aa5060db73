"""Yardsticks of a table: how well one training agrees with the mean of the others, and what random search finds."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau

from harness.benchmark import Oracle
from harness.checks import Archs
from harness.problem import Budget, Objective
from reports.statistics.random_search import Atoms, exact_centre

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


def random_regret(oracle: Oracle, objective: Objective, evaluations: int, budget: Budget) -> float:
    """Return the mean regret of random search, exactly, by the means over a table's trainings.

    Draws are uniform over the architectures that the table lists, with replacement; NaN where it lists none, or some
    without a result, or where the trainings of one seed or of another schedule answer.
    """
    archs = getattr(oracle, "archs", None)
    if archs is None or objective.name not in oracle.columns or not budget.has_law:
        return float("nan")
    archs = np.asarray(archs)
    means = objective.to_minimised(oracle.mean(archs, objective.name))
    runs = objective.to_minimised(oracle.trainings(archs, objective.name))
    if not np.isfinite(means).all() or not np.isfinite(runs).any(axis=1).all():
        return float("nan")
    if budget.table_seed == "mean":
        runs = means[:, None]
    elif budget.table_seed == "fixed":
        runs = runs[np.arange(len(runs)), np.argmax(np.isfinite(runs), axis=1)][:, None]
    atoms, rows = Atoms.of_runs(runs)
    n = np.array([evaluations], dtype=np.int64)
    return float(exact_centre(atoms, (means - means.min())[rows], n, "mean", replacement=True)[0])


def _distinct(archs: Archs, oracle: Oracle) -> Archs:
    first = np.sort(np.unique(oracle.space.key(archs), return_index=True)[1])
    kept: Archs = archs[np.random.default_rng(0).permutation(first)[:_MOST]]
    return kept
