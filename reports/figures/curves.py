"""Curves: regret of the incumbent over the budget, with the exact random search and the floor (F1 to F3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from harness.judging.ledger import CLAIM
from reports.figures.captions import (
    background_sentence,
    clip_sentence,
    final_words,
    floors,
    regret_labels,
    runs_sentence,
    study_exhibit,
)
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.lines import changes, draw_background, draw_band, log_ticks, name_ends
from reports.study.align import AXIS_LABEL
from reports.study.curves import curves
from reports.study.naming import EXPECTED, FLOOR, RANDOM, SIMULATED, WHOLE
from reports.study.provenance import budget_sentence
from reports.study.study import CURVE_REPETITIONS, Study
from reports.study.wording import (
    CENTRE_WORDS,
    a_holder,
    chosen_sentence,
    expectation_sentence,
    floor_label,
    split_words,
    worst_label,
)

_REFERENCES: dict[str, dict[str, Any]] = {
    RANDOM: {"color": "#444444", "linestyle": (0, (1, 1.4)), "linewidth": 1.1},
    EXPECTED: {"color": "#444444", "linestyle": (0, (1, 1.4)), "linewidth": 1.1},
    SIMULATED: {"color": "#444444", "linestyle": (0, (1, 1.4)), "linewidth": 1.1},
    FLOOR: {"color": "#999999", "linestyle": (0, (5, 3)), "linewidth": 0.9},
    WHOLE: {"color": "#999999", "linestyle": (0, (7, 2, 1, 2)), "linewidth": 0.9},
}

_CLAIM_LINE: dict[str, Any] = {"color": "#888888", "linestyle": (0, (1.5, 1.5)), "linewidth": 0.7}
_WHY_NOT = {
    "evaluations": "some evaluations are no full trainings, and do not count alike",
    "epochs": "the budget limits no epochs",
}
"""Why an axis is not there, other than that of seconds."""


def exhibit(study: Study, split: str, axis: str) -> Exhibit:
    """Return regret of the incumbent, or the hypervolume gap of the front, over the budget.

    Parameters
    ----------
    study : Study
    split : {"validation", "test"}
        What the incumbent is judged by.
    axis : {"evaluations", "seconds", "epochs"}
    """
    frame = curves(study, split, axis)
    drawn, left_out = {*frame["benchmark"].unique()}, {}
    for item in study.aligned:
        if item.truth.why_no_test and split == "test":
            left_out[item.name] = item.truth.why_no_test
        elif axis not in item.axes:
            left_out[item.name] = _WHY_NOT.get(axis, "the table has no training seconds")
        elif item.name not in drawn:
            left_out[item.name] = "no strategy has a feasible architecture in half of its runs"
    word = split_words(study, split)
    centre = CENTRE_WORDS[study.centre]
    references = ""
    if (frame["series"] == RANDOM).any():
        references += f" Dotted: the exact {centre} of random search on the table, no simulation."
    if frame["series"].isin([EXPECTED, SIMULATED]).any():
        references += expectation_sentence(study, split)
    if (frame["series"] == WHOLE).any():
        looks = "what looks like the front" if study.several else "what looks best"
        references += f" Dash-dotted: {looks} when every architecture of the table was trained once."
    if split == "test":
        floor = f"the architecture {floor_label(study)}"
        floor = f"the table's own {floor_label(study)}, looked up on test," if study.several else floor
        references += f" Dashed: what {floor} scores: a perfect search ends there."
    runs = [steps for item in study.aligned for group in item.steps.values() for steps in group]
    if any(len(steps.rows) == 0 or steps.rows[0] > 0 for steps in runs):
        references += f" A line starts where half of its runs have {a_holder(study)}; those that have none yet count as"
        references += f" {worst_label(study)}."
    caption = (
        f"{word.capitalize()} {study.measure} of the {study.holder} against {AXIS_LABEL[axis]}. Line: {centre}"
        " over runs;"
        f" band: 95 % bootstrap interval of the {centre} ({CURVE_REPETITIONS:,} resamples of replicates)."
        f" {runs_sentence(study)} {chosen_sentence(study, split)}"
        f"{references}{background_sentence(study)}{clip_sentence(study, split, frame, 'centre')}"
        f" {budget_sentence(study)}{_end_sentence(study, axis)}"
        f"{_left_out_sentence(left_out)}"
    )
    marks = _claims(study, frame) if axis == "seconds" else {}
    if marks:
        caption += (
            f" Grey upright line: {CLAIM:g} T1; T1 is the mean full training of the table, so that all workers together"
            f" could have trained {CLAIM:g} such networks by then."
        )
    meta = {
        "title": f"{word.capitalize()} {study.measure} over {AXIS_LABEL[axis]}",
        "x_label": AXIS_LABEL[axis],
        "y_label": regret_labels(study, split),
        "left_out": left_out,
        "floors": floors(study, split),
        "floor": f"{floor_label(study)} (floor)",
        "alt": f"Step curves of {word} {study.measure} against {AXIS_LABEL[axis]} on logarithmic axes, one panel"
        f" for each benchmark: {final_words(frame)}",
        "centre": study.centre,
        "band": f"95 % percentile bootstrap interval, {CURVE_REPETITIONS} repetitions",
    }
    if marks:
        meta["marks"] = marks
    return study_exhibit(study, f"{split}-{study.short}-{axis}", KIND.name, frame, caption, meta)


def _claims(study: Study, frame: pd.DataFrame) -> dict[str, float]:
    """Return where `CLAIM` full trainings lie on the axis of simulated seconds, by benchmark whose panel has it."""
    marks = {}
    for item in study.aligned:
        place = CLAIM * item.truth.unit_seconds / study.spec.n_workers
        part = frame[frame["benchmark"] == item.name]
        if len(part) and float(part["x"].min()) < place < float(part["x"].max()):
            marks[item.name] = place
    return marks


def _end_sentence(study: Study, axis: str) -> str:
    """Say how curves end that do not end with the budget."""
    spent = sorted(
        {label for item in study.aligned for label, group in item.steps.items() for s in group if np.isinf(s.end[axis])}
    )
    carried = f" Carried forward after the strategy had nothing more to propose: {', '.join(spent)}." if spent else ""
    own = " Each curve ends where the strategy's shortest run ends." if axis != study.aligned[0].budget_axis else ""
    return own + carried


def _left_out_sentence(left_out: Mapping[str, str]) -> str:
    by_reason: dict[str, list[str]] = {}
    for benchmark, reason in left_out.items():
        by_reason.setdefault(reason, []).append(benchmark)
    return "".join(f" Left out, because {reason}: {', '.join(names)}." for reason, names in by_reason.items())


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw step curves with bands on log axes; references dotted and dashed; names at the ends of the lines."""
    floor = float(meta["floors"][frame["benchmark"].iloc[0]])
    _log_axes(axes, frame, floor)
    ends: dict[str, tuple[float, float]] = {}
    parts = dict([*frame.groupby("series", sort=False)])
    background = set(meta.get("background", ()))
    for index, (name, part) in enumerate(parts.items()):
        if name in _REFERENCES:
            x, middle = part["x"].to_numpy(), np.maximum(part["centre"].to_numpy(), floor)
            kept = changes(middle)
            axes.plot(x[kept], middle[kept], drawstyle="steps-post", zorder=2.5, **_REFERENCES[name])
            continue
        if name in background:
            draw_background(axes, part, meta["styles"][name], floor)
            continue
        ends[name] = draw_band(axes, part, meta["styles"][name], index, len(parts), floor)
    name_ends(axes, ends, meta["styles"])
    if (place := _mark(frame, meta)) is not None:
        axes.axvline(place, zorder=1.2, **_CLAIM_LINE)


