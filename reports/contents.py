"""What each table of a report says; final values stand in `reports.final_tables`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from reports.comparisons import LEFT_OUT, TEST_WORDS, scores
from reports.final_tables import final_table
from reports.study import TABLE_REPETITIONS, Study
from reports.tables import BEST, DASH, MINUS, NONE, Table, accuracy, bracket, p_value, three_digits


def tables(study: Study, comparisons: pd.DataFrame) -> list[Table]:
    """Return every table of the report, in the order of the page."""
    made = [final_table(study, split, comparisons) for split in study.splits]
    if len(study.aligned) > 1 and len(study.labels) > 1:
        made += [score_table(study, split) for split in study.splits if _shared(study, split) > 1]
    made += [pair_table(study, split, comparisons) for split in study.splits if len(study.labels) > 1]
    return [table for table in [*made, cost_table(study), architecture_table(study)] if len(table.cells)]


def _shared(study: Study, split: str) -> int:
    return sum(split in item.truth.splits for item in study.aligned)


def score_table(study: Study, split: str) -> Table:
    """Return mean ranks and normalised scores over benchmarks (T3)."""
    data = scores(study, split)
    rows = [
        (
            row["label"],
            bracket(*[f"{value:.2f}" for value in (row["rank"], row["rank_low"], row["rank_high"])]),
            bracket(*[f"{value:.3f}" for value in (row["iqm"], row["iqm_low"], row["iqm_high"])]),
            f"{row['gap']:.3f}",
        )
        for row in data.to_dict("records")
    ]
    marks = {}
    if len(data):
        marks = {(int(np.nanargmin(data["rank"])), 1): BEST, (int(np.nanargmax(data["iqm"])), 2): BEST}
    caption = (
        f"Over {_shared(study, split)} benchmarks, by {split} regret at the end of the budget. Rank: 1 is best, ranked"
        " within replicates, ties averaged. Score: 0 is a uniform draw from the table, 1 its best; IQM pools benchmarks"
        f" and runs. Gap: mean distance from 1. Brackets: 95 % stratified bootstrap intervals, {TABLE_REPETITIONS:,}"
        " resamples of replicates within benchmarks; benchmarks are not resampled."
    )
    headers = ("Strategy", "Mean rank [95 % CI]", "Score, IQM [95 % CI]", "Optimality gap")
    title = f"Ranks and scores over benchmarks ({split})"
    return Table(f"ranks-{split}", title, caption, data, headers, tuple(rows), marks, text_columns=1, grouped=False)


def pair_table(study: Study, split: str, comparisons: pd.DataFrame) -> Table:
    """Return all pairwise comparisons (T4)."""
    data = comparisons[comparisons["split"] == split].reset_index(drop=True)
    several, missing = data["budget"].nunique() > 1, data["missing"].nunique() > 1
    cells = tuple(_pair_cells(row, several=several, missing=missing) for row in data.to_dict("records"))
    headers = (
        "Benchmark", f"Pair A {DASH} B", "Verdict", "n", "Won/tied/lost", "P(A beats B)", "Effect",
        "Difference [95 % CI]", "p", "p (Holm)",
    )  # fmt: skip
    caption = (
        f"Pairs of strategies by {split} regret of the incumbent, replicate by replicate ({TEST_WORDS}; one family of"
        f" {len(data[data['missing'] == LEFT_OUT])} comparisons). Won/tied/lost: by A. P(A beats B): probability of"
        " improvement over all"
        " pairs of runs, ties half. Effect: matched-pairs rank-biserial correlation, positive where A is better."
        " Difference: median over pairs of the regret of B minus that of A, with its bootstrap interval. That no"
        " difference is shown does not say that there is none."
    )
    return Table(f"pairwise-{split}", f"Pairwise comparisons ({split})", caption, data, headers, cells, text_columns=3)


def _pair_cells(row: Mapping[Hashable, Any], *, several: bool, missing: bool) -> tuple[str, ...]:
    notes = ([f"at {row['budget']:g}"] if several else []) + ([f"missing: {row['missing']}"] if missing else [])
    known = row["n"] > 0
    return (
        f"{row['benchmark']} ({', '.join(notes)})" if notes else str(row["benchmark"]),
        f"{row['a']} {DASH} {row['b']}",
        str(row["verdict"]),
        str(row["n"]),
        f"{row['wins']}/{row['ties']}/{row['losses']}",
        format(row["poi"], ".2f") if known else NONE,
        format(row["effect"], "+z.2f").replace("-", MINUS) if known else NONE,
        bracket(*[three_digits(row[key]) for key in ("difference", "low", "high")]),
        p_value(row["p"]),
        p_value(row["p_holm"]),
    )


def cost_table(study: Study) -> Table:
    """Return what runs cost, simulated and real (T11)."""
    rows: list[dict[str, Any]] = []
    for item in study.aligned:
        for label, steps in item.steps.items():
            if not steps:
                continue
            traces = [s.run.trace for s in steps]
            clock = [float(t.finished_seconds[-1]) if len(t) else 0.0 for t in traces]
            rows.append(
                {
                    "benchmark": item.name,
                    "label": label,
                    "n": len(steps),
                    "evaluations": float(np.mean([t.evaluations[-1] if len(t) else 0 for t in traces])),
                    "training_seconds": float(np.mean([t.seconds[t.charged].sum() for t in traces])),
                    "clock_seconds": float(np.mean(clock)),
                    "overhead_seconds": float(np.mean([s.run.overhead_seconds for s in steps])),
                }
            )
    cells = tuple(
        (
            row["benchmark"], row["label"], str(row["n"]), f"{row['evaluations']:.4g}", _hours(row["training_seconds"]),
            _hours(row["clock_seconds"]), three_digits(row["overhead_seconds"]),
        )
        for row in rows
    )  # fmt: skip
    headers = (
        "Benchmark", "Strategy", "n", "Evaluations", "Simulated training, h", "Simulated clock, h",
        "Real overhead, s",
    )  # fmt: skip
    caption = (
        "What a run costs, means over runs. Simulated: training seconds from the table (a dash where it has none), no"
        " real time added. Overhead: real seconds spent by the strategy proposing and learning, in equal shares where"
        " replicates were served as one batch; it depends on the machine."
    )
    return Table("costs", "Costs", caption, pd.DataFrame(rows), headers, cells)


def _hours(seconds: float) -> str:
    return NONE if np.isnan(seconds) else f"{seconds / 3600:.2f}"


def architecture_table(study: Study) -> Table:
    """Return the architecture that each strategy valued most in any run (T14)."""
    rows, cells = [], []
    for item in study.aligned:
        optimum = item.truth.best("validation")
        for label, steps in item.steps.items():
            ended = [s for s in steps if len(s.rows)]
            if not ended:
                continue
            shown = [float(s.run.trace.objectives[s.rows[-1], 0]) for s in ended]
            best = ended[int(np.argmin(shown))]
            archs = best.archs[-1:]
            text = item.truth.oracle.space.format(archs)[0]
            told = float(item.truth.objective.to_published(min(shown)))
            values = {split: float(item.truth.mean(archs, split)[0]) for split in item.truth.splits}
            hits = sum(s.regrets["validation"][-1] == 0 for s in ended)
            row: dict[str, object] = {"benchmark": item.name, "label": label, "architecture": text, "told": told}
            row |= {"validation": values["validation"], "test": values.get("test", np.nan)}
            row |= {"replicate": best.run.replicate, "optimum": optimum, "reached_optimum": hits, "n": len(steps)}
            rows.append(row)
            unit = item.truth.column("validation").unit
            numbers = [accuracy(value, unit) for value in (told, values["validation"], values.get("test", np.nan))]
            cells.append((item.name, label, text, *numbers, f"{hits}/{len(steps)}"))
    headers = ("Benchmark", "Strategy", "Architecture", "Told", "Validation", "Test", "Runs at the optimum")
    caption = (
        "The final incumbent with the best value told to the strategy in any run, chosen without looking at test."
        " Told: the value shown; validation and test: means over all training runs of the table. Last column: runs"
        " whose final incumbent is the table's best by mean validation."
    )
    return Table(
        "best-architectures", "Best architectures found", caption, pd.DataFrame(rows), headers, tuple(cells),
        text_columns=3,
    )  # fmt: skip
