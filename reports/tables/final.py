"""The table of final values: what every strategy ends with, on every benchmark (T1, T2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from reports.study.align import Aligned
from reports.study.comparisons import LEFT_OUT, TEST_WORDS, WORST, winners
from reports.study.measures import RANDOM, centre_and_band, finals, log_aucs
from reports.study.provenance import budget_words
from reports.study.study import TABLE_REPETITIONS, Study
from reports.study.wording import SIGNAL, best_label, judged_by, noted, split_word, split_words, worst_label
from reports.tables.numbers import NONE, accuracy, bracket, three_digits
from reports.tables.report_table import BEST, DAGGER, TIED, ReportTable


def summary(study: Study, split: str) -> pd.DataFrame:
    """Return the statistics of the final incumbents, one row for each benchmark and strategy.

    Columns: ``benchmark``, ``label``, ``missing`` (how missing runs were treated), ``n``; of the value in the published
    unit ``mean``, ``sd``, ``median``, ``iqm``, ``iqm_low``, ``iqm_high``, ``best``; ``regret``, ``regret_low``,
    ``regret_high`` (of the centre), ``regret_mean``, the first three at each
    further checkpoint; ``log_auc`` (median of runs).
    """
    rows = []
    at = {checkpoint: finals(study, checkpoint) for checkpoint in study.checkpoints}
    last = finals(study)
    for item in study.aligned:
        if split not in item.truth.splits:
            continue
        areas = log_aucs(item) if split == "validation" else {}
        for label, steps in item.steps.items():
            policies = (LEFT_OUT, WORST) if len(steps) < study.spec.replicates else (LEFT_OUT,)
            for policy in policies:
                regrets = _filled(_of(last, item, split, label), study, item, split, policy)
                if len(regrets) == 0:
                    continue
                row = {"benchmark": item.name, "label": label, "missing": policy, "n": len(steps)}
                row |= _statistics(study, item, split, regrets)
                for checkpoint, values in at.items():
                    if checkpoint != item.final_budget:
                        early = _filled(_of(values, item, split, label), study, item, split, policy)
                        row |= _centre(study, item, early, f"_at_{checkpoint:g}")
                row["log_auc"] = float(np.median(areas[label])) if label in areas else np.nan
                rows.append(row)
    return pd.DataFrame(rows)


def _of(values: pd.DataFrame, item: Aligned, split: str, label: str) -> FloatArray:
    picked = (values["benchmark"] == item.name) & (values["split"] == split) & (values["label"] == label)
    column: FloatArray = values.loc[picked, "regret"].to_numpy(dtype=np.float64)
    return column


def _filled(regrets: FloatArray, study: Study, item: Aligned, split: str, policy: str) -> FloatArray:
    if policy == LEFT_OUT:
        return regrets
    return np.concatenate([regrets, np.full(study.spec.replicates - len(regrets), item.truth.worst(split))])


def _centre(study: Study, item: Aligned, regrets: FloatArray, suffix: str = "") -> dict[str, float]:
    counts = study.resampler.counts(item.name, len(regrets), TABLE_REPETITIONS)
    middle, low, high = centre_and_band(regrets[:, None], study.centre, counts)
    return {f"regret{suffix}": middle[0], f"regret_low{suffix}": low[0], f"regret_high{suffix}": high[0]}


def _statistics(study: Study, item: Aligned, split: str, regrets: FloatArray) -> dict[str, float]:
    sign = 1.0 if item.truth.column(split).direction == "maximise" else -1.0
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
    }


def final_table(study: Study, split: str, comparisons: pd.DataFrame) -> ReportTable:
    """Return final values and regrets by benchmark and strategy, with exact random search and the best."""
    data = summary(study, split)
    name = {"median": "median", "iqm": "IQM"}[study.centre]
    early = [checkpoint for checkpoint in study.checkpoints if checkpoint != study.aligned[0].final_budget]
    headers = ["Benchmark", "Strategy", "n", "Mean ± sd", "Median", "IQM [95 % CI]", "Best"]
    headers += [f"Regret at {checkpoint:g}, {name} [95 % CI]" for checkpoint in early]
    headers += [f"Final regret, {name} [95 % CI]"] + (["log-AUC"] if split == "validation" else [])
    cells, marks = list[tuple[str, ...]](), dict[tuple[int, int], str]()
    column = headers.index(f"Final regret, {name} [95 % CI]")
    for item in study.aligned:
        rows = data[data["benchmark"] == item.name] if len(data) else data
        if not len(rows):
            continue
        complete = rows[rows["missing"] == LEFT_OUT]
        first = complete.sort_values(["regret", "regret_mean"], kind="stable").iloc[0]
        best = str(first["label"])
        known = winners(comparisons, item.name, split, best, study.checkpoints[-1])
        for _, row in rows.iterrows():
            if row["missing"] == LEFT_OUT:
                state = (
                    BEST if row["regret"] == first["regret"] else (TIED if known.get(row["label"]) == "open" else "")
                )
                if state:
                    marks[len(cells), column] = state
            cells.append(_final_cells(study, item, split, row, early))
        cells += _reference_cells(study, item, split, early)
    word = split_words(study, split)
    unit = {item.truth.unit(split) for item in study.aligned if split in item.truth.splits}
    caption = (
        f"{word.capitalize()} value of the final incumbent after {budget_words(study.spec)}"
        f" ({judged_by(study, split)}), and its regret in {' or '.join(sorted(unit))}. Brackets: 95 % percentile"
        f" bootstrap interval, {TABLE_REPETITIONS:,} resamples of replicates. Bold: lowest {name} regret; underlined:"
        f" not shown to differ from it ({TEST_WORDS}). log-AUC: median over runs of the mean regret over log"
        " evaluations."
    )
    if any(DAGGER in row[2] for row in cells):
        caption += f" {DAGGER}: fewer runs than declared; shown with them left out, and again as {worst_label(study)}."
    if split == "test":
        caption = caption.replace(" log-AUC: median over runs of the mean regret over log evaluations.", "")
    caption += noted(study)
    return ReportTable(f"final-{split}", f"Final {word} values", caption, data, tuple(headers), tuple(cells), marks)


def _final_cells(study: Study, item: Aligned, split: str, row: Any, early: list[float]) -> tuple[str, ...]:
    unit = item.truth.column(split).unit
    shown = {key: accuracy(row[key], unit) for key in ("mean", "sd", "median", "iqm", "iqm_low", "iqm_high", "best")}
    dagger = DAGGER if row["n"] < study.spec.replicates else ""
    label = row["label"] if row["missing"] == LEFT_OUT else f"{row['label']} (missing as worst)"
    cells = [item.name, label, f"{row['n']}{dagger}", f"{shown['mean']} ± {shown['sd']}", shown["median"]]
    cells += [bracket(shown["iqm"], shown["iqm_low"], shown["iqm_high"]), shown["best"]]
    for suffix in [f"_at_{checkpoint:g}" for checkpoint in early] + [""]:
        cells.append(bracket(*[three_digits(row[f"{key}{suffix}"]) for key in ("regret", "regret_low", "regret_high")]))
    return (*cells, three_digits(row["log_auc"])) if split == "validation" else tuple(cells)


def _reference_cells(study: Study, item: Aligned, split: str, early: list[float]) -> list[tuple[str, ...]]:
    """Return the rows of exact random search and of the best of the table."""
    unit = item.truth.column(split).unit
    sign = 1.0 if item.truth.column(split).direction == "maximise" else -1.0
    tail = (NONE,) if split == "validation" else ()
    best = item.truth.best(split)
    rows = []
    law = study.references[item.name]
    if law is not None and item.budget_axis == "evaluations":
        budgets = np.array([*early, item.final_budget])
        mean, median, iqm = (
            accuracy(best - sign * float(law.centre(split, budgets[-1:], centre)[0]), unit)
            for centre in ("mean", "median", "iqm")
        )
        regrets = [three_digits(value) for value in law.centre(split, budgets, study.centre)]
        rows.append((item.name, RANDOM, "∞", mean, median, iqm, NONE, *regrets, *tail))
    if split == "test":
        floor = item.truth.floor()
        value = accuracy(best - sign * floor, unit)
        regrets = [three_digits(floor)] * (len(early) + 1)
        by = split_word(item.truth, "validation")
        label = f"{best_label(item.truth)} by {'the ' if by == SIGNAL else ''}{by}"
        rows.append((item.name, label, "", value, "", "", value, *regrets))
    value = accuracy(best, unit)
    rows.append((item.name, best_label(item.truth), "", value, "", "", value, *["0"] * (len(early) + 1), *tail))
    return rows
