"""Curves of a study as tidy frames: regret and mean rank over the budget, with bands and references."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.checks import FloatArray
from reports.statistics.bootstrap import bootstrap_centres, interval
from reports.statistics.centres import centre_of
from reports.statistics.ranks import average_ranks
from reports.study.align import Aligned, at_budgets
from reports.study.front_reference import FrontReference
from reports.study.naming import EXPECTED, FLOOR, OVERALL, RANDOM, SIMULATED, WHOLE
from reports.study.study import CURVE_REPETITIONS, Study

COLUMNS = ["benchmark", "series", "x", "centre", "low", "high", "n"]
MOST_RANK_POINTS = 200
"""Points at which ranks over the budget are drawn."""


def centre_and_band(
    values: FloatArray, centre: str, counts: npt.NDArray[np.int32]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return centre, low and high of every column: (n, T) to three (T,); NaN where any run is undefined."""
    middle = centre_of(values, centre)
    low, high = middle.copy(), middle.copy()
    known = ~np.isnan(middle)
    if known.any() and len(values) > 1:
        columns = values[:, known]
        changed = np.append(True, (columns[:, 1:] != columns[:, :-1]).any(axis=0))  # step curves often stand still
        ends = interval(bootstrap_centres(columns[:, changed], counts, centre))
        low[known], high[known] = (end[np.cumsum(changed) - 1] for end in ends)
    return middle, low, high


def curves(study: Study, split: str, axis: str) -> pd.DataFrame:
    """Return the regret of the incumbent over the budget, as plotted.

    Returns
    -------
    pandas.DataFrame
        ``benchmark``, ``series`` (a label, or one of the references `RANDOM`, `EXPECTED`, `SIMULATED`, `FLOOR`,
        `WHOLE`), ``x``, ``centre``, ``low``, ``high`` (95 % bootstrap interval of the centre; NaN for references),
        ``n`` (runs), in the order of drawing.
    """
    parts: list[pd.DataFrame] = []
    for item in study.aligned:
        grid = item.grid(axis) if axis in item.axes and split in item.truth.splits else np.array([])
        if len(grid) == 0:
            continue
        before = len(parts)
        for label, steps in item.steps.items():
            if steps:
                counts = study.resampler.counts(item.name, len(steps), CURVE_REPETITIONS)
                bands = centre_and_band(item.counted(label, axis, split, grid), study.centre, counts)
                part = _part(item.name, label, grid, *bands, len(steps))
                parts.append(part.dropna())
        if not any(len(part) for part in parts[before:]):
            continue  # a panel of references alone would compare nothing
        law = study.references[item.name]
        if axis == "evaluations" and law is not None:
            if not isinstance(law, FrontReference):
                name, middle = RANDOM, law.centre(split, grid, study.centre)
            elif law.is_exact(split):
                name, middle = EXPECTED, law.expected(split, grid)
            else:
                name, middle = SIMULATED, law.centre(split, grid, study.centre)
            parts.append(_part(item.name, name, grid, middle, np.nan, np.nan, 0).dropna(subset="centre"))
        if split == "validation" and law is not None and (whole := law.whole(split, study.centre)) > 0:
            parts.append(_part(item.name, WHOLE, grid[[0, -1]], whole, np.nan, np.nan, 0))
        if split == "test":
            parts.append(_part(item.name, FLOOR, grid[[0, -1]], item.truth.floor(), np.nan, np.nan, 0))
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=COLUMNS)


def _part(
    benchmark: str,
    series: str,
    x: FloatArray,
    centre: FloatArray | float,
    low: FloatArray | float,
    high: FloatArray | float,
    n: int,
) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(COLUMNS, (benchmark, series, x, centre, low, high, n), strict=True)))


def ranks(study: Study) -> pd.DataFrame:
    """Return mean ranks by validation regret over the budget, for each benchmark and averaged over them.

    Strategies are ranked within each replicate (they met the same noise), with average ranks for ties and the worst
    for a run without an incumbent; replicates are averaged, then benchmarks.  Bands resample replicates.
    """
    usable = [
        item
        for item in study.aligned
        if item.has_incumbent and common_replicates(item) and len(item.grid(item.budget_axis))
    ]
    if len(study.labels) < 2 or not usable:
        return pd.DataFrame(columns=COLUMNS)
    grids = [item.grid(item.budget_axis) for item in usable]
    grid = np.unique(np.concatenate(grids))
    grid = grid[(grid >= max(part[0] for part in grids)) & (grid <= min(part[-1] for part in grids))]
    if len(grid) == 0:
        return pd.DataFrame(columns=COLUMNS)
    if len(grid) > MOST_RANK_POINTS:  # every resample of every strategy is held at every point
        grid = grid[np.unique(np.geomspace(1, len(grid), MOST_RANK_POINTS).astype(np.int64) - 1)]
    blocks = {item.name: rank_blocks(item, grid) for item in usable}
    weights = {
        name: study.resampler.counts(name, len(of), CURVE_REPETITIONS).astype(np.float64) for name, of in blocks.items()
    }
    parts: dict[str, list[pd.DataFrame]] = {OVERALL: [], **{name: [] for name in blocks}}
    for place, label in enumerate(study.labels):  # one at a time: the resamples of all need a gigabyte
        mean, samples = np.zeros(len(grid)), np.zeros((len(grid), CURVE_REPETITIONS))
        for name, block in blocks.items():
            ranked, n = block[:, place], len(block)
            own = ranked.T @ weights[name] / n
            parts[name].append(_part(name, label, grid, ranked.mean(axis=0), *interval(own), n))
            mean, samples = mean + ranked.mean(axis=0), samples + own
        if len(blocks) > 1:
            fewest = min(map(len, blocks.values()))
            ends = interval(samples / len(blocks))
            parts[OVERALL].append(_part(OVERALL, label, grid, mean / len(blocks), *ends, fewest))
    return pd.concat([part for each in parts.values() for part in each], ignore_index=True)


def common_replicates(item: Aligned) -> list[int]:
    """Return the replicates that every strategy has on a benchmark."""
    present = [{steps.run.replicate for steps in group} for group in item.steps.values()]
    return sorted(set.intersection(*present))


def rank_blocks(item: Aligned, grid: FloatArray) -> FloatArray:
    """Return ranks within the common replicates: (R, k, T)."""
    kept = set(common_replicates(item))
    regrets = []
    for group in item.steps.values():
        runs = [steps for steps in sorted(group, key=lambda steps: steps.run.replicate) if steps.run.replicate in kept]
        breaks = [steps.x[item.budget_axis] for steps in runs]
        regrets.append(at_budgets(breaks, [steps.regrets["validation"] for steps in runs], grid))
    # (k, R, T) to (R, T, k), ranked along the last
    return np.moveaxis(average_ranks(np.moveaxis(np.array(regrets), 0, -1)), -1, 1)
