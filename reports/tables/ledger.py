"""The cost ledger of runs: everything spent, in units of one full training of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.judging.ledger import Ledger, ledger
from reports.study.align import Aligned, Steps
from reports.study.study import Study
from reports.tables.costs import duration, unit_of
from reports.tables.numbers import NONE, three_digits
from reports.tables.report_table import ReportTable

_PARTS = ("full", "low", "failed", "idle", "signals", "others", "final", "total", "chosen")
_HEADERS = {
    "full": "Full trainings", "low": "Lower fidelities", "failed": "Failed", "idle": "Idle or cut off",
    "signals": "Signals", "others": "Other tables", "final": "Training of the answer", "total": "In all",
    "chosen": "The same, as recorded",
}  # fmt: skip


_WHERE_ANY = ("low", "failed", "signals", "others", "idle")
"""Parts that are shown where there is any of them."""


def ledger_table(study: Study) -> ReportTable:
    """Return what runs spent in units of one full training, means over runs; empty without training seconds."""
    rows: list[dict[str, Any]] = []
    for item in study.aligned:
        if not item.truth.unit_seconds > 0:
            continue
        for label, steps in item.steps.items():
            spent = [of_run(item, one, study.spec.n_workers) for one in steps if len(one.run.trace)]
            if spent:
                means = {part: _mean([getattr(one, part) for one in spent]) for part in _PARTS}
                unit = {"unit_seconds": item.truth.unit_seconds}
                rows.append({"benchmark": item.name, "label": label, "n": len(spent), **unit, **means})
    shown = [part for part in _PARTS if part not in _WHERE_ANY or any(row[part] for row in rows)]
    cells = tuple(
        (
            row["benchmark"],
            row["label"],
            duration(row["unit_seconds"], unit_of([row["unit_seconds"]])),
            *(_words(row[part]) for part in shown),
        )
        for row in rows
    )
    names = _HEADERS | ({"final": "Training of a member"} if study.several else {})
    headers = ("Benchmark", "Strategy", "T1", *(names[part] for part in shown))
    return ReportTable(
        "ledger", "Cost ledger, in full trainings", _caption(study, shown), pd.DataFrame(rows), headers, cells
    )


def of_run(item: Aligned, steps: Steps, n_workers: int) -> Ledger:
    """Return what one run spent; item must have training seconds.

    What the answer takes is, of a front, the mean over its members.
    """
    answer = steps.archs[-1:] if steps.fronts is None else steps.run.trace.archs[steps.held]
    chosen = _mean(item.truth.seconds_of(answer).tolist()) if len(answer) else np.nan
    ends = item.budget.seconds if steps.run.stopped == "budget" and item.budget.evaluations is None else None
    fidelity = len(item.truth.facts.fidelities) - 1
    beside = steps.run.beside
    looked, later = (
        float(beside[name].sum()) if name in beside else 0.0 for name in ("look_seconds", "later_look_seconds")
    )
    paid = float(beside["other_trainings"].max(initial=0.0)) if "other_trainings" in beside else 0.0
    return ledger(
        steps.run.trace,
        fidelity,
        item.truth.unit_seconds,
        n_workers=n_workers,
        deadline=ends,
        signals_seconds=looked + later,
        others_seconds=max(0.0, paid * item.truth.unit_seconds - looked),
        chosen_seconds=chosen,
        slices=_slices(item) if item.budget.multi_fidelity == "resumable" else (),
    )


def _slices(item: Aligned) -> list[int]:
    """Return the fidelities that the full one continues."""
    known = item.truth.facts.fidelities
    found, before = [], known[-1].continues
    while before is not None:
        found.append(before)
        before = known[before].continues
    return found


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else np.nan


def _words(value: float) -> str:
    return NONE if np.isnan(value) else three_digits(value)


def _caption(study: Study, shown: list[str]) -> str:
    parts = [
        "Everything spent, in units of one full training, means over runs. T1: the mean full training of the table over"
        " architectures drawn uniformly from the space."
    ]
    for item in study.aligned:
        if item.truth.repeats and item.truth.unit_seconds > 0:
            runs = len(item.truth.facts.fidelities)
            parts.append(f"A full training of {item.name} is all its {runs} training runs, of different seeds.")
    if "low" in shown:
        parts.append("Full trainings: with the slices of which they are the continuation; lower fidelities: the rest.")
    if "idle" in shown:
        parts.append(
            "Idle or cut off: time of workers without a training that was told, idle, waiting, or still running when"
            " the budget ended."
        )
    if study.several:
        parts.append(
            "Training of a member: one full training of a member of the front, which every search needs once more; each"
            " other member that is wanted costs as much again, and is not in the sum. In all: the sum of what stands"
            " before it. As recorded: what the networks of the final front really take, mean over its members."
        )
    else:
        parts.append(
            "Training of the answer: one full training, which every search needs once more. In all: the sum of what"
            " stands before it. As recorded: what the training of the network chosen really takes."
        )
    return " ".join(parts)
