"""Numbers of a page for its script: curves, ranks, pairs, targets and profiles as compact JSON.

Everything is computed here or in `reports.study`; the script sorts, looks up and draws.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from reports.figures.style import style_map
from reports.page.codes import LETTERS, NOTHING, Digits, letters, steps
from reports.statistics.centres import CENTRES
from reports.statistics.simultaneous import refusal as no_band
from reports.study.align import AXIS_LABEL, Aligned
from reports.study.comparisons import APART, EQUIVALENT, NOT_TESTED, OPEN, pairs_at
from reports.study.critical import critical
from reports.study.curves import centre_and_band
from reports.study.naming import EXPECTED, FLOOR, OVERALL, RANDOM, SIMULATED, WHOLE
from reports.study.paired import Paired
from reports.study.scores import profiles
from reports.study.study import CURVE_REPETITIONS, Study
from reports.study.targets import Reached
from reports.study.wording import split_word

_CURVES, _PAIRS, _REACHED = 500_000, 150_000, 120_000
"""Letters that curves, differences of pairs, and shares of targets may take in all."""
_MOST_POINTS, _FEWEST_POINTS = 200, 24
_OTHERS = 500
"""Resamples behind the bands of other centres than the study's."""
_EVERY = 5
"""One in so many targets can be chosen."""
_ENDS = ("centre", "low", "high")
_SHARE = Digits(-7)
"""Of shares, p values and ranks, which are never large."""
_Lines = Mapping[str, Mapping[str, pd.DataFrame]]
"""Curves as figures draw them, by figure and benchmark."""
_EQUIVALENCE = {"": 0, EQUIVALENT: 1, APART: 2, OPEN: 3}


