"""The table of costs of runs, simulated and real (T11)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from reports.study.study import Study
from reports.study.truth import LIVE, PROTOCOL, SURROGATE, TABLE
from reports.study.wording import by_kind
from reports.tables.numbers import NONE, three_digits
from reports.tables.report_table import ReportTable

_SECONDS = {"h": 3600.0, "min": 60.0, "s": 1.0}
_TIMES = {
    TABLE: "from the table",
    PROTOCOL: "from the table",
    SURROGATE: "as the surrogate predicts it",
    LIVE: "as the benchmark counts it, whatever it really took",
}


def cost_table(study: Study) -> ReportTable:
    """Return what runs cost, simulated and real."""
    rows: list[dict[str, Any]] = []
    for item in study.aligned:
        for label, steps in item.steps.items():
            if not steps:
                continue
            traces = [s.run.trace for s in steps]
            rows.append(
                {
                    "benchmark": item.name,
                    "label": label,
                    "n": len(steps),
                    "evaluations": float(np.mean([t.evaluations[-1] if len(t) else 0 for t in traces])),
                    "training_seconds": float(np.mean([t.seconds[t.charged].sum() for t in traces])),
                    "clock_seconds": float(np.mean([t.finished_seconds[-1] if len(t) else 0.0 for t in traces])),
                    "overhead_seconds": float(np.mean([s.run.overhead_seconds for s in steps])),
                }
            )
    units = {item.name: unit_of([row["clock_seconds"] for row in rows if row["benchmark"] == item.name])
             for item in study.aligned}  # fmt: skip
    cells = tuple(
        (
            row["benchmark"], row["label"], str(row["n"]), f"{row['evaluations']:.4g}",
            duration(row["training_seconds"], units[row["benchmark"]]),
            duration(row["clock_seconds"], units[row["benchmark"]]), three_digits(row["overhead_seconds"]),
        )
        for row in rows
    )  # fmt: skip
    headers = (
        "Benchmark", "Strategy", "n", "Evaluations", "Simulated training", "Simulated clock",
        "Real overhead, s",
    )  # fmt: skip
    caption = (
        "What a run costs, means over runs. Simulated: training time " + by_kind(study, _TIMES) + " (a dash where there"
        " is none), no real time added. Overhead: real seconds spent by the strategy proposing and learning, in equal"
        " shares where replicates were served as one batch; it depends on the machine."
    )
    return ReportTable("costs", "Costs", caption, pd.DataFrame(rows), headers, cells)


def unit_of(seconds: list[float]) -> str:
    """Return the largest unit in which no time of a benchmark is below one."""
    least = min((value for value in seconds if value > 0), default=0.0)
    return next((unit for unit in ("h", "min") if least >= _SECONDS[unit]), "s")


def duration(seconds: float, unit: str) -> str:
    """Return seconds in a unit of `unit_of`, as tables show them."""
    return NONE if np.isnan(seconds) else f"{seconds / _SECONDS[unit]:,.2f} {unit}"
