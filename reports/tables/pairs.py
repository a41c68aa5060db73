"""The table of pairwise comparisons (T4)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from reports.study.comparisons import LEFT_OUT, TEST_WORDS
from reports.study.study import Study
from reports.study.wording import noted, split_words
from reports.tables.numbers import MINUS, NONE, bracket, p_value, signed, three_digits
from reports.tables.report_table import ReportTable


def pair_table(study: Study, split: str, comparisons: pd.DataFrame) -> ReportTable:
    """Return all pairwise comparisons."""
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
    return ReportTable(
        f"pairwise-{split}", f"Pairwise comparisons ({words})", caption, data, headers, cells, text_columns=3
    )


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
        signed(row["effect"]) if known else NONE,
        bracket(*[three_digits(row[key]) for key in ("difference", "low", "high")]),
        p_value(row["p"]),
        p_value(row["p_holm"]),
    )
