"""Tables of fronts: their measures besides the hypervolume (T9), and the members of the best (T14)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.judging.indicators import hypervolume
from reports.study.align import Aligned, Steps
from reports.study.curves import centre_and_band
from reports.study.front_measures import front_measures
from reports.study.front_truth import FrontTruth
from reports.study.study import TABLE_REPETITIONS, Study
from reports.study.wording import best_label, having, judged_by, noted, objectives_sentence, split_words
from reports.tables.numbers import NONE, bracket, three_digits, value_words
from reports.tables.report_table import BEST, DAGGER, ReportTable

_LEAST = {"igd_plus": True, "epsilon": True, "share": False}


def measure_table(study: Study, split: str) -> ReportTable:
    """Return size, share of the true front, IGD+ and epsilon of the final fronts of every strategy."""
    measured = front_measures(study)
    measured = measured[measured["split"] == split]
    rows, cells, marks = list[dict[str, Any]](), list[tuple[str, ...]](), dict[tuple[int, int], str]()
    for item in study.aligned:
        truth = item.truth
        if not isinstance(truth, FrontTruth) or split not in truth.splits or not item.has_incumbent:
            continue
        first = len(rows)
        for label, group in item.steps.items():
            if group:
                part = measured[(measured["benchmark"] == item.name) & (measured["label"] == label)]
                rows.append({"benchmark": item.name, "label": label} | _statistics(study, item, part))
                cells.append(_cells(study, rows[-1]))
        for column, name in enumerate(("share", "igd_plus", "epsilon"), start=4):
            values = [row[name] for row in rows[first:]]
            best = min(values) if _LEAST[name] else max(values)
            if any(value != best for value in values):
                start = len(cells) - len(values)
                marks |= {(start + place, column): BEST for place, value in enumerate(values) if value == best}
        cells.append((item.name, best_label(truth), "", str(len(truth.front[split])), "100 %", "0", "0"))
    name = {"median": "median", "iqm": "IQM"}[study.centre]
    word = split_words(study, split)
    headers = (
        "Benchmark", "Strategy", "n", f"Members, {name}", f"Of the true front, {name} [95 % CI]",
        f"IGD+, {name} [95 % CI]", f"Epsilon, {name} [95 % CI]",
    )  # fmt: skip
    members = " On test, members are those of the validation front that the others do not dominate there."
    caption = (
        f"Final fronts by {word} values ({judged_by(study, split)}).{members * (split == 'test')} Of the true"
        " front: part of its points that the front has. IGD+: mean distance by which it misses the points of the true"
        f" front. Epsilon: what must be subtracted to cover them all. {objectives_sentence(study)} Brackets: 95 %"
        f" percentile bootstrap interval, {TABLE_REPETITIONS:,} resamples of replicates. Bold: the best {name}; tests"
        f" are made on the hypervolume gap.{noted(study, having(study, split))}"
    )
    table = pd.DataFrame(rows)
    return ReportTable(f"fronts-{split}", f"Final fronts ({word})", caption, table, headers, tuple(cells), marks)


def _statistics(study: Study, item: Aligned, part: pd.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = {"n": len(part)}
    for name in ("size", "share", "igd_plus", "epsilon", "r2"):
        values = part[name].to_numpy(dtype=np.float64)
        counts = study.resampler.counts(item.name, len(values), TABLE_REPETITIONS)
        middle, low, high = centre_and_band(values[:, None], study.centre, counts)
        row |= {name: middle[0], f"{name}_low": low[0], f"{name}_high": high[0]}
    return row


def _cells(study: Study, row: dict[str, Any]) -> tuple[str, ...]:
    dagger = DAGGER if row["n"] < study.spec.replicates else ""
    ends = ("", "_low", "_high")
    share = bracket(*[f"{100 * row[f'share{end}']:.0f}" for end in ends])
    measures = [bracket(*[three_digits(row[name + end], 1e-6) for end in ends]) for name in ("igd_plus", "epsilon")]
    return (row["benchmark"], row["label"], f"{row['n']}{dagger}", f"{row['size']:.3g}", f"{share} %", *measures)


def member_table(study: Study) -> ReportTable:
    """Return the members of the best front of each benchmark; the frame has those of every strategy's best."""
    rows, cells = list[dict[str, Any]](), list[tuple[str, ...]]()
    for item in study.aligned:
        truth = item.truth
        if not isinstance(truth, FrontTruth):
            continue
        best: tuple[float, list[dict[str, Any]]] = (-np.inf, [])
        for label, group in item.steps.items():
            ended = [(_told(truth, steps), steps) for steps in group if len(steps.held)]
            if ended:
                volume, steps = max(ended, key=lambda pair: pair[0])
                members = _members(item, truth, label, steps)
                rows += members
                best = max(best, (volume, members), key=lambda pair: pair[0])
        cells += [_member_cells(truth, row) for row in best[1]]
    word = split_words(study, "validation")
    names = [objective.name for item in study.aligned[:1] for objective in item.truth.facts.objectives]
    main = study.aligned[0].truth.objective.name
    headers = ("Benchmark", "Strategy", "Architecture", *(f"Told: {name}" for name in names), word.capitalize(), "Test")
    tested = f" Test: {judged_by(study, 'test')}." if "test" in study.splits else ""
    caption = (
        "The final front with the largest hypervolume of told values in any run, on each benchmark; the CSV file has"
        f" that of every strategy. Told: the values shown. {word.capitalize()}: {main},"
        f" {judged_by(study, 'validation')}.{tested}{noted(study)}"
    )
    return ReportTable(
        "best-front", "Architectures of the best fronts", caption, pd.DataFrame(rows), headers, tuple(cells),
        text_columns=3,
    )  # fmt: skip


def _told(truth: FrontTruth, steps: Steps) -> float:
    """Return the hypervolume of what the members of a run's front were told to have."""
    return hypervolume(truth.normalisations["validation"].unit(steps.run.trace.objectives[steps.held]))


def _members(item: Aligned, truth: FrontTruth, label: str, steps: Steps) -> list[dict[str, Any]]:
    """Return the members of the final front of a run, by the objectives from the last to the first."""
    told, archs = steps.run.trace.objectives[steps.held], steps.run.trace.archs[steps.held]
    order = np.lexsort(told.T)
    texts = truth.oracle.space.format(archs)
    means = {split: truth.mean(archs, split) for split in truth.splits}
    return [
        {
            "benchmark": item.name,
            "label": label,
            "replicate": steps.run.replicate,
            "architecture": texts[row],
            **{
                f"told_{objective.name}": float(objective.to_published(told[row, place]))
                for place, objective in enumerate(truth.facts.objectives)
            },
            "validation": float(means["validation"][row]),
            "test": float(means["test"][row]) if "test" in means else np.nan,
        }
        for row in order
    ]


def _member_cells(truth: FrontTruth, row: dict[str, Any]) -> tuple[str, ...]:
    told = [
        value_words(row[f"told_{objective.name}"], truth.value_scale(objective.name))
        for objective in truth.facts.objectives
    ]
    scale = truth.value_scale(truth.objective.name)
    test = value_words(row["test"], truth.value_scale(str(truth.oracle.test))) if row["test"] == row["test"] else NONE
    return (row["benchmark"], row["label"], row["architecture"], *told, value_words(row["validation"], scale), test)
