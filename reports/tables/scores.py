"""The table of ranks and scores over benchmarks (T3)."""

from __future__ import annotations

import numpy as np

from reports.study.comparisons import scores
from reports.study.study import TABLE_REPETITIONS, Study
from reports.study.truth import PROTOCOL, SURROGATE, TABLE
from reports.study.wording import by_kind, noted, split_words
from reports.tables.numbers import bracket
from reports.tables.report_table import BEST, ReportTable

_SCALE = {
    TABLE: "0 is a uniform draw from the table, 1 its best",
    PROTOCOL: "0 is a uniform draw from the table, 1 its best",
    SURROGATE: "0 is the mean of the reference architectures, 1 the best of them",
}


def score_table(study: Study, split: str) -> ReportTable:
    """Return mean ranks and normalised scores over benchmarks."""
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
    shared = sum(split in item.truth.splits for item in study.aligned)
    caption = (
        f"Over {shared} benchmarks, by {words} regret at the end of the budget. Rank: 1 is best, ranked"
        f" within replicates, ties averaged. Score: {scale}; IQM pools benchmarks"
        f" and runs. Gap: mean distance from 1. Brackets: 95 % stratified bootstrap intervals, {TABLE_REPETITIONS:,}"
        " resamples of replicates within benchmarks; benchmarks are not resampled."
        f"{noted(study)}"
    )
    headers = ("Strategy", "Mean rank [95 % CI]", "Score, IQM [95 % CI]", "Optimality gap")
    title = f"Ranks and scores over benchmarks ({words})"
    return ReportTable(
        f"ranks-{split}", title, caption, data, headers, tuple(rows), marks, text_columns=1, grouped=False
    )
