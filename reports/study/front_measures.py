"""Measures of the final fronts of a study besides their hypervolume, and the surfaces that they attain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from harness.checks import FloatArray, IntArray
from harness.judging.front import on_front
from harness.judging.indicators import REFERENCE, attainment, epsilon, igd_plus, r2, share_found
from harness.problem import Objective
from reports.study.align import Aligned, Steps
from reports.study.front_truth import FrontTruth
from reports.study.study import Study

COLUMNS = ["benchmark", "label", "replicate", "split", "size", "share", "igd_plus", "epsilon", "r2"]
PERCENT = (25.0, 50.0, 75.0)
"""Surfaces attained by so many of the runs."""


def front_measures(study: Study) -> pd.DataFrame:
    """Return measures of the final front of every run, by means over all training runs of the table.

    Returns
    -------
    pandas.DataFrame
        ``benchmark``, ``label``, ``replicate``, ``split``; ``size`` (members; on test, those of the validation front
        that are on the front of their test image), ``share`` (of the points of the table's front that it has),
        ``igd_plus``, ``epsilon`` (additive) and ``r2`` (to the least value of each objective; NaN but for two) in
        normalised objectives.  A run without a front counts as one that has the reference point.
    """
    rows = []
    for item in study.aligned:
        truth = item.truth
        if not isinstance(truth, FrontTruth) or not item.has_incumbent:
            continue
        runs = [(label, steps) for label, group in item.steps.items() for steps in group]
        for split in truth.splits:
            true = truth.table_points[split][truth.front[split]]
            for (label, steps), points in zip(runs, _points(truth, runs, split), strict=True):
                known = points[np.all(np.isfinite(points), axis=1)]
                size = len(steps.held) if split == "validation" else int(on_front(known).sum())
                known = known if len(known) else np.full((1, true.shape[1]), REFERENCE)
                measured = (share_found(known, true), igd_plus(known, true), epsilon(known, true))
                weighted = r2(known) if true.shape[1] == 2 else np.nan
                rows.append((item.name, label, steps.run.replicate, split, size, *measured, weighted))
    return pd.DataFrame(rows, columns=COLUMNS)


def _points(truth: FrontTruth, runs: list[tuple[str, Steps]], split: str) -> list[FloatArray]:
    """Return the normalised points of the final front of each run."""
    archs = [steps.run.trace.archs[steps.held] for _, steps in runs]
    points = truth.points_of(np.concatenate(archs), split)
    return np.split(points, np.cumsum([len(part) for part in archs])[:-1])


@dataclass(frozen=True, eq=False)
class Plane:
    """Fronts of one benchmark, projected on two of its objectives; all values are minimised.

    Attributes
    ----------
    objectives : tuple of two Objective
        Across and up.
    table : (N, 2) float64
        Rows of the table that keep the constraints.
    true : (p, 2) float64
        The front of these, ascending in the first.
    image : (q, 2) float64
        On test, what the table's own validation front has there; empty on validation.
    surfaces : mapping of label to mapping of percent to (k, 2) float64
        Corners of what so many runs of a strategy attain, ascending in the first; empty where `members` are shown.
    members : mapping of label to (k, 2) float64
        Of two objectives that are not measured on images: members of the final front of the run with the median gap.
        `true` is then the front of all objectives, of which most lie behind others in these two.
    """

    objectives: tuple[Objective, Objective]
    table: FloatArray
    true: FloatArray
    image: FloatArray
    surfaces: Mapping[str, Mapping[float, FloatArray]]
    members: Mapping[str, FloatArray] = field(default_factory=dict)


def planes(item: Aligned, split: str) -> list[Plane]:
    """Return the fronts of a benchmark on each pair of the objective that is measured on images with another one.

    On validation, where there are three objectives or more, pairs of the others follow: their values have no split.
    """
    truth = item.truth
    if not isinstance(truth, FrontTruth) or split not in truth.splits or not item.has_incumbent:
        return []
    told = truth.facts.objectives
    up = told.index(truth.objective)
    values = {label: _values(truth, group, split) for label, group in item.steps.items() if group}
    found = []
    for across in (place for place in range(len(told)) if place != up):
        pair = [across, up]
        table = truth.table_values[split][truth.feasible][:, pair]
        table = table[np.all(np.isfinite(table), axis=1)]
        true = _front(table)
        image = np.empty((0, 2))
        if split == "test":
            of_validation = truth.table_values["validation"][truth.feasible][:, pair]
            image = truth.table_values["test"][truth.feasible][on_front(of_validation)][:, pair]
            image = image[np.lexsort(image.T[::-1])]
        surfaces = {
            label: attainment(_without_missing(points[:, pair], table), runs, PERCENT)
            for label, (points, runs) in values.items()
        }
        objectives = truth.objectives(split)
        found.append(Plane((objectives[across], objectives[up]), table, true, image, surfaces))
    others = [place for place in range(len(told)) if place != up]
    for pair in map(list, combinations(others, 2) if split == "validation" else ()):
        table = truth.table_values[split][truth.feasible][:, pair]
        table = table[np.all(np.isfinite(table), axis=1)]
        true = truth.table_values[split][truth.front[split]][:, pair]
        members = {
            label: points[runs == _median_run(item.steps[label], split)][:, pair]
            for label, (points, runs) in values.items()
        }
        axes = (told[pair[0]], told[pair[1]])
        found.append(Plane(axes, table, true[np.lexsort(true.T[::-1])], np.empty((0, 2)), {}, members))
    return found


def _median_run(group: tuple[Steps, ...], split: str) -> int:
    """Return the place of the run whose final gap is the median, the lower of two; one without a front is the worst."""
    gaps = [float(steps.regrets[split][-1]) if len(steps.rows) else np.inf for steps in group]
    return int(np.argsort(gaps, kind="stable")[(len(gaps) - 1) // 2])


def _front(values: FloatArray) -> FloatArray:
    front: FloatArray = values[on_front(values)]
    return front[np.lexsort(front.T[::-1])]


def _without_missing(points: FloatArray, table: FloatArray) -> FloatArray:
    """Return points of which a missing one has the worst values of the table."""
    known = np.all(np.isfinite(points), axis=1)
    return np.where(known[:, None], points, table.max(axis=0))


def _values(truth: FrontTruth, group: tuple[Steps, ...], split: str) -> tuple[FloatArray, IntArray]:
    """Return what judges the final fronts of runs, and the run of each row; NaN for a run without a front."""
    archs = [steps.run.trace.archs[steps.held] for steps in group]
    values = truth.values_of(np.concatenate(archs), split)
    runs = np.repeat(np.arange(len(group)), [len(part) for part in archs])
    empty = np.setdiff1d(np.arange(len(group)), runs)
    return np.concatenate([values, np.full((len(empty), values.shape[1]), np.nan)]), np.concatenate([runs, empty])
