"""Tables of comparisons: ranks and scores over benchmarks (T3), and pairs of strategies (T4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.printable import counted
from reports.statistics.scale import Scale
from reports.study.comparisons import NOT_TESTED, OPEN, TEST_WORDS, scores
from reports.study.finals import LEFT_OUT
from reports.study.study import TABLE_REPETITIONS, Study
from reports.study.truth import LIVE, PROTOCOL, SURROGATE, TABLE
from reports.study.wording import by_kind, having, is_constrained, noted, split_words
from reports.tables.numbers import MINUS, NONE, bracket, p_value, regret_words, signed
from reports.tables.report_table import BEST, ReportTable

_SCALE = {
    TABLE: "0 is a uniform draw from the table, 1 its best",
    PROTOCOL: "0 is a uniform draw from the table, 1 its best",
    SURROGATE: "0 is the mean of the reference architectures, 1 the best of them",
    LIVE: "0 is the mean of what was trained, 1 the best of it",
}


_FRONT_SCALE = "0 is the front of one uniform draw from the table, 1 the table's own front"


def score_table(study: Study, split: str) -> ReportTable:
    """Return mean ranks and normalised scores over benchmarks."""
    data, words = scores(study, split), split_words(study, split)
    scale = _FRONT_SCALE if study.several else by_kind(study, _SCALE, split)
    scale = scale.replace("draw from", "draw from what is feasible of") if is_constrained(study) else scale
    rows = [
        (
            row["label"],
            bracket(*[f"{value:.2f}" for value in (row["rank"], row["rank_low"], row["rank_high"])]),
            bracket(*[_three_decimals(row[key]) for key in ("iqm", "iqm_low", "iqm_high")]),
            bracket(*[_three_decimals(row[key]) for key in ("gap", "gap_low", "gap_high")]),
        )
        for row in data.to_dict("records")
    ]
    marks: dict[tuple[int, int], str] = {}
    if len(data):
        for column, best in ((1, data["rank"] == data["rank"].min()), (2, data["iqm"] == data["iqm"].max())):
            marks |= {(int(row), column): BEST for row in np.flatnonzero(best)}
    shared = sum(split in item.truth.splits for item in study.aligned)
    caption = (
        f"Over {shared} benchmarks, by {words} {study.measure} at the end of the budget. Rank: 1 is best, ranked"
        f" within replicates, ties averaged. Score: {scale}; IQM pools benchmarks"
        f" and runs. Gap: mean distance from 1. Brackets: 95 % stratified bootstrap intervals, {TABLE_REPETITIONS:,}"
        " resamples of replicates within benchmarks; benchmarks are not resampled."
        f"{noted(study, having(study, split))}"
    )
    headers = ("Strategy", "Mean rank [95 % CI]", "Score, IQM [95 % CI]", "Optimality gap [95 % CI]")
    title = f"Ranks and scores over benchmarks ({words})"
    return ReportTable(
        f"ranks-{split}", title, caption, data, headers, tuple(rows), marks, text_columns=1, grouped=False
    )


def _three_decimals(value: float) -> str:
    return f"{value:z.3f}".replace("-", MINUS)


def pair_table(study: Study, split: str, comparisons: pd.DataFrame) -> ReportTable:
    """Return all pairwise comparisons."""
    words = split_words(study, split)
    data = comparisons[comparisons["split"] == split].reset_index(drop=True)
    shown = data[data["a"].isin(study.drawn) & data["b"].isin(study.drawn)]
    several, missing = data["budget"].nunique() > 1, data["missing"].nunique() > 1
    scales = {item.name: item.truth.scales[split] for item in study.aligned if split in item.truth.splits}
    cells = _folded(
        [
            _pair_cells(row, scales[str(row["benchmark"])], several=several, missing=missing)
            for row in shown.to_dict("records")
        ]
    )
    headers = (
        "Benchmark", "Pair A vs. B", "Verdict", "n", "Won/tied/lost", "P(A beats B)", "Effect",
        f"{study.short.capitalize()} of B \N{MINUS SIGN} A [95 % CI]", "p", "p (Holm)", "Equivalence",
    )  # fmt: skip
    few = f" Shown: pairs of the {len(study.drawn)} strategies that figures draw in colour; the CSV file has all."
    few = few if study.background else ""
    refused = [text.removeprefix(f"{NOT_TESTED}: ") for text in data["verdict"] if text.startswith(NOT_TESTED)]
    why = f" Not tested: {'for example ' * (len(set(refused)) > 1)}{refused[0]}." if refused else ""
    why += " Such pairs stand in one line, and each in the CSV file." if len(cells) < len(shown) else ""
    caption = (
        f"Pairs of strategies by {words} {study.measure} of the {study.holder}, replicate by replicate ({TEST_WORDS};"
        f" one family of {counted(len(data[data['missing'] == LEFT_OUT]), 'comparison')}). Won/tied/lost: by A."
        " P(A beats B): probability of improvement over all pairs of runs, ties half. Effect: matched-pairs"
        " rank-biserial correlation, positive where A is better."
        f" {study.short.capitalize()} of B {MINUS} A: median over pairs, above zero where A is better, with its"
        f" bootstrap interval. That no difference is shown does not say that there is none."
        f"{_margin_sentence(study, data, scales)}{why}{few}{noted(study, having(study, split))}"
    )
    return ReportTable(
        f"pairwise-{split}", f"Pairwise comparisons ({words})", caption, data, headers, cells, text_columns=3
    )


def _folded(cells: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return the rows of pairs, with those of a benchmark that are not tested in one, where they are several."""
    folded: dict[str, tuple[str, ...]] = {}
    untested = Counter(row[0] for row in cells if row[2] == NOT_TESTED)
    shown = list[tuple[str, ...]]()
    for row in cells:
        if row[2] != NOT_TESTED or untested[row[0]] < 2:
            shown.append(row)
        elif row[0] not in folded:
            folded[row[0]] = (row[0], f"{untested[row[0]]} pairs", NOT_TESTED, *[NONE] * (len(row) - 3))
            shown.append(folded[row[0]])
    return tuple(shown)


