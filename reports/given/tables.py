"""The tables of final values from elsewhere: each strategy on each benchmark, all pairs, ranks over benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness.printable import counted
from harness.seeding import generator
from reports.given.read import Given, sample
from reports.statistics import pairs, significance
from reports.statistics.bootstrap import bootstrap_centres, interval, resample_counts
from reports.statistics.centres import centre_of
from reports.statistics.ranks import average_ranks, critical_difference, friedman, refusal
from reports.statistics.scale import Scale
from reports.statistics.significance import ALPHA, holm
from reports.tables.numbers import MINUS, NONE, bracket, p_value, regret_words, signed, value_words
from reports.tables.report_table import BEST, DAGGER, TIED, ReportTable

REPETITIONS = 10_000
UNPAIRED_REPETITIONS = 2_000
"""Of the interval of a shift between two independent samples: all differences are formed each time."""
PAIRED_TEST = "paired Wilcoxon signed-rank test over replicates (Pratt's zeros)"
UNPAIRED_TEST = "Mann-Whitney test of independent runs"


def scale_of(given: Given, benchmark: str) -> Scale:
    """Return the scale by which values of a benchmark are written."""
    groups = [group for (name, _), group in given.values.items() if name == benchmark]
    values = np.concatenate([sample(runs) for group in groups for runs in group.values()])
    return Scale.of(values, np.ones(len(values), dtype=bool), direction=given.direction)


def comparisons(given: Given) -> pd.DataFrame:
    """Compare all pairs of strategies on each benchmark at each budget; one Holm family.

    Returns
    -------
    pandas.DataFrame
        ``benchmark``, ``budget``, ``a``, ``b``, ``n_a``, ``n_b`` (pairs where they are paired), the statistics of
        `reports.statistics.pairs`, ``poi``, ``p_holm``, ``better``, ``verdict``.
    """
    rows = [
        row
        for key, group in given.values.items()
        for a, b in given.pairs
        if a in group and b in group
        for row in [_compare(given, key, a, b)]
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    if not rows:
        return table
    refusals = [
        significance.refusal(row["n_a"], len(rows))
        if given.paired
        else pairs.refusal(row["n_a"], row["n_b"], len(rows), ALPHA)
        for row in rows
    ]
    table.loc[[bool(why) for why in refusals], "p"] = np.nan
    table["p_holm"] = holm(table["p"].to_numpy(dtype=np.float64))
    table["better"] = [_better(row) for row in table.to_dict("records")]
    table["verdict"] = [
        why or (f"{better} better" if better else "no difference shown")
        for why, better in zip(refusals, table["better"], strict=True)
    ]
    return table


COLUMNS = [
    "benchmark", "budget", "a", "b", "n_a", "n_b", "wins", "ties", "losses", "poi", "effect", "difference", "low",
    "high", "p", "p_holm", "better", "verdict",
]  # fmt: skip


def _compare(given: Given, key: tuple[str, float], a: str, b: str) -> dict[str, Any]:
    first, second = given.minimised(key, a), given.minimised(key, b)
    row: dict[str, Any] = {"benchmark": key[0], "budget": key[1], "a": a, "b": b}
    row["poi"] = significance.probability_of_improvement(sample(first), sample(second))
    stream = (given.sha256, key[0], f"{key[1]:g}")
    if not given.paired:
        rng = generator(0, "given", *stream, a, b)
        found = pairs.unpaired(sample(first), sample(second), rng, UNPAIRED_REPETITIONS)
        return row | {"n_a": len(first), "n_b": len(second), **found}
    shared = sorted(first.keys() & second.keys())
    differences = np.array([second[one] - first[one] for one in shared])
    counts = resample_counts(len(shared), REPETITIONS, generator(0, "given", *stream, len(shared)))
    return row | {
        "n_a": len(shared),
        "n_b": len(shared),
        **pairs.paired(differences, bootstrap_centres(differences[:, None], counts, "median")[0]),
    }


def _better(row: Mapping[Any, Any]) -> str:
    if not row["p_holm"] < ALPHA or row["effect"] == 0:
        return ""
    return str(row["a"] if row["effect"] > 0 else row["b"])


def final_table(given: Given, found: pd.DataFrame) -> ReportTable:
    """Return what each strategy reached: bold the best mean, underlined what is not shown to be worse."""
    rows, cells, marks = list[dict[str, Any]](), list[tuple[str, ...]](), dict[tuple[int, int], str]()
    several = any(budget for _, budget in given.values)
    most = max(len(runs) for group in given.values.values() for runs in group.values())
    for (benchmark, budget), group in given.values.items():
        scale = scale_of(given, benchmark)
        means = {name: float(np.mean([*given.minimised((benchmark, budget), name).values()])) for name in group}
        best = min(means, key=lambda name: means[name])
        for name in sorted(group, key=lambda name: means[name]):
            values = sample(group[name])
            row = {"benchmark": benchmark, "budget": budget, "strategy": name, **_statistics(given, benchmark, values)}
            state = BEST if name == best else "" if _is_worse(found, benchmark, budget, best, name) else TIED
            if state:
                marks[len(rows), 2 + several] = state
            rows.append(row)
            dagger = DAGGER if len(values) < most else ""
            shown = {
                key: value_words(row[key], scale) for key in ("mean", "sd", "median", "iqm", "low", "high", "best")
            }
            cells.append(
                (
                    *((benchmark, f"{budget:g}") if several else (benchmark,)),
                    name,
                    f"{shown['mean']} ± {shown['sd']}",
                    f"{len(values)}{dagger}",
                    shown["median"],
                    bracket(shown["iqm"], shown["low"], shown["high"]),
                    shown["best"],
                )
            )
    caption = (
        f"Final values. Mean and standard deviation (n {MINUS} 1) over replicates, median, interquartile mean with its"
        f" 95 % bootstrap interval ({REPETITIONS:,} resamples), best. Bold: the best mean of a benchmark; underlined:"
        f" not shown to be worse than it ({PAIRED_TEST if given.paired else UNPAIRED_TEST}, Holm, 5 %)."
        f" {'Higher' if given.direction == 'maximise' else 'Lower'} is better."
        + (f" {DAGGER}: fewer runs than others." if any(DAGGER in cell for row in cells for cell in row) else "")
    )
    headers = (
        *(("Benchmark", "Budget") if several else ("Benchmark",)),
        *("Strategy", "Mean ± sd", "n", "Median", "IQM [95 % CI]", "Best"),
    )
    columns = 2 + several
    return ReportTable(
        "final", "Final values", caption, pd.DataFrame(rows), headers, tuple(cells), marks, text_columns=columns
    )


def _is_worse(found: pd.DataFrame, benchmark: str, budget: float, best: str, name: str) -> bool:
    rows = found[(found["benchmark"] == benchmark) & (found["budget"] == budget) & (found["better"] == best)]
    return bool(((rows["a"] == name) | (rows["b"] == name)).any())


def _statistics(given: Given, benchmark: str, values: Any) -> dict[str, Any]:
    rng = generator(0, "given", given.sha256, benchmark, "iqm", len(values))
    low = high = np.array([np.nan])
    if len(values) > 1:
        low, high = interval(bootstrap_centres(values[:, None], resample_counts(len(values), REPETITIONS, rng), "iqm"))
    return {
        "n": len(values),
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else np.nan,
        "median": float(np.median(values)),
        "iqm": float(centre_of(values, "iqm")),
        "low": float(low[0]),
        "high": float(high[0]),
        "best": float(values.max() if given.direction == "maximise" else values.min()),
    }


def pair_table(given: Given, found: pd.DataFrame) -> ReportTable:
    """Return all pairwise comparisons."""
    scales = {name: scale_of(given, name) for name in given.benchmarks}
    cells = tuple(_pair_cells(row, scales[str(row["benchmark"])]) for row in found.to_dict("records"))
    refused = [text for text in found["verdict"] if text.startswith("not tested")]
    what = "replicate by replicate" if given.paired else "of independent runs"
    centre = "median over pairs" if given.paired else "Hodges-Lehmann shift"
    effect = "matched-pairs rank-biserial correlation" if given.paired else "Cliff's delta"
    caption = (
        f"Pairs of strategies by final value, {what} ({PAIRED_TEST if given.paired else UNPAIRED_TEST}, Holm-adjusted"
        f" over {counted(len(found), 'comparison')}, at 5 %). P(A beats B): over all pairs of runs, ties half. Effect:"
        f" {effect}, positive where A is better. Advantage of A: {centre}, above zero where A is better, with its 95 %"
        " bootstrap interval. That no difference is shown does not say that there is none."
        + (f" {refused[0][0].upper()}{refused[0][1:]}." if refused else "")
    )
    headers = (
        *("Benchmark", "Pair A vs. B", "Verdict", "n", "Won/tied/lost", "P(A beats B)", "Effect"),
        *("Advantage of A [95 % CI]", "p", "p (Holm)"),
    )
    return ReportTable("pairwise", "Pairwise comparisons", caption, found, headers, cells, text_columns=3)


def _pair_cells(row: Mapping[Any, Any], scale: Scale) -> tuple[str, ...]:
    at = f" (at {row['budget']:g})" if row["budget"] else ""
    return (
        f"{row['benchmark']}{at}",
        f"{row['a']} vs. {row['b']}",
        "not tested" if str(row["verdict"]).startswith("not tested") else str(row["verdict"]),
        str(row["n_a"]) if row["n_a"] == row["n_b"] else f"{row['n_a']}, {row['n_b']}",
        f"{row['wins']}/{row['ties']}/{row['losses']}",
        f"{row['poi']:.2f}",
        signed(row["effect"]),
        bracket(*[regret_words(row[key], scale) for key in ("difference", "low", "high")]),
        p_value(row["p"]),
        p_value(row["p_holm"]),
    )


def mean_ranks(given: Given) -> pd.DataFrame:
    """Return the mean rank of each strategy over the benchmarks that have all, by mean value at the last budget."""
    whole = [key for key in given.ends if set(given.values[key]) == set(given.strategies)]
    blocks = [[float(np.mean([*given.minimised(key, name).values()])) for name in given.strategies] for key in whole]
    ranks = average_ranks(np.array(blocks)).mean(axis=0) if blocks else np.full(len(given.strategies), np.nan)
    frame = pd.DataFrame({"strategy": given.strategies, "rank": ranks, "benchmarks": len(whole)})
    return frame.sort_values("rank", kind="stable", ignore_index=True)


def rank_table(given: Given) -> ReportTable:
    """Return mean ranks over benchmarks, with Friedman's test or its refusal."""
    data = mean_ranks(given)
    count = int(data["benchmarks"].iloc[0])
    cells = tuple((row["strategy"], f"{row['rank']:.2f}" if count else NONE) for row in data.to_dict("records"))
    caption = (
        f"Mean rank over {counted(count, 'benchmark')} that all strategies were run on, by mean final value; 1 is best."
        f" {omnibus(data)}"
    )
    return ReportTable(
        "ranks",
        "Ranks over benchmarks",
        caption,
        data,
        ("Strategy", "Mean rank"),
        cells,
        {},
        text_columns=1,
        grouped=False,
    )


def omnibus(data: pd.DataFrame) -> str:
    """Say what Friedman's test finds, or why it is not made."""
    count = int(data["benchmarks"].iloc[0])
    if why := refusal(count):
        return f"{why[0].upper()}{why[1:]}."
    chi2, f, p = friedman(data["rank"].to_numpy(dtype=np.float64), count)
    difference = critical_difference(len(data), count)
    finding = "finds differences" if p < ALPHA else "finds no difference, so no ranks are called different"
    return (
        f"Friedman's test {finding} (chi-squared {chi2:.2f}, Iman-Davenport F {f:.2f}, p = {p:.2g}; Nemenyi critical"
        f" difference {difference:.2f} ranks)."
    ).replace("-0", f"{MINUS}0")
