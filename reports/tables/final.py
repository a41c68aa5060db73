"""The table of final values: what every strategy ends with, on every benchmark (T1, T2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from reports.study.align import AXIS_LABEL, Aligned
from reports.study.comparisons import OPEN, TEST_WORDS, standings
from reports.study.finals import LEFT_OUT, best_first, log_window, summary
from reports.study.front_reference import RUNS, FrontReference
from reports.study.naming import EXPECTED, RANDOM, SIMULATED, WHOLE
from reports.study.provenance import budget_words
from reports.study.study import TABLE_REPETITIONS, Study
from reports.study.wording import SIGNAL, best_label, having, judged_by, noted, split_word, split_words, worst_label
from reports.tables.numbers import INFINITY, NONE, bracket, regret_words, value_words
from reports.tables.report_table import BEST, DAGGER, TIED, ReportTable


def _starts(study: Study) -> str:
    """Say from where log-AUCs count, by benchmark where that differs."""
    windows = {item.name: log_window(item) for item in study.aligned}
    starts = {name: f"{window[0]:.3g}" for name, window in windows.items() if window is not None}
    if len(set(starts.values())) <= 1:
        return next(iter(starts.values()), NONE)
    return ", ".join(f"{name} {start}" for name, start in starts.items())


def final_table(study: Study, split: str, comparisons: pd.DataFrame) -> ReportTable:
    """Return final values and regrets by benchmark and strategy, with exact random search and the best."""
    data = summary(study, split)
    name = {"median": "median", "iqm": "IQM"}[study.centre]
    early = [checkpoint for checkpoint in study.checkpoints if checkpoint != study.aligned[0].final_budget]
    headers = ["Benchmark", "Strategy", "n", "Mean ± sd", "Median", "IQM [95 % CI]", "Best"]
    end = f"Final {study.short}, {name} [95 % CI]"
    reached = "Whole front" if study.several else "At optimum"
    headers += [f"{study.short.capitalize()} at {checkpoint:g}, {name} [95 % CI]" for checkpoint in early]
    headers += [end] + ([reached, "log-AUC"] if split == "validation" else [])
    cells, marks = list[tuple[str, ...]](), dict[tuple[int, int], str]()
    column = headers.index(end)
    for item in study.aligned:
        rows = data[data["benchmark"] == item.name] if len(data) else data
        if not len(rows):
            continue
        complete = rows[rows["missing"] == LEFT_OUT]
        first = best_first(complete).iloc[0]
        best = str(first["label"])
        known = standings(comparisons, item.name, split, best, study.checkpoints[-1])
        for _, row in rows.iterrows():
            if row["missing"] == LEFT_OUT:
                if row["regret"] == first["regret"]:
                    marks[len(cells), column] = BEST
                elif row["label"] in known and known[row["label"]].state == OPEN:
                    marks[len(cells), column] = TIED
            cells.append(_final_cells(study, item, split, row, early))
        cells += _reference_cells(study, item, split, early)
    word = split_words(study, split)
    unit = {item.truth.unit(split) for item in study.aligned if split in item.truth.splits}
    caption = (
        f"{word.capitalize()} hypervolume of the final front after {budget_words(study.spec)}"
        f" ({judged_by(study, split)}), and its gap to that of the {best_label(study.aligned[0].truth)}."
        if study.several
        else f"{word.capitalize()} value of the final incumbent after {budget_words(study.spec)}"
        f" ({judged_by(study, split)}), and its regret in {' or '.join(sorted(unit))}."
    )
    caption += (
        f" Brackets: 95 % percentile bootstrap interval, {TABLE_REPETITIONS:,} resamples of replicates."
        f" Bold: lowest {name} {study.short}"
    )
    judged = comparisons[comparisons["split"] == split]
    if len(judged) and judged["p"].isna().all():
        caption += "; whether others differ from it is not tested, for want of replicates."
    else:
        caption += f"; underlined: not shown to differ from it ({TEST_WORDS})."
    if split == "validation":
        caption += f" {reached}: part of the runs that end without {'a gap' if study.several else 'regret'}."
        over = AXIS_LABEL[study.aligned[0].budget_axis]
        caption += (
            f" log-AUC: median over runs of the mean {study.short} over log {over}, from where the last of all runs has"
            f" its first {study.holder} ({_starts(study)})"
        )
        caption += (
            f"; {NONE} where a run has no {study.holder} before the end."
            if len(data) and data["log_auc"].isna().any()
            else "."
        )
    if any(row[1] == WHOLE for row in cells):
        looks = "what looks like the front" if study.several else "what looks best"
        caption += f" {WHOLE.capitalize()}: {looks} when every architecture was trained once (noise floor)."
    if any(DAGGER in row[2] for row in cells):
        caption += f" {DAGGER}: fewer runs than declared; shown with them left out, and again as {worst_label(study)}."
    if any(row[1] == EXPECTED for row in cells):
        caption += f" {EXPECTED.capitalize()}: the mean as figures have it, the rest from {RUNS} simulated runs."
    if any(row[1] == SIMULATED for row in cells):
        caption += f" {SIMULATED.capitalize()}: from {RUNS} simulated runs."
    caption += noted(study, having(study, split))
    title = f"Final {word} {'hypervolumes' if study.several else 'values'}"
    return ReportTable(f"final-{split}", title, caption, data, tuple(headers), tuple(cells), marks)


def _final_cells(study: Study, item: Aligned, split: str, row: Any, early: list[float]) -> tuple[str, ...]:
    scale = item.truth.scales[split]
    keys = ("mean", "sd", "median", "iqm", "iqm_low", "iqm_high", "best")
    shown = {key: value_words(row[key], scale) for key in keys}
    dagger = DAGGER if row["n"] < study.spec.replicates else ""
    label = row["label"] if row["missing"] == LEFT_OUT else f"{row['label']} (missing as worst)"
    cells = [item.name, label, f"{row['n']}{dagger}", f"{shown['mean']} ± {shown['sd']}", shown["median"]]
    cells += [bracket(shown["iqm"], shown["iqm_low"], shown["iqm_high"]), shown["best"]]
    for suffix in [f"_at_{checkpoint:g}" for checkpoint in early] + [""]:
        ends = (f"{key}{suffix}" for key in ("regret", "regret_low", "regret_high"))
        cells.append(bracket(*[regret_words(row[end], scale) for end in ends]))
    reached = f"{100 * row['reached']:.0f} %"
    return (*cells, reached, regret_words(row["log_auc"], scale)) if split == "validation" else tuple(cells)


def _reference_cells(study: Study, item: Aligned, split: str, early: list[float]) -> list[tuple[str, ...]]:
    """Return the rows of exact random search and of the best of the table."""
    scale = item.truth.scales[split]
    sign = item.truth.sign(split)
    tail = (NONE, NONE) if split == "validation" else ()
    best = item.truth.best(split)
    rows = []
    law = study.references[item.name]
    if law is not None and item.budget_axis == "evaluations":
        budgets = np.array([*early, item.final_budget])
        mean, median, iqm = (
            value_words(best - sign * float(law.centre(split, budgets[-1:], centre)[0]), scale)
            for centre in ("mean", "median", "iqm")
        )
        regrets = [regret_words(value, scale) for value in law.centre(split, budgets, study.centre)]
        name = RANDOM
        if isinstance(law, FrontReference):
            name = EXPECTED if law.is_exact(split) else SIMULATED
        rows.append((item.name, name, INFINITY, mean, median, iqm, NONE, *regrets, *tail))
    if law is not None and split == "validation" and (law.whole(split, "mean")) > 0:
        mean, median, iqm = (
            value_words(best - sign * law.whole(split, centre), scale) for centre in ("mean", "median", "iqm")
        )
        regrets = [regret_words(law.whole(split, study.centre), scale)] * (len(early) + 1)
        rows.append((item.name, WHOLE, INFINITY, mean, median, iqm, NONE, *regrets, *tail))
    if split == "test":
        floor = item.truth.floor()
        value = value_words(best - sign * floor, scale)
        regrets = [regret_words(floor, scale)] * (len(early) + 1)
        by = split_word(item.truth, "validation")
        label = f"{best_label(item.truth)} by {'the ' if by == SIGNAL else ''}{by}"
        rows.append((item.name, label, "", value, "", "", value, *regrets))
    value = value_words(best, scale)
    rows.append((item.name, best_label(item.truth), "", value, "", "", value, *["0"] * (len(early) + 1), *tail))
    return rows