def _pair_cells(row: Mapping[Hashable, Any], scale: Scale, *, several: bool, missing: bool) -> tuple[str, ...]:
    notes = ([f"at {row['budget']:g}"] if several else []) + ([f"missing: {row['missing']}"] if missing else [])
    known = row["n"] > 0
    return (
        f"{row['benchmark']} ({', '.join(notes)})" if notes else str(row["benchmark"]),
        f"{row['a']} vs. {row['b']}",
        NOT_TESTED if str(row["verdict"]).startswith(NOT_TESTED) else str(row["verdict"]),
        str(row["n"]),
        f"{row['wins']}/{row['ties']}/{row['losses']}",
        format(row["poi"], ".2f") if known else NONE,
        signed(row["effect"]) if known else NONE,
        bracket(*[regret_words(row[key], scale) for key in ("difference", "low", "high")]),
        p_value(row["p"]),
        p_value(row["p_holm"]),
        f"{row['equivalence'] or NONE}{_power(row)}",
    )


def _power(row: Mapping[Hashable, Any]) -> str:
    """Say how many pairs would be needed where equivalence stays open."""
    needed = row["pairs_needed"]
    return f" ({needed:.0f} pairs)" if row["equivalence"] == OPEN and needed > row["n"] else ""


def _margin_sentence(study: Study, data: pd.DataFrame, scales: Mapping[str, Scale]) -> str:
    """Say what equivalence is tested against, and where it is not."""
    known = data.drop_duplicates("benchmark").set_index("benchmark")["margin"]
    tested = [f"{name} {regret_words(value, scales[str(name)])}" for name, value in known.dropna().items()]
    if not tested:
        return " Equivalence is not tested: no margin is declared and the noise of one training is not known."
    source = (
        "declared in the spec"
        if study.spec.report.margin is not None
        else "the standard deviation of one training among the best tenth of the table"
    )
    return (
        f" Equivalence: the 90 % interval of the difference lies within the margin, {source} ({', '.join(tested)}), or"
        " apart from it, each pair by itself, not adjusted; open where it does neither, with the number of pairs that"
        " would show equivalence with 80 % power if there is no difference."
    )
