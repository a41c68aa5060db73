"""What each table of a report says; final values stand in `reports.tables.final`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from reports.study.comparisons import LEFT_OUT, TEST_WORDS, scores
from reports.study.study import TABLE_REPETITIONS, Study
from reports.study.truth import PROTOCOL, SURROGATE, TABLE
from reports.study.wording import by_kind, judged_by, noted, split_words
from reports.tables.final import final_table
from reports.tables.table import BEST, MINUS, NONE, Table, accuracy, bracket, p_value, three_digits

_SECONDS = {"h": 3600.0, "min": 60.0, "s": 1.0}
_SCALE = {
    TABLE: "0 is a uniform draw from the table, 1 its best",
    PROTOCOL: "0 is a uniform draw from the table, 1 its best",
    SURROGATE: "0 is the mean of the reference architectures, 1 the best of them",
}
_TIMES = {TABLE: "from the table", PROTOCOL: "from the table", SURROGATE: "as the surrogate predicts it"}
_OPTIMUM = {
    TABLE: "the table's best by mean validation",
    PROTOCOL: "the table's best by the signal",
    SURROGATE: "at least as good as the best known reference",
}


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
    data, words = scores(study, split), split_words(study, split)
    scale = by_kind(study, _SCALE, split)
    scale = scale.replace("draw from", "draw from what is feasible of") if study.spec.constraints else scale
    rows = [
        (
            row["label"],
            bracket(*[f"{value:.2f}" for value in (row["rank"], row["rank_low"], row["rank_high"])]),
            bracket(*[f"{value:.3f}" for value in (row["iqm"], row["iqm_low"], row["iqm_high"])]),
            f"{row['gap']:.3f}",
        )
        for row in data.to_dict("records")
    ]
    marks: dict[tuple[int, int], str] = {}
    if len(data):
        for column, best in ((1, data["rank"] == data["rank"].min()), (2, data["iqm"] == data["iqm"].max())):
            marks |= {(int(row), column): BEST for row in np.flatnonzero(best)}
    caption = (
        f"Over {_shared(study, split)} benchmarks, by {words} regret at the end of the budget. Rank: 1 is best, ranked"
        f" within replicates, ties averaged. Score: {scale}; IQM pools benchmarks"
        f" and runs. Gap: mean distance from 1. Brackets: 95 % stratified bootstrap intervals, {TABLE_REPETITIONS:,}"
        " resamples of replicates within benchmarks; benchmarks are not resampled."
        f"{noted(study)}"
    )
    headers = ("Strategy", "Mean rank [95 % CI]", "Score, IQM [95 % CI]", "Optimality gap")
    title = f"Ranks and scores over benchmarks ({words})"
    return Table(f"ranks-{split}", title, caption, data, headers, tuple(rows), marks, text_columns=1, grouped=False)


def pair_table(study: Study, split: str, comparisons: pd.DataFrame) -> Table:
    """Return all pairwise comparisons (T4)."""
    words = split_words(study, split)
    data = comparisons[comparisons["split"] == split].reset_index(drop=True)
    several, missing = data["budget"].nunique() > 1, data["missing"].nunique() > 1
    cells = tuple(_pair_cells(row, several=several, missing=missing) for row in data.to_dict("records"))
    headers = (
        "Benchmark", "Pair A vs. B", "Verdict", "n", "Won/tied/lost", "P(A beats B)", "Effect",
        "Regret of B \N{MINUS SIGN} A [95 % CI]", "p", "p (Holm)",
    )  # fmt: skip
    caption = (
        f"Pairs of strategies by {words} regret of the incumbent, replicate by replicate ({TEST_WORDS}; one family of"
        f" {len(data[data['missing'] == LEFT_OUT])} comparisons). Won/tied/lost: by A. P(A beats B): probability of"
        " improvement over all"
        " pairs of runs, ties half. Effect: matched-pairs rank-biserial correlation, positive where A is better."
        f" Regret of B {MINUS} A: median over pairs, above zero where A is better, with its bootstrap interval. That no"
        f" difference is shown does not say that there is none.{noted(study)}"
    )
    return Table(f"pairwise-{split}", f"Pairwise comparisons ({words})", caption, data, headers, cells, text_columns=3)


def _pair_cells(row: Mapping[Hashable, Any], *, several: bool, missing: bool) -> tuple[str, ...]:
    notes = ([f"at {row['budget']:g}"] if several else []) + ([f"missing: {row['missing']}"] if missing else [])
    known = row["n"] > 0
    return (
        f"{row['benchmark']} ({', '.join(notes)})" if notes else str(row["benchmark"]),
        f"{row['a']} vs. {row['b']}",
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
    units = {item.name: _unit([row["clock_seconds"] for row in rows if row["benchmark"] == item.name])
             for item in study.aligned}  # fmt: skip
    cells = tuple(
        (
            row["benchmark"], row["label"], str(row["n"]), f"{row['evaluations']:.4g}",
            _duration(row["training_seconds"], units[row["benchmark"]]),
            _duration(row["clock_seconds"], units[row["benchmark"]]), three_digits(row["overhead_seconds"]),
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
    return Table("costs", "Costs", caption, pd.DataFrame(rows), headers, cells)


def _unit(seconds: list[float]) -> str:
    """Return the largest unit in which no time of a benchmark is below one."""
    least = min((value for value in seconds if value > 0), default=0.0)
    return next((unit for unit in ("h", "min") if least >= _SECONDS[unit]), "s")


def _duration(seconds: float, unit: str) -> str:
    return NONE if np.isnan(seconds) else f"{seconds / _SECONDS[unit]:,.2f} {unit}"


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
            beyond = item.truth.kind == SURROGATE  # a reference can be passed, the optimum of a table cannot
            hits = sum(r == 0 or (beyond and r < 0) for r in (s.regrets["validation"][-1] for s in ended))
            row: dict[str, object] = {"benchmark": item.name, "label": label, "architecture": text, "told": told}
            row |= {"validation": values["validation"], "test": values.get("test", np.nan)}
            row |= {"replicate": best.run.replicate, "optimum": optimum, "reached_optimum": hits, "n": len(steps)}
            rows.append(row)
            unit = item.truth.column("validation").unit
            numbers = [accuracy(value, unit) for value in (told, values["validation"], values.get("test", np.nan))]
            cells.append((item.name, label, text, *numbers, f"{hits}/{len(steps)}"))
    word = split_words(study, "validation")
    kinds = {item.truth.kind for item in study.aligned}
    optimum_words = "optimum" if SURROGATE not in kinds else ("best known" if kinds == {SURROGATE} else "best")
    headers = ("Benchmark", "Strategy", "Architecture", "Told", word.capitalize(), "Test",
               f"Runs at the {optimum_words}")  # fmt: skip
    tested = f" Test: {judged_by(study, 'test')}." if "test" in study.splits else ""
    caption = (
        "The final incumbent with the best value told to the strategy in any run, chosen by that value alone."
        f" Told: the value shown. {word.capitalize()}: {judged_by(study, 'validation')}.{tested} Last column: runs"
        f" whose final incumbent is {by_kind(study, _OPTIMUM)}.{noted(study)}"
    )
    return Table(
        "best-architectures", "Best architectures found", caption, pd.DataFrame(rows), headers, tuple(cells),
        text_columns=3,
    )  # fmt: skip
