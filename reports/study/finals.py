"""Final values of a study as tidy frames: the regret of every run at a budget, and statistics of each strategy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from reports.statistics.centres import log_auc
from reports.statistics.scale import merged_sizes
from reports.study.align import Aligned
from reports.study.curves import centre_and_band
from reports.study.study import TABLE_REPETITIONS, Study, once

LEFT_OUT, WORST = "left out", "worst value"
"""What becomes of a run that is missing: nothing, or the worst value of the table."""


def finals(study: Study, budget: float | None = None) -> pd.DataFrame:
    """Return the regret of every run at one budget (default the whole): benchmark, label, replicate, split, regret.

    Benchmarks on which no run has an incumbent are left out.
    """
    rows = [
        (item.name, label, replicate, split, regret)
        for item in study.aligned
        if item.has_incumbent
        for split in item.truth.splits
        for label in item.steps
        for replicate, regret in item.at(label, split, item.final_budget if budget is None else budget).items()
    ]
    return pd.DataFrame(rows, columns=["benchmark", "label", "replicate", "split", "regret"])


def regrets_of(item: Aligned, split: str, label: str, budget: float | None = None) -> FloatArray:
    """Return the regrets of the runs of one strategy on one benchmark at one budget (default the whole): (R,)."""
    return np.array([*item.at(label, split, item.final_budget if budget is None else budget).values()])


def log_window(item: Aligned) -> tuple[float, float] | None:
    """Return from where to where all runs have an incumbent, in the budget's unit; None where there is no such part."""
    runs = [steps for group in item.steps.values() for steps in group]
    if not runs or any(len(steps.rows) == 0 for steps in runs):
        return None
    axis = item.budget_axis
    start = max(float(steps.x[axis][0]) for steps in runs)
    stop = min(steps.end[axis] for steps in runs)
    stop = stop if np.isfinite(stop) else float(item.grid(axis)[-1])
    return None if start >= stop else (start, stop)


def log_aucs(item: Aligned) -> Mapping[str, FloatArray]:
    """Return the log-AUC of every run's validation regret over the budget that all runs share, by label.

    Empty where a run has no incumbent.
    """
    groups = {label: group for label, group in item.steps.items() if group}
    window = log_window(item)
    if window is None:
        return {}
    axis, (start, stop) = item.budget_axis, window
    return {
        label: np.array([log_auc(s.x[axis], s.regrets["validation"], start, stop) for s in group])
        for label, group in groups.items()
    }


@once
def summary(study: Study, split: str) -> pd.DataFrame:
    """Return the statistics of the final incumbents, one row for each benchmark and strategy.

    Columns: ``benchmark``, ``label``, ``missing`` (how missing runs were treated), ``n``; of the value in the published
    unit ``mean``, ``sd``, ``median``, ``iqm``, ``iqm_low``, ``iqm_high``, ``best``; ``regret``, ``regret_low``,
    ``regret_high`` (of the centre), ``regret_mean``, the first three at each further checkpoint; ``reached`` (part of
    the runs that end at the optimum); ``log_auc`` (median of runs).
    """
    rows = []
    for item in study.aligned:
        if split not in item.truth.splits or not item.has_incumbent:
            continue
        areas = log_aucs(item) if split == "validation" else {}
        for label, steps in item.steps.items():
            policies = (LEFT_OUT, WORST) if len(steps) < study.spec.replicates else (LEFT_OUT,)
            for policy in policies:
                regrets = _filled(regrets_of(item, split, label), study, item, split, policy)
                if len(regrets) == 0:
                    continue
                row = {"benchmark": item.name, "label": label, "missing": policy, "n": len(steps)}
                row |= _statistics(study, item, split, regrets)
                for checkpoint in study.checkpoints:
                    if checkpoint != item.final_budget:
                        early = _filled(regrets_of(item, split, label, checkpoint), study, item, split, policy)
                        row |= _centre(study, item, early, f"_at_{checkpoint:g}")
                row["log_auc"] = float(np.median(areas[label])) if label in areas else np.nan
                rows.append(row)
    return _settled(pd.DataFrame(rows), study, split)


def _settled(data: pd.DataFrame, study: Study, split: str) -> pd.DataFrame:
    """Make centres and means of regret that are equal on the scale of their benchmark the same number."""
    for item in study.aligned if len(data) else ():
        rows = data["benchmark"] == item.name
        for column in ("regret", "regret_mean") if rows.any() else ():
            values = data.loc[rows, column].to_numpy(dtype=np.float64)
            data.loc[rows, column] = merged_sizes(values, item.truth.scales[split].resolution)
    return data


def _filled(regrets: FloatArray, study: Study, item: Aligned, split: str, policy: str) -> FloatArray:
    if policy == LEFT_OUT:
        return regrets
    return np.concatenate([regrets, np.full(study.spec.replicates - len(regrets), item.truth.worst(split))])


def _centre(study: Study, item: Aligned, regrets: FloatArray, suffix: str = "") -> dict[str, float]:
    counts = study.resampler.counts(item.name, len(regrets), TABLE_REPETITIONS)
    middle, low, high = centre_and_band(regrets[:, None], study.centre, counts)
    return {f"regret{suffix}": middle[0], f"regret_low{suffix}": low[0], f"regret_high{suffix}": high[0]}


def _statistics(study: Study, item: Aligned, split: str, regrets: FloatArray) -> dict[str, float]:
    sign = item.truth.sign(split)
    values = item.truth.best(split) - sign * regrets
    counts = study.resampler.counts(item.name, len(regrets), TABLE_REPETITIONS)
    iqm, low, high = centre_and_band(values[:, None], "iqm", counts)
    return {
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else np.nan,
        "median": float(np.median(values)),
        "iqm": float(iqm[0]),
        "iqm_low": float(low[0]),
        "iqm_high": float(high[0]),
        "best": float(values.max() if sign > 0 else values.min()),
        **_centre(study, item, regrets),
        "regret_mean": float(regrets.mean()),
        "reached": float(np.mean(regrets <= 0)),
    }


def best_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `summary` from the best strategy to the worst: by the centre of regrets, then by the mean."""
    return rows.sort_values(["regret", "regret_mean"], kind="stable")
