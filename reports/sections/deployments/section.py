"""The section on deployments: every strategy under each of them, where a spec has any."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.judging.incumbent import feasible
from reports.sections.section import Section
from reports.study.align import Aligned
from reports.study.finals import LEFT_OUT, best_first, summary
from reports.study.study import TABLE_REPETITIONS, Study
from reports.study.wording import best_label
from reports.tables.numbers import NONE, bracket, regret_words, value_words
from reports.tables.report_table import BEST, ReportTable

SPLIT = "validation"
_CENTRE = {"median": "median", "iqm": "IQM"}


def section(study: Study) -> Section | None:
    """Show what the deployments of a spec come to; None where it has none."""
    if not study.spec.deployments:
        return None
    data = frame(study)
    return Section(
        title="Deployments",
        sentences=tuple(sentences(study, data)),
        tables=(table(study, data),),
        methods=(method(study),),
    )


def frame(study: Study) -> pd.DataFrame:
    """Return one row for each benchmark, deployment and strategy.

    ``benchmark`` and ``task`` (as pages call them), ``deployment``, ``bounds``, ``label``; ``value`` (centre over runs
    of the final incumbent's mean, published unit), ``regret``, ``regret_low``, ``regret_high`` (to the best of the
    table that keeps the bounds); ``feasible`` (part of the evaluations that kept them, mean over runs); ``optimum`` and
    ``feasible_rows`` (of the table, and the part of its rows that keep the bounds).
    """
    finals = summary(study, SPLIT)
    rows = []
    for item in study.aligned:
        known = finals[(finals["benchmark"] == item.name) & (finals["missing"] == LEFT_OUT)] if len(finals) else finals
        by_label: dict[str, Any] = {str(row["label"]): row for row in known.to_dict("records")}
        for label in item.steps:
            end = by_label.get(label, {})
            sign = 1.0 if item.truth.column(SPLIT).direction == "maximise" else -1.0
            regret = float(end.get("regret", np.nan))
            rows.append(
                {
                    "benchmark": _table_of(item),
                    "task": item.name,
                    "deployment": item.truth.facts.deployment,
                    "bounds": " and ".join(map(str, item.truth.constraints)),
                    "label": label,
                    "value": item.truth.best(SPLIT) - sign * regret,
                    **{key: float(end.get(key, np.nan)) for key in ("regret", "regret_low", "regret_high")},
                    "regret_mean": float(end.get("regret_mean", np.nan)),
                    "feasible": _share(item, label),
                    "optimum": item.truth.best(SPLIT),
                    "feasible_rows": float(item.truth.feasible.mean()),
                }
            )
    return pd.DataFrame(rows)


def _table_of(item: Aligned) -> str:
    """Return what pages call a benchmark, without the deployment."""
    return item.name.removesuffix(f" ({item.truth.facts.deployment})")


def _share(item: Aligned, label: str) -> float:
    """Return the part of a strategy's evaluations that kept all bounds, mean over runs; NaN without any."""
    parts = [float(feasible(steps.run.trace).mean()) for steps in item.steps[label] if len(steps.run.trace)]
    return float(np.mean(parts)) if parts else np.nan


def table(study: Study, data: pd.DataFrame) -> ReportTable:
    """Return strategies under each deployment: the best feasible value, its regret, and how much was feasible.

    One deployment stands under the other: side by side they would be as wide as they are many, and empty wherever a
    benchmark is not for a device.
    """
    name = _CENTRE[study.centre]
    headers = ("Deployment", "Strategy", f"Value, {name}", f"Regret, {name} [95 % CI]", "Feasible")
    cells, marks = list[tuple[str, ...]](), dict[tuple[int, int], str]()
    for item in study.aligned:
        scale, rows = item.truth.scales[SPLIT], data[data["task"] == item.name]
        for row in rows.to_dict("records"):
            if row["regret"] == rows["regret"].min():
                marks[len(cells), 3] = BEST
            cells.append((item.name, str(row["label"]), *_cells(row, scale)))
        first = rows.iloc[0]
        optimum = (value_words(first["optimum"], scale), "0", _percent(first["feasible_rows"]))
        cells.append((item.name, best_label(item.truth), *optimum))
    bounds = "; ".join(
        f"{item.name}: {' and '.join(map(str, item.constraints)) or 'no bound'}" for item in study.spec.deployments
    )
    common = f" All keep {' and '.join(map(str, study.spec.constraints))}." if study.spec.constraints else ""
    caption = (
        f"The same strategies under each deployment ({bounds}).{common} Value: {name} over runs of the final incumbent,"
        " the mean over all training runs of the table. Regret: distance to the best of the table that keeps the same"
        f" bounds; brackets: 95 % percentile bootstrap interval, {TABLE_REPETITIONS:,} resamples. Feasible: part of the"
        " evaluations that kept the bounds, and in the last row of a deployment the part of the table that does. Bold:"
        " lowest regret of a deployment."
    )
    return ReportTable("deployments", "Strategies under each deployment", caption, data, headers, tuple(cells), marks)


def _cells(row: Any, scale: Any) -> list[str]:
    if np.isnan(row["regret"]):
        return [NONE, NONE, _percent(row["feasible"])]
    regret = bracket(*[regret_words(row[key], scale) for key in ("regret", "regret_low", "regret_high")])
    return [value_words(row["value"], scale), regret, _percent(row["feasible"])]


def _percent(share: float) -> str:
    if np.isnan(share):
        return NONE
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.01 else f"{100 * share:.2g} %"


def sentences(study: Study, data: pd.DataFrame) -> list[str]:
    """Say for each benchmark what the best strategy of each deployment finds, of what can be found."""
    said = []
    scales = {item.name: item.truth.scales[SPLIT] for item in study.aligned}
    for benchmark, rows in data.groupby("benchmark", sort=False):
        parts = []
        for name, group in rows.groupby("deployment", sort=False):
            found = group.dropna(subset=["regret"])
            if not len(found):
                parts.append(f"{name}: nothing feasible was found")
                continue
            first = best_first(found).iloc[0]
            scale = scales[first["task"]]
            parts.append(
                f"{name}: {first['label']} finds {value_words(first['value'], scale)} of"
                f" {value_words(first['optimum'], scale)}"
            )
        said.append(f"{benchmark}, by deployment: {'; '.join(parts)}.")
    return said


def method(study: Study) -> str:
    """Say what a deployment is, and what is free to know."""
    known = sorted({name for item in study.aligned for name in item.truth.facts.known})
    free = (
        f" Bounds on {' and '.join(known)} are known before training: nothing that breaks them was trained."
        if known
        else ""
    )
    return (
        "Deployments. Each is a task of its own, with its own optimum; strategies are told what a device measures with"
        f" the result of each training.{free} Measured columns scatter: whether a network whose value lies"
        " within that scatter of a bound keeps it is chance."
    )
