"""The table of expected running times: what a search spends until it reaches a target, failures counted (T5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reports.study.align import AXIS_LABEL
from reports.study.study import CURVE_REPETITIONS, Study
from reports.study.targets import Reached, targets_of
from reports.study.wording import noted, split_words
from reports.tables.numbers import INFINITY, bracket, three_digits
from reports.tables.report_table import ReportTable

SHOWN = (10, 20, 30, 40, 50)
"""Places of the targets in columns; the file has all 51."""


def running_time_table(study: Study) -> ReportTable:
    """Return the expected running time to fixed targets and the share of runs that reach them, on each benchmark.

    Of the strategies that figures draw in colour, with intervals; no rows where no run has an incumbent.
    """
    rows: list[dict[str, Any]] = []
    cells = []
    for item in study.aligned:
        if not item.has_incumbent:
            continue
        reached = Reached.of(item)
        for label in study.drawn:
            if label in reached.times:
                times, low, high = reached.running_times(study, item, label)
                columns = (reached.targets, times, low, high, reached.successes(label))
                found = [
                    dict(zip(_COLUMNS, (item.name, label, *numbers, len(reached.times[label])), strict=True))
                    for numbers in zip(*(column.tolist() for column in columns), strict=True)
                ]
                rows += found
                cells.append((item.name, label, *(_words(found[place]) for place in SHOWN)))
    axis = AXIS_LABEL[study.aligned[0].budget_axis]
    few = " Strategies that figures draw in colour." if study.background else ""
    caption = (
        f"Expected running time, in {axis}, to {split_words(study, 'validation')} {study.measure}s fixed before any run"
        " was looked at: all that runs spend until they reach the target, or until their budget ends, over the number"
        f" that reach it. Infinite where none does. Brackets: 95 % interval over {CURVE_REPETITIONS:,} resamples of"
        f" runs; behind them the share of runs that reach the target. Targets: {'; '.join(_targets(study))}; the CSV"
        f" file has all 51.{few}{noted(study)}"
    )
    headers = ("Benchmark", "Strategy", *(f"Target {place}" for place in range(1, len(SHOWN) + 1)))
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    return ReportTable("running-times", "Expected running times", caption, frame, headers, tuple(cells))


_COLUMNS = ["benchmark", "label", "target", "running_time", "low", "high", "success", "n"]


def _targets(study: Study) -> list[str]:
    """Return the targets of the columns in words, and of which benchmarks each list is where they differ."""
    of: dict[str, list[str]] = {}
    for item in study.aligned:
        unit = item.truth.unit("validation")
        shown = ", ".join(three_digits(target) for target in targets_of(item.truth)[list(SHOWN)].tolist())
        of.setdefault(f"{shown} {unit}".rstrip(), []).append(item.name)
    return [words if len(of) == 1 else f"{words} on {', '.join(names)}" for words, names in of.items()]


def _words(row: Mapping[str, Any]) -> str:
    if row["success"] == 0:
        return INFINITY
    ends = [three_digits(row[key]) for key in ("running_time", "low", "high")]
    return f"{bracket(*ends)}, {100 * row['success']:.0f} %"