def _mark(frame: pd.DataFrame, meta: Mapping[str, Any]) -> float | None:
    """Return where the panel of a benchmark has its upright line; None where it has none."""
    place = meta.get("marks", {}).get(str(frame["benchmark"].iloc[0]))
    return None if place is None else float(place)


def _log_axes(axes: Axes, frame: pd.DataFrame, floor: float) -> None:
    """Set log scales whose limits show every centre line; bands may be cut by the frame of the panel."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    runs = frame[~frame["series"].isin(list(_REFERENCES))]
    x_low, x_high = float(runs["x"].min()), float(runs["x"].max())
    axes.set_xlim(x_low, x_high if x_high > x_low else x_low * 10)
    centres = np.maximum(frame["centre"].to_numpy(), floor)
    low = min(float(centres.min()), max(float(np.quantile(runs["low"], 0.05)), floor))
    high = max(float(centres.max()), float(np.quantile(runs["high"], 0.95)))
    low, high = max(low / 1.25, floor / 1.25), high * 1.15
    axes.set_ylim(low, high)
    log_ticks(axes.xaxis, *axes.get_xlim())
    log_ticks(axes.yaxis, low, high)


def _legend(frame: pd.DataFrame, meta: Mapping[str, Any]) -> Sequence[Line2D]:
    """Return what explains the lines that are no strategy's."""
    present = [name for name in _REFERENCES if (frame["series"] == name).any()]
    words = {FLOOR: meta.get("floor", FLOOR)}
    lines = [Line2D([], [], label=words.get(name, name), **_REFERENCES[name]) for name in present]
    if set(meta.get("marks", ())) & {*frame["benchmark"].unique()}:
        lines.append(Line2D([], [], label=f"{CLAIM:g} T1 (mean full trainings)", **_CLAIM_LINE))
    return lines


KIND = FigureKind("curves", (2.15, 1.85), draw, left=0.55, right=0.32, names="right", legend=_legend)
