"""The section of what searches spent beside trainings: finished trainings of other tables, and signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.experiments.spec import Spec, TransferSpec
from harness.printable import counted, printable
from harness.records import Run
from reports.sections.section import Section
from reports.study.align import Aligned
from reports.study.study import Study
from reports.tables.numbers import NONE, three_digits
from reports.tables.report_table import ReportTable

_CHARGED = {
    "free": "They cost nothing: they count as there before the search began",
    "amortised": "Their cost is shared equally by all benchmarks of the experiment",
    "charged": "Each search pays for all of them before its first evaluation",
}


def section(study: Study) -> Section | None:
    """Tell what was spent beside trainings; None where nothing was, and no other table was told."""
    spec = study.spec
    rows = [
        _row(item, label, [steps.run for steps in group])
        for item in study.aligned
        for label, group in item.steps.items()
        if group and "other_trainings" in group[0].run.beside
    ]
    if not rows and spec.transfer is None and not spec.free_signals:
        return None
    return Section(
        title="Transfer and signals",
        tables=(_table(rows),) if rows else (),
        methods=tuple(filter(None, [_transfer_words(spec.transfer), _signal_words(spec)])),
    )


def _row(item: Aligned, label: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Return means over runs; what a run without any row has spent is not in it."""
    first = [float(run.beside["other_trainings"][0]) if len(run.trace) else 0.0 for run in runs]
    looks, later = (np.array([_sum(run, name) for run in runs]) for name in ("looks", "later_looks"))
    seconds, seconds_later = (
        np.array([_sum(run, name) for run in runs]) for name in ("look_seconds", "later_look_seconds")
    )
    units = np.where(seconds_later > 0, seconds_later / item.truth.unit_seconds, 0.0)
    last = np.array([float(run.beside["other_trainings"].max(initial=0.0)) for run in runs]) + units
    return {
        "benchmark": item.name,
        "label": label,
        "n": len(runs),
        "looks": float(np.mean(looks + later)),
        "look_seconds": float(np.mean(seconds + seconds_later)),
        "ended_by_looking": int(np.count_nonzero(later)),
        "first_trainings": float(np.mean(first)),
        "trainings": float(np.mean(last)),
        "share": float(np.mean(last / np.maximum(units + [_spent(run) for run in runs], 1.0))),
    }


def _sum(run: Run, name: str) -> float:
    return float(run.beside[name].sum()) if name in run.beside else 0.0


def _spent(run: Run) -> float:
    return float(run.evaluations[-1]) if len(run.trace) else 0.0


def _table(rows: Sequence[dict[str, Any]]) -> ReportTable:
    cells = tuple(
        (
            row["benchmark"], row["label"], str(row["n"]),
            f"{row['looks']:,.0f}" if row["looks"] else NONE,
            three_digits(row["look_seconds"]) if row["looks"] else NONE,
            three_digits(row["first_trainings"]), three_digits(row["trainings"]), f"{100 * row['share']:.1f}",
        )
        for row in rows
    )  # fmt: skip
    headers = (
        "Benchmark", "Strategy", "n", "Architectures looked at", "Seconds of looking", "Trainings before the first row",
        "Trainings beside", "Share of all, %",
    )  # fmt: skip
    caption = (
        "What a run spent beside its own trainings, means over runs. Looked at: architectures of which a signal was"
        " read before training, an architecture that was read twice counts twice; seconds are simulated. Trainings:"
        " in units of one full training, the mean over random architectures of the table; before the first row: sources"
        " that are charged, and what was read by then; beside: all in all. A budget that counts evaluations or epochs"
        " is lowered by them, and the evaluations of curves have them in them."
    )
    ended = [
        f"{row['label']} on {row['benchmark']} {row['ended_by_looking']}" for row in rows if row["ended_by_looking"]
    ]
    if ended:
        caption += f" Runs whose last reading no training followed that ended within the budget: {', '.join(ended)}."
    return ReportTable("beside", "Spent beside trainings", caption, pd.DataFrame(rows), headers, cells)


def _transfer_words(transfer: TransferSpec | None) -> str:
    if transfer is None:
        return ""
    sources = ", ".join(map(printable, transfer.sources))
    rows = "all their trainings" if transfer.rows == "all" else f"{counted(int(transfer.rows), 'training')} of each"
    own = "; of these, each benchmark's own table is left out (leave one task out)" if transfer.leave_one_out else ""
    return (
        f"Transfer. Strategies that learn from other tables were told {rows}, at full fidelity, of {sources}{own}:"
        " validation results alone, under the seed policy of the budget, drawn anew for each replicate and alike for"
        f" all strategies. {_CHARGED[transfer.charge]}. Tables of the same images or of the same trainings are no"
        " independent sources."
    )


def _signal_words(spec: Spec) -> str:
    warmed = [
        f"{printable(item.label)} with the best {item.warm_up.keep} of {item.warm_up.pool:,} random architectures by"
        f" {printable(item.warm_up.signal)}{f', {item.warm_up.best} first' if item.warm_up.best else ''}"
        for item in spec.strategies
        if item.warm_up is not None
    ]
    free = "Signals of which nobody knows the cost were free (`free_signals`)." if spec.free_signals else ""
    begun = f"Begun not at random: {'; '.join(warmed)}." if warmed else ""
    return f"Signals. {' '.join(filter(None, [begun, free]))}" if begun or free else ""
