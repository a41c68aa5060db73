"""Sentences that captions of several kinds share, and what every exhibit of a study carries."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from harness.printable import counted
from reports.figures.exhibit import Exhibit
from reports.figures.lines import short_number
from reports.figures.style import style_map
from reports.study.naming import EXPECTED, FLOOR, RANDOM, SIMULATED, WHOLE
from reports.study.provenance import provenance
from reports.study.study import Study
from reports.study.wording import noted, split_word


def study_exhibit(
    study: Study,
    name: str,
    kind: str,
    frame: pd.DataFrame,
    caption: str,
    meta: Mapping[str, Any],
    shown: Collection[str] | None = None,
) -> Exhibit:
    """Return an exhibit with what all of a study share: notes in the caption, styles of strategies, provenance.

    Notes are about the benchmarks `shown`: where none are given, those that panels are named after, else all.
    """
    common: dict[str, Any] = {
        "caption": " ".join(f"{caption}{noted(study, shown or named(study, frame))}".split()),
        "styles": style_map(study.labels, study.background),
    }
    if study.background:
        common["background"] = list(study.background)
    return Exhibit(name, kind, frame, {**meta, **common, "provenance": provenance(study)})


def named(study: Study, frame: pd.DataFrame) -> list[str] | None:
    """Return the benchmarks that panels are named after: "NAME", "NAME: what", "NAME, what"; None where none are."""
    panels = [str(panel) for panel in frame["benchmark"].unique()]
    return [
        item.name
        for item in study.aligned
        if any(panel == item.name or panel.startswith((f"{item.name}: ", f"{item.name}, ")) for panel in panels)
    ] or None


def background_sentence(study: Study) -> str:
    """Say which strategies are drawn in colour, where not all are."""
    if not study.background:
        return ""
    wished = " those that the spec highlights," if study.spec.report.highlight else ""
    return (
        f" In colour:{wished} random search, the best of each benchmark and the best by mean rank,"
        f" {len(study.drawn)} of {len(study.labels)}; the others are grey, and in the tables."
    )


def regret_labels(study: Study, split: str) -> dict[str, str]:
    """Return the label of an axis of regret or gap, by benchmark that has the split."""
    return {
        item.name: f"{split_word(item.truth, split)} {study.measure}"
        + ("" if study.several else f" ({item.truth.unit(split)})")
        for item in study.aligned
        if split in item.truth.splits
    }


def runs_sentence(study: Study) -> str:
    """Say how many runs there are, and of what there are fewer than declared."""
    counts = {len(steps) for item in study.aligned for steps in item.steps.values()}
    if len(counts) == 1:
        return f"n = {counted(counts.pop(), 'run')} for each strategy and benchmark."
    short = ", ".join(
        f"{label} on {item.name} {len(steps)}"
        for item in study.aligned
        for label, steps in item.steps.items()
        if len(steps) < study.spec.replicates
    )
    return f"n = {counted(study.spec.replicates, 'run')}, but fewer finished (†): {short}."


def floors(study: Study, split: str) -> dict[str, float]:
    """Return where the log axis of each benchmark ends: regrets below are drawn there."""
    return {item.name: item.truth.scales[split].floor for item in study.aligned if split in item.truth.splits}


def clip_sentence(study: Study, split: str, frame: pd.DataFrame, column: str) -> str:
    """Say that regrets below the floor are drawn at it, where there are any."""
    by_floor: dict[str, list[str]] = {}
    below = f" {study.measure.capitalize()}s below"
    for name, floor in floors(study, split).items():
        if (frame.loc[frame["benchmark"] == name, column] < floor).any():
            by_floor.setdefault(short_number(floor), []).append(name)
    if len(by_floor) < 2:
        return "".join(f"{below} {floor} are drawn at {floor}." for floor in by_floor)
    each = "; ".join(f"{floor} ({', '.join(names)})" for floor, names in by_floor.items())
    return f"{below} the floor of their axis are drawn at it: {each}."


def final_words(frame: pd.DataFrame) -> str:
    """Say where every line ends, for readers who do not see it."""
    runs = frame[~frame["series"].isin([RANDOM, EXPECTED, SIMULATED, FLOOR, WHOLE])]
    last = runs.groupby(["benchmark", "series"], sort=False)["centre"].last().reset_index()
    by_benchmark: dict[str, list[str]] = {}
    for row in last.itertuples():
        by_benchmark.setdefault(str(row.benchmark), []).append(f"{row.series} {row.centre:.3g}")
    return "; ".join(f"on {name} the lines end at {', '.join(words)}" for name, words in by_benchmark.items()) + "."
