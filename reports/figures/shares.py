"""Shares: of runs and targets reached over the budget (F6), and of runs above each score (F9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from reports.figures.captions import background_sentence, final_words, runs_sentence, study_exhibit
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.lines import draw_background, draw_band, log_ticks, name_ends
from reports.study import scores
from reports.study.align import AXIS_LABEL
from reports.study.curves import COLUMNS
from reports.study.naming import OVERALL
from reports.study.provenance import budget_sentence
from reports.study.study import CURVE_REPETITIONS, TABLE_REPETITIONS, Study
from reports.study.targets import shares, targets_of
from reports.study.wording import having, split_words
from reports.tables.numbers import three_digits


def targets(study: Study) -> Exhibit:
    """Return the share of runs and targets that is reached over the budget."""
    frame = shares(study)
    axis = AXIS_LABEL[study.aligned[0].budget_axis]
    word = split_words(study, "validation")
    ends = sorted({_target_words(study, name) for name in frame["benchmark"] if name != OVERALL})
    caption = (
        f"Share of all pairs of a run and a target that are reached, against {axis}. Targets: 51 {word}"
        f" {study.measure}s, evenly spaced over a log axis {'; '.join(ends)}, fixed before any run was looked at."
        f" What is never reached counts as not reached. Band: 95 % bootstrap interval ({CURVE_REPETITIONS:,} resamples"
        f" of runs within benchmarks). {runs_sentence(study)}{background_sentence(study)} {budget_sentence(study)}"
    )
    meta = {
        "title": "Targets reached over the budget",
        "x_label": axis,
        "y_label": dict.fromkeys(frame["benchmark"].unique(), "share of runs and targets"),
        "left_out": {},
        "log_x": True,
        "alt": f"Share of runs and targets reached against {axis}: {final_words(frame)}",
        "centre": "mean",
        "band": f"95 % percentile bootstrap interval, {CURVE_REPETITIONS} repetitions",
    }
    return study_exhibit(study, "targets", KIND.name, frame, caption, meta)


def _target_words(study: Study, name: str) -> str:
    """Say from where to where the targets of a benchmark run."""
    truth = next(item.truth for item in study.aligned if item.name == name)
    easiest, *_, hardest = targets_of(truth)
    unit = truth.unit("validation")
    return f"from {three_digits(easiest)} to {three_digits(hardest)}{f' {unit}' if unit else ''}"


def profiles(study: Study, split: str) -> Exhibit:
    """Return performance profiles over benchmarks; no rows where there are fewer than two to score."""
    found = scores.profiles(study, split)
    found = found[found["benchmarks"] > 1]
    frame = found.rename(columns={"label": "series", "threshold": "x", "share": "centre", "runs": "n"})
    frame = frame.assign(benchmark=OVERALL)[COLUMNS].reset_index(drop=True)
    word = split_words(study, split)
    count = int(found["benchmarks"].max()) if len(found) else 0
    caption = (
        f"Performance profiles by {word} {study.measure} at the end of the budget: the share of the runs on {count}"
        " benchmarks whose score is above a threshold. A score is 0 for a uniform draw from the table and 1 for its"
        " best. A line above another at every score is of the better strategy. Band: 95 % stratified bootstrap interval"
        f" ({TABLE_REPETITIONS:,} resamples of runs within benchmarks). {runs_sentence(study)}"
        f"{background_sentence(study)} {budget_sentence(study)}"
    )
    areas = frame.groupby("series", sort=False)["centre"].mean()
    words = ", ".join(f"{name} {value:.2f}" for name, value in areas.items())
    meta = {
        "title": f"Performance profiles ({word})",
        "x_label": "score",
        "y_label": {OVERALL: "share of runs with a higher score"},
        "left_out": {},
        "log_x": False,
        "alt": f"Share of runs above each score, falling from left to right. Mean over the scores drawn: {words}.",
        "centre": "mean",
        "band": f"95 % percentile bootstrap interval, {TABLE_REPETITIONS} repetitions",
    }
    return study_exhibit(study, f"profile-{split}", KIND.name, frame, caption, meta, having(study, split))


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw shares between 0 and 1 as step curves with bands."""
    first, last = float(frame["x"].min()), float(frame["x"].max())
    if meta["log_x"]:
        axes.set_xscale("log")
        last = last if last > first else first * 10
        log_ticks(axes.xaxis, first, last)
    axes.set_xlim(first, last if last > first else first + 1.0)
    axes.set_ylim(-0.02, 1.02)
    ends: dict[str, tuple[float, float]] = {}
    parts = dict([*frame.groupby("series", sort=False)])
    for index, (name, part) in enumerate(parts.items()):
        style = meta["styles"][name]
        if name in meta.get("background", ()):
            draw_background(axes, part, style)
        else:
            ends[name] = draw_band(axes, part, style, index, len(parts), log=meta["log_x"])
    name_ends(axes, ends, meta["styles"])


KIND = FigureKind("shares", (2.15, 1.85), draw, left=0.55, right=0.32, names="right")
