"""What a report shows as figures: plotted numbers, style and caption of each, ready to be drawn or read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.figures.drawing import REGRET_FLOOR, style_map
from reports.study.comparisons import LEFT_OUT
from reports.study.measures import FLOOR, OVERALL, RANDOM, curves, finals, ranks
from reports.study.provenance import budget_sentence, provenance
from reports.study.study import CURVE_REPETITIONS, Study
from reports.study.truth import TABLE
from reports.study.wording import floor_label, judged_by, noted, split_word, split_words, worst_label

_WORDS = ["benchmark", "series", "row", "column"]
"""Columns of plotted frames that hold names."""
_NUMBERS = {"": np.nan, "True": True, "False": False}
_AXIS_LABEL = {"evaluations": "evaluations", "seconds": "simulated seconds"}


@dataclass(frozen=True)
class Exhibit:
    """One figure as data: it can be drawn from its CSV and JSON alone.

    Attributes
    ----------
    name : str
        File stem.
    kind : str
        Key of `reports.figures.drawing.DRAWERS`.
    frame : pandas.DataFrame
        Exactly the plotted numbers; one panel for each value of ``benchmark``.
    meta : mapping
        JSON data: ``title``, ``caption``, ``alt``, ``x_label``, ``y_label`` (by panel), ``styles``, ``left_out``
        (reason by benchmark) and the provenance.
    """

    name: str
    kind: str
    frame: pd.DataFrame
    meta: Mapping[str, Any]

    @property
    def panels(self) -> list[str]:
        """Names of the panels, in order."""
        return list(dict.fromkeys(self.frame["benchmark"]))

    def write(self, folder: Path) -> None:
        """Write ``NAME.csv`` and ``NAME.json``."""
        self.frame.to_csv(folder / f"{self.name}.csv", index=False, lineterminator="\n")
        data = {"name": self.name, "kind": self.kind, **self.meta}
        (folder / f"{self.name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path, name: str) -> Exhibit:
        """Read what `write` wrote."""
        meta = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        frame = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        for column in frame.columns.difference(_WORDS):  # float() gives back the very number that was written
            frame[column] = [_NUMBERS[text] if text in _NUMBERS else float(text) for text in frame[column]]
        return cls(meta.pop("name"), meta.pop("kind"), frame, meta)


def exhibits(study: Study, comparisons: pd.DataFrame) -> list[Exhibit]:
    """Return every figure that the study can show, in the order of the page."""
    shown = [
        curve_exhibit(study, split, axis) for split in study.splits for axis in _AXIS_LABEL
    ]  # validation first: every table has it
    shown.append(rank_exhibit(study))
    for split in study.splits:
        shown.append(strip_exhibit(study, split))
        shown.append(win_exhibit(study, split, comparisons))
    return [exhibit for exhibit in shown if len(exhibit.frame)]


def curve_exhibit(study: Study, split: str, axis: str) -> Exhibit:
    """Return regret of the incumbent over the budget (F1 to F3)."""
    frame = curves(study, split, axis)
    left_out = {}
    for item in study.aligned:
        if item.truth.why_no_test and split == "test":
            left_out[item.name] = item.truth.why_no_test
        elif axis not in item.axes:
            left_out[item.name] = "the table has no training seconds"
        elif item.name not in set(frame["benchmark"]):
            left_out[item.name] = "no strategy has a feasible architecture in half of its runs"
    word = split_words(study, split)
    centre = {"median": "median", "iqm": "interquartile mean"}[study.centre]
    references = ""
    if (frame["series"] == RANDOM).any():
        references += f" Dotted: the exact {centre} of random search on the table, no simulation."
    if split == "test":
        references += f" Dashed: what the architecture {floor_label(study)} scores: a perfect search ends there."
    runs = [steps for item in study.aligned for group in item.steps.values() for steps in group]
    if any(len(steps.rows) == 0 or steps.rows[0] > 0 for steps in runs):
        references += " A line starts where half of its runs have an incumbent; those that have none yet count as"
        references += f" {worst_label(study)}."
    caption = (
        f"{word.capitalize()} regret of the incumbent against {_AXIS_LABEL[axis]}. Line: {centre} over runs;"
        f" band: 95 % bootstrap interval of the {centre} ({CURVE_REPETITIONS:,} resamples of replicates)."
        f" {_runs_sentence(study)} The incumbent is chosen by the"
        f" {split_words(study, 'validation')} value the strategy was told and judged by {judged_by(study, split)}."
        f"{references}{_clip_sentence(frame, 'centre')}"
        f" {budget_sentence(study)}{_end_sentence(study, axis)}"
        f"{_left_out_sentence(left_out)}"
    )
    meta = {
        "title": f"{word.capitalize()} regret over {_AXIS_LABEL[axis]}",
        "x_label": _AXIS_LABEL[axis],
        "y_label": {item.name: f"{split_word(item.truth, split)} regret ({item.truth.unit(split)})"
                    for item in study.aligned if split in item.truth.splits},
        "left_out": left_out,
        "floor": f"{floor_label(study)} (floor)",
        "alt": f"Step curves of {word} regret against {_AXIS_LABEL[axis]} on logarithmic axes, one panel for each"
               f" benchmark: {_final_words(frame)}",
        "centre": study.centre,
        "band": f"95 % percentile bootstrap interval, {CURVE_REPETITIONS} repetitions",
    }  # fmt: skip
    return _exhibit(study, f"{split}-regret-{axis}", "curves", frame, caption, meta)


def rank_exhibit(study: Study) -> Exhibit:
    """Return mean rank over the budget (F4)."""
    frame = ranks(study)
    axis = _AXIS_LABEL[study.aligned[0].budget_axis]
    met = ", where they met the same noise" if {item.truth.kind for item in study.aligned} == {TABLE} else ""
    caption = (
        f"Mean rank by {split_words(study, 'validation')} regret against {axis}; 1 is best. Strategies are ranked"
        f" within each replicate{met} (average ranks for ties), then replicates"
        f"{' and benchmarks are' if OVERALL in set(frame['benchmark']) else ' are'} averaged. Band: 95 % bootstrap"
        f" interval ({CURVE_REPETITIONS:,} stratified resamples of replicates). {_runs_sentence(study)}"
        f" {budget_sentence(study)}"
    )
    meta = {
        "title": "Rank over the budget",
        "x_label": axis,
        "y_label": dict.fromkeys(frame["benchmark"], "mean rank"),
        "left_out": {},
        "alt": f"Mean rank of each strategy over the budget: {_final_words(frame)}",
        "centre": "mean",
        "band": f"95 % percentile bootstrap interval, {CURVE_REPETITIONS} repetitions",
    }
    return _exhibit(study, "rank", "ranks", frame, caption, meta)


def strip_exhibit(study: Study, split: str) -> Exhibit:
    """Return final regrets of all runs (F8)."""
    word = split_words(study, split)
    values = finals(study)
    frame = values[values["split"] == split].drop(columns="split").rename(columns={"label": "series"})
    rng = study.resampler.generator("offsets", split)
    frame = frame.assign(offset=rng.uniform(-0.24, 0.24, size=len(frame)).round(3)).reset_index(drop=True)
    units = {item.name: f"{split_word(item.truth, split)} regret ({item.truth.unit(split)})"
             for item in study.aligned if split in item.truth.splits}  # fmt: skip
    caption = (
        f"{word.capitalize()} regret of the final incumbent: every run is a point (spread at random across its box);"
        f" box: quartiles and median; whiskers: the furthest run within 1.5 interquartile ranges."
        f" {_runs_sentence(study)}{_clip_sentence(frame, 'regret')} {budget_sentence(study)}"
    )
    medians = frame.groupby(["benchmark", "series"], sort=False)["regret"].median().reset_index()
    words = "; ".join(f"{row.benchmark}, {row.series}: median {row.regret:.3g}" for row in medians.itertuples())
    meta = {
        "title": f"Final {word} regret of every run",
        "x_label": units,
        "y_label": dict.fromkeys(units, ""),
        "left_out": {},
        "alt": f"Box plots of final {word} regret with all runs as points. {words}.",
        "centre": "median",
        "band": "quartiles of runs",
    }
    return _exhibit(study, f"final-{split}-regret", "strips", frame, caption, meta)


def win_exhibit(study: Study, split: str, comparisons: pd.DataFrame) -> Exhibit:
    """Return the probability of improvement for all pairs (F11)."""
    rows, word = [], split_words(study, split)
    last = study.checkpoints[-1]
    kept = comparisons[
        (comparisons["split"] == split) & (comparisons["missing"] == LEFT_OUT) & (comparisons["budget"] == last)
    ]
    for _, row in kept.dropna(subset=["poi"]).iterrows():
        significant = bool(row["p_holm"] < 0.05) and row["effect"] != 0
        rows.append((row["benchmark"], row["a"], row["b"], row["poi"], significant))
        rows.append((row["benchmark"], row["b"], row["a"], 1.0 - row["poi"], significant))
    frame = pd.DataFrame(rows, columns=["benchmark", "row", "column", "poi", "significant"])
    caption = (
        f"Probability that a run of the row's strategy ends with lower {word} regret than one of the column's (ties"
        " count half; 0.5 is no difference). Star: Holm-adjusted p < 0.05 in the paired Wilcoxon signed-rank test over"
        f" replicates, one family over all benchmarks and pairs. {_runs_sentence(study)} {budget_sentence(study)}"
    )
    words = "; ".join(f"{row[0]}: {row[1]} against {row[2]} {row[3]:.2f}" for row in rows[::2])
    meta = {
        "title": f"Who beats whom ({word})",
        "x_label": "",
        "y_label": dict.fromkeys(frame["benchmark"], ""),
        "left_out": {},
        "alt": f"Heat-map of the probability that one strategy beats another. {words}.",
        "centre": "probability of improvement",
        "band": "none",
    }
    return _exhibit(study, f"wins-{split}", "wins", frame, caption, meta)


def _exhibit(study: Study, name: str, kind: str, frame: pd.DataFrame, caption: str, meta: Mapping[str, Any]) -> Exhibit:
    common = {"caption": " ".join(f"{caption}{noted(study)}".split()), "styles": style_map(study.labels)}
    return Exhibit(name, kind, frame, {**meta, **common, "provenance": provenance(study)})


def _runs_sentence(study: Study) -> str:
    counts = {len(steps) for item in study.aligned for steps in item.steps.values()}
    if len(counts) == 1:
        return f"n = {counts.pop()} runs for each strategy and benchmark."
    short = ", ".join(
        f"{label} on {item.name} {len(steps)}"
        for item in study.aligned
        for label, steps in item.steps.items()
        if len(steps) < study.spec.replicates
    )
    return f"n = {study.spec.replicates} runs, but fewer finished (†): {short}."


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


def _clip_sentence(frame: pd.DataFrame, column: str) -> str:
    below = (frame[column] < REGRET_FLOOR).any() if len(frame) else False
    return f" Regrets below {REGRET_FLOOR:g} are drawn at {REGRET_FLOOR:g}." if below else ""


def _final_words(frame: pd.DataFrame) -> str:
    """Say where every line ends, for readers who do not see it."""
    runs = frame[~frame["series"].isin([RANDOM, FLOOR])]
    last = runs.groupby(["benchmark", "series"], sort=False)["centre"].last().reset_index()
    by_benchmark: dict[str, list[str]] = {}
    for row in last.itertuples():
        by_benchmark.setdefault(str(row.benchmark), []).append(f"{row.series} {row.centre:.3g}")
    return "; ".join(f"on {name} the lines end at {', '.join(words)}" for name, words in by_benchmark.items()) + "."
