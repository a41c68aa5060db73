"""The section of architectures that were found on one benchmark and are judged by others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from reports.sections.section import Section
from reports.study.align import Aligned, Steps
from reports.study.curves import centre_and_band
from reports.study.study import TABLE_REPETITIONS, Study
from reports.study.truth import Truth
from reports.study.truths import truths
from reports.tables.numbers import NONE, bracket, regret_words
from reports.tables.report_table import BEST, ReportTable

_TITLE = "Found on one benchmark, judged by others"
_ARROW = "\N{RIGHTWARDS ARROW}"


def section(study: Study) -> Section | None:
    """Judge final incumbents by the tables that a spec reports on; None where it names none."""
    if not study.spec.report_on:
        return None
    opened = truths(study.results)
    others = [opened[name] for name in study.spec.report_on]
    rows = [
        row
        for item in study.aligned
        for other in others
        for label in study.labels
        if (row := _row(study, item, other, label)) is not None
    ]
    if not rows:
        return None
    return Section(
        title=_TITLE,
        tables=(_table(study, rows, {truth.name: truth for truth in others}),),
        methods=(
            "Judged by others. The architecture that a run would hand over at the end of its budget is looked up in"
            " the tables of other benchmarks of the same space, where nothing was searched: its regret there is the"
            " distance to the best of that table, by the same column and mean over all trainings.",
        ),
    )


def _row(study: Study, item: Aligned, other: Truth, label: str) -> dict[str, Any] | None:
    """Return the regrets of one strategy's final incumbents by another table."""
    found = [steps for steps in item.steps.get(label, ()) if len(steps.rows)]
    known = [steps for steps in found if bool(other.oracle.space.is_valid(steps.archs[-1:])[0])]
    if not known:
        return None
    regrets = {split: _regrets(other, split, known) for split in other.splits}
    judged = "test" if "test" in regrets else "validation"
    counts = study.resampler.counts(item.name, len(known), TABLE_REPETITIONS)
    middle, low, high = centre_and_band(regrets[judged][:, None], study.centre, counts)
    return {
        "searched": item.name,
        "judged": other.name,
        "label": label,
        "n": len(known),
        "lacking": len(item.steps[label]) - len(known),
        "split": judged,
        "regret": float(middle[0]),
        "regret_low": float(low[0]),
        "regret_high": float(high[0]),
        "regret_mean": float(regrets[judged].mean()),
        "validation_mean": float(regrets["validation"].mean()),
        "random_mean": other.random(judged),
    }


def _regrets(other: Truth, split: str, found: list[Steps]) -> FloatArray:
    return other.regrets_of(split, other.mean(np.concatenate([steps.archs[-1:] for steps in found]), split))


def _table(study: Study, rows: list[dict[str, Any]], others: dict[str, Truth]) -> ReportTable:
    cells, marks = [], {}
    some_lack = any(row["lacking"] for row in rows)
    for place, row in enumerate(rows):
        scale = others[row["judged"]].scales[row["split"]]
        group = [one["regret"] for one in rows if (one["searched"], one["judged"]) == (row["searched"], row["judged"])]
        shown = [regret_words(row[key], scale) for key in ("regret", "regret_low", "regret_high")]
        lacking = (f"{row['lacking']}" if row["lacking"] else NONE,) if some_lack else ()
        cells.append(
            (
                f"{row['searched']} {_ARROW} {row['judged']}", row["label"], str(row["n"]), *lacking, row["split"],
                bracket(*shown), regret_words(row["regret_mean"], scale), regret_words(row["random_mean"], scale),
            )
        )  # fmt: skip
        if row["regret"] <= min(group):
            marks[place, 4 + len(lacking)] = BEST
    headers = (
        f"Searched {_ARROW} judged", "Strategy", "n", *(["Without"] if some_lack else []), "By",
        f"Regret, {study.centre} [95 % CI]", "Mean", "A random one",
    )  # fmt: skip
    without = " Without: runs that found nothing, or what the other table lacks."
    caption = (
        "Regret, by the table of another benchmark, of the architectures found on the first: test results where that"
        f" table has them, else validation.{without * some_lack} A random one: mean regret of the rows of the other"
        " table. Bold: the least of its group, without a test."
    )
    return ReportTable(
        "elsewhere",
        "Regret by the tables of others",
        caption,
        pd.DataFrame(rows),
        headers,
        tuple(cells),
        marks,
    )