def page_data(study: Study, comparisons: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> str:
    """Return the JSON that a page holds for its script, safe to stand in a script element.

    Parameters
    ----------
    study : Study
    comparisons : pandas.DataFrame
        Of `reports.study.comparisons.pairwise`.
    frames : mapping of name to pandas.DataFrame
        What the figures of the page draw: curves and ranks are taken from them.
    """
    usable = [item for item in study.aligned if item.has_incumbent]
    labels = list(study.labels)
    styles = style_map(labels, study.background)
    colors = list(dict.fromkeys(style["color"] for style in styles.values()))
    sides = sum(len(item.truth.splits) * len(item.axes) for item in usable)
    points = _points(_CURVES, 5 * sides * len(labels) * len(CENTRES))
    lines = {
        name: {str(benchmark): rows for benchmark, rows in frame.groupby("benchmark", sort=False)}
        for name, frame in frames.items()
        if {"benchmark", "x", "centre"} <= set(frame.columns)
    }
    tested = comparisons["verdict"].str.startswith(NOT_TESTED) if len(comparisons) else comparisons.index == -1
    ranked = frames.get("rank", pd.DataFrame(columns=["benchmark"]))
    data = {
        "letters": LETTERS,
        "labels": labels,
        "colors": [[colors.index(styles[label]["color"]), styles[label]["color"]] for label in labels],
        "dashes": [_dash(styles[label]["linestyle"]) for label in labels],
        "drawn": [labels.index(label) for label in study.drawn],
        "measure": study.measure,
        "centre": study.centre,
        "axes": {axis: label for axis, label in AXIS_LABEL.items() if any(axis in item.axes for item in usable)},
        "axis": usable[0].budget_axis if usable else "",
        "budget": study.checkpoints[-1],
        "resamples": {centre: CURVE_REPETITIONS if centre == study.centre else _OTHERS for centre in CENTRES},
        "benchmarks": [_benchmark(study, item, lines, points) for item in usable],
        "ranks": [_ranks(study, rows, points) for _, rows in ranked.groupby("benchmark", sort=False)],
        "ends": {split: _ends(study, usable, comparisons, split) for split in study.splits},
        "paired": _paired(study, usable),
        "untested": "" if not np.any(tested) else str(comparisons["verdict"][tested].iloc[0]),
        "profiles": {split: profile for split in study.splits if (profile := _profile(study, split))},
        "critical": _critical(study),
        "reached": _reached(study, usable),
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _points(limit: int, letters_each: int) -> int:
    """Return how many points curves may have that change at most of them."""
    return int(np.clip(limit // max(letters_each, 1), _FEWEST_POINTS, _MOST_POINTS))


def thinned(grid: FloatArray, points: int, kept: Sequence[float] = ()) -> FloatArray:
    """Return so many points of a grid, evenly over a log axis, its ends and what is to be kept among them."""
    places = np.unique(np.geomspace(1, max(len(grid), 1), points).round().astype(np.int64)) - 1
    marks = np.flatnonzero(np.isin(grid, np.asarray(kept, dtype=np.float64)))
    return grid[np.union1d(places, marks)] if len(grid) else grid


def _dash(line: Any) -> str:
    return "" if isinstance(line, str) else " ".join(f"{2 * part:g}" for part in line[1])


def _numbers(values: FloatArray, digits: int = 5) -> list[float]:
    return [float(f"{value:.{digits}g}") if value < 1e5 or value % 1 else int(value) for value in values.tolist()]


def _benchmark(study: Study, item: Aligned, lines: _Lines, points: int) -> dict[str, Any]:
    """Return the curves of one benchmark on all of its axes."""
    grids = {axis: thinned(item.grid(axis), points, study.checkpoints) for axis in item.axes}
    grids = {axis: grid for axis, grid in grids.items() if len(grid)}
    each = [
        float(np.mean([s.run.overhead_seconds for s in group]) / np.mean([s.run.evaluations[-1] for s in group]))
        if group and all(len(s.run.evaluations) for s in group)
        else np.nan
        for group in item.steps.values()
    ]
    unit = item.truth.unit_seconds / study.spec.n_workers
    return {
        "name": item.name,
        "n": [len(group) for group in item.steps.values()],
        "grids": {axis: _numbers(grid) for axis, grid in grids.items()},
        "unit_seconds": float(f"{unit:.6g}") if np.isfinite(unit) else None,
        "overhead": [float(f"{seconds:.3g}") if np.isfinite(seconds) else None for seconds in each],
        "splits": {split: _split(study, item, lines, split, grids) for split in item.truth.splits},
    }


def _split(study: Study, item: Aligned, lines: _Lines, split: str, grids: Mapping[str, FloatArray]) -> dict[str, Any]:
    """Return the curves of one benchmark by one split: by axis and centre, with what they are compared with."""
    curves: dict[str, dict[str, list[tuple[FloatArray, ...]]]] = {}
    references: dict[str, FloatArray] = {}
    words: dict[str, Any] = {}
    for axis, grid in grids.items():
        rows = lines.get(f"{split}-{study.short}-{axis}", {}).get(item.name)
        if rows is None:
            continue
        drawn = {name: _picked(part, grid) for name, part in rows.groupby("series", sort=False)}
        nothing = (np.full(len(grid), np.nan),) * 3
        every = [_centres(study, item, label, axis, split, grid) for label in study.labels]
        curves[axis] = {centre: [found.get(centre, nothing) for found in every] for centre in CENTRES}
        curves[axis][study.centre] = [drawn.get(label, nothing) for label in study.labels]
        for name in (RANDOM, EXPECTED, SIMULATED):
            if name in drawn:
                references[axis], words["reference"] = drawn[name][0], name
        for key, name in (("whole", WHOLE), ("floor", FLOOR)):
            if name in drawn:
                words[key] = float(f"{rows.loc[rows['series'] == name, 'centre'].iloc[0]:.4g}")
    columns = [column for each in curves.values() for found in each.values() for line in found for column in line]
    digits = Digits.of(np.concatenate([np.array([0.0]), *columns, *references.values()]))
    shown = {label: 3 if label in study.drawn else 1 for label in study.labels}
    return {
        "word": split_word(item.truth, split),
        "unit": item.truth.unit(split),
        "least": item.truth.scales[split].floor,
        "exponent": digits.exponent,
        "curves": {
            axis: {
                centre: [steps(digits, *line[: shown[label]]) for label, line in zip(study.labels, found, strict=True)]
                for centre, found in each.items()
            }
            for axis, each in curves.items()
        },
        "references": {axis: steps(digits, line) for axis, line in references.items()},
        **words,
    }


def _picked(part: pd.DataFrame, grid: FloatArray) -> tuple[FloatArray, ...]:
    """Return centre, low and high of a part of a frame at the points of a grid; NaN where it has none."""
    x = part["x"].to_numpy(dtype=np.float64)
    places = np.minimum(np.searchsorted(x, grid), len(x) - 1)
    is_there = x[places] == grid
    return tuple(np.where(is_there, part[name].to_numpy(dtype=np.float64)[places], np.nan) for name in _ENDS)


def _centres(
    study: Study, item: Aligned, label: str, axis: str, split: str, grid: FloatArray
) -> dict[str, tuple[FloatArray, ...]]:
    """Return the other centres of the runs than the study's, with their bands where they are drawn."""
    group = item.steps[label]
    if not group:
        return {}
    values = item.counted(label, axis, split, grid)
    counts = study.resampler.counts(item.name, len(group), CURVE_REPETITIONS)
    counts = counts[:, : _OTHERS if label in study.drawn else 1]
    return {centre: centre_and_band(values, centre, counts) for centre in CENTRES if centre != study.centre}


def _ranks(study: Study, rows: pd.DataFrame, points: int) -> dict[str, Any]:
    """Return mean ranks over the budget on one benchmark, or over all."""
    grid = thinned(np.unique(rows["x"].to_numpy(dtype=np.float64)), points, study.checkpoints)
    lines = {name: _picked(part, grid) for name, part in rows.groupby("series", sort=False)}
    return {
        "name": str(rows["benchmark"].iloc[0]),
        "n": int(rows["n"].iloc[0]),
        "grid": _numbers(grid),
        "lines": [steps(_SHARE, *lines[label]) if label in lines else "" for label in study.labels],
    }


def _ends(study: Study, usable: Sequence[Aligned], comparisons: pd.DataFrame, split: str) -> list[dict[str, Any]]:
    """Return what is known of all pairs at the end of the budget, by benchmark: one text a benchmark.

    Of each pair, in the order of `itertools.combinations`, two letters each for wins, ties and losses of the first,
    pairs needed, probability of improvement, adjusted p, median difference and the ends of its interval, and one each
    for the verdict and the equivalence.
    """
    found = []
    rows = pairs_at(comparisons, split, study.checkpoints[-1]) if len(comparisons) else comparisons
    for item in usable:
        pairs = rows[rows["benchmark"] == item.name] if len(rows) else rows
        if not len(pairs):
            continue
        digits = Digits.of(pairs[["difference", "low", "high"]].to_numpy(dtype=np.float64).ravel(), signed=True)
        counts = pairs[["wins", "ties", "losses", "pairs_needed"]].to_numpy(dtype=np.float64)
        tested, better = ~np.isnan(pairs["p"].to_numpy(dtype=np.float64)), pairs["better"].to_numpy()
        verdicts = np.where(tested, np.select([better == pairs["a"].to_numpy(), better != ""], [1, 2], 3), 0)
        equivalences = pairs["equivalence"].map(_EQUIVALENCE).to_numpy(dtype=np.int64)
        codes = [
            np.minimum(np.nan_to_num(counts, nan=NOTHING), NOTHING).astype(np.int64),
            _SHARE.codes(pairs[["poi", "p_holm"]].to_numpy(dtype=np.float64)),
            digits.codes(pairs[["difference", "low", "high"]].to_numpy(dtype=np.float64)),
            (verdicts * len(LETTERS) + equivalences)[:, None],
        ]
        margin = float(pairs["margin"].iloc[0])
        found.append({
            "name": item.name, "exponent": digits.exponent, "least": item.truth.scales[split].floor,
            "margin": float(f"{margin:.3g}") if np.isfinite(margin) else None,
            "pairs": letters(np.concatenate(codes, axis=1)),
        })  # fmt: skip
    return found


def _paired(study: Study, usable: Sequence[Aligned]) -> dict[str, Any]:
    """Return differences over the budget of pairs that figures draw: by split and benchmark."""
    pairs = list(combinations(study.drawn, 2))
    sides = sum(len(item.truth.splits) for item in usable)
    points = _points(_PAIRS, 5 * len(pairs) * sides)
    data: dict[str, Any] = {}
    for item in usable:
        axis = item.budget_axis
        if axis not in item.axes or not all(item.steps[label] for label in study.drawn):
            continue
        grid = thinned(item.grid(axis), points, study.checkpoints)
        for split in item.truth.splits if len(grid) else ():
            paired = Paired(item, split, grid)
            regrets = {label: paired.regrets(label) for label in study.drawn}
            lines = [paired.difference(study, a, b, regrets) for a, b in pairs]
            if not lines:
                continue
            digits = Digits.of(np.concatenate([column for line in lines for column in line]), signed=True)
            refused = no_band(len(regrets[study.drawn[0]]))
            data.setdefault(split, []).append({
                "name": item.name, "grid": _numbers(grid), "exponent": digits.exponent, "refused": refused,
                "lines": [steps(digits, *line) for line in lines],
            })  # fmt: skip
    return data


def _profile(study: Study, split: str) -> dict[str, Any]:
    """Return performance profiles over benchmarks; nothing where there is one benchmark or none to score."""
    frame = profiles(study, split)
    if not len(frame) or frame["benchmarks"].iloc[0] < 2:
        return {}
    columns = ("share", "low", "high")
    return {
        "thresholds": _numbers(np.unique(frame["threshold"].to_numpy(dtype=np.float64)), 4),
        "benchmarks": int(frame["benchmarks"].iloc[0]),
        "lines": [
            steps(_SHARE, *(part[name].to_numpy(dtype=np.float64) for name in columns))
            for _, part in frame.groupby("label", sort=False)
        ],
    }


def _critical(study: Study) -> dict[str, Any]:
    found = critical(study)
    return {
        "sentence": found.sentence,
        "ranks": [round(float(rank), 3) for rank in found.mean_ranks],
        "difference": round(found.difference, 3) if np.isfinite(found.difference) else None,
        "groups": [list(group) for group in found.groups],
    }


def _reached(study: Study, usable: Sequence[Aligned]) -> list[dict[str, Any]]:
    """Return shares of targets reached over the budget and expected running times, over benchmarks and on each."""
    known = [item for item in usable if len(item.grid(item.budget_axis))]
    if not known:
        return []
    everything = [Reached.of(item) for item in known]
    chosen = list(range(0, len(everything[0].targets), _EVERY))
    points = _points(_REACHED, 3 * len(study.drawn) * (len(known) + 1) * (len(chosen) + 1))
    grids = [item.grid(item.budget_axis) for item in known]
    parts = []
    if len(known) > 1:
        grid = thinned(np.unique(np.concatenate(grids)), points, study.checkpoints)
        first, *others = (reached.targets for reached in everything)
        alike = all(np.array_equal(first, targets) for targets in others)
        shared = {"targets": _numbers(first[chosen], 3), "unit": known[0].truth.unit("validation")} if alike else {}
        parts.append({"name": OVERALL, **shared, **_shares(study, everything, grid, chosen)})
    for item, reached, grid in zip(known, everything, grids, strict=True):
        shares = _shares(study, [reached], thinned(grid, points, study.checkpoints), chosen)
        times = {label: reached.running_times(study, item, label) for label in study.drawn if label in reached.times}
        digits = Digits.of(np.concatenate([np.array([0.0]), *(part for each in times.values() for part in each)]))
        parts.append({
            "name": item.name, "targets": _numbers(reached.targets[chosen], 3), "unit": item.truth.unit("validation"),
            "exponent": digits.exponent,
            "times": [
                digits.text(np.stack(times[label], axis=1)[chosen]) if label in times else "" for label in study.drawn
            ],
            "successes": [
                _SHARE.text(reached.successes(label)[chosen]) if label in times else "" for label in study.drawn
            ],
            **shares,
        })  # fmt: skip
    return parts


def _shares(study: Study, everything: Sequence[Reached], grid: FloatArray, chosen: Sequence[int]) -> dict[str, Any]:
    """Return shares reached over the budget, means over benchmarks: of all targets, then of each that is chosen."""
    whole = [label for label in study.drawn if all(label in reached.times for reached in everything)]
    lines = [
        [
            steps(_SHARE, np.mean([reached.share(label, grid, target) for reached in everything], axis=0))
            if label in whole
            else ""
            for label in study.drawn
        ]
        for target in (None, *chosen)
    ]
    return {"grid": _numbers(grid), "lines": lines}
