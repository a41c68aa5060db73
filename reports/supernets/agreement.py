"""The table of how far inherited accuracies agree with those of trainings from scratch, on one sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports.statistics.agreement import kendall_interval
from reports.supernets.held import SPLIT, looked_up
from reports.supernets.results import Panel, Supernet, SupernetResults
from reports.tables.numbers import NONE, bracket, decimals, three_digits
from reports.tables.report_table import ReportTable

SHARES = {"all": 1.0, "best_half": 0.5, "best_tenth": 0.1}
"""Parts of the sample, the best by the table."""
_HEADERS = (
    "Benchmark", "Method", "n", "Sample", "Statistics", "Tau", "Tau, best half", "Tau, best tenth", "Ceiling",
    "Ceiling, best half", "Ceiling, best tenth", "Picked", "Least",
)  # fmt: skip
"""Of what is shown; the CSV has the names of the columns."""


def table(results: SupernetResults) -> ReportTable | None:
    """Return the agreement of each method whose supernets hold weights for the sample; None where none does."""
    rows = [
        _facts(panel, label, group)
        for panel in looked_up(results)
        for label, group in panel.supernets.items()
        if all(len(one.sample) and np.isfinite(one.inherited).all() for one in group)
    ]
    if not rows:
        return None
    caption = (
        "Kendall's tau-b of validation accuracies with inherited weights and the table's means, mean over n replicates,"
        " with its 95 % interval over resamples of the architectures: on a sample of so many, each of another"
        " functional class, and on its best half and tenth by the table. Statistics: batch normalisation by those of"
        " evaluation batches, or recalibrated on training items. Ceilings: tau of one training from scratch with the"
        " mean of the others, on all of the sample and on the same parts. Picked: the regret of the architecture of the"
        " sample whose inherited accuracy is the largest; least: that of its best by the table."
    )
    cells = tuple(tuple(_words(row)) for row in rows)
    return ReportTable("one-shot-agreement", "Inherited accuracies against the table", caption, pd.DataFrame(rows),
                       _HEADERS, cells)  # fmt: skip


def _facts(panel: Panel, label: str, group: Sequence[Supernet]) -> dict[str, Any]:
    first, truth = group[0], panel.truth
    values = truth.mean(first.sample, SPLIT)
    inherited = np.stack([one.inherited for one in group])
    row: dict[str, Any] = {
        "benchmark": truth.name,
        "method": label,
        "n": len(group),
        "sample": len(first.sample),
        "statistics": first.statistics,
    }
    ceilings = dict[str, float]()
    for name, share in SHARES.items():
        kept = panel.best(first, share)
        # a resample is of architectures: one stream, whatever stands beside it
        found = kendall_interval(inherited[:, kept], truth.sign(SPLIT) * values[kept], np.random.default_rng(0))
        row |= {f"tau_{name}": found.value, f"tau_{name}_low": found.low, f"tau_{name}_high": found.high}
        ceilings[f"ceiling_{name}"] = panel.ceiling(first, share)
    regrets = truth.regrets_of(SPLIT, values)
    return row | ceilings | {
        "regret_of_best": float(regrets[inherited.argmax(1)].mean()), "least_regret": float(regrets.min())
    }  # fmt: skip


def _words(row: dict[str, Any]) -> list[str]:
    taus = [bracket(*(decimals(row[f"tau_{name}{end}"]) for end in ("", "_low", "_high"))) for name in SHARES]
    ceilings = [decimals(row[f"ceiling_{name}"]) for name in SHARES]
    regrets = [three_digits(row[name]) for name in ("regret_of_best", "least_regret")]
    names = [row["benchmark"], row["method"], str(row["n"]), str(row["sample"]), row["statistics"] or NONE]
    return [*names, *taus, *ceilings, *regrets]
