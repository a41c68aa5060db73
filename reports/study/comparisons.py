"""Pairwise comparisons on every benchmark, and scores across benchmarks, with the refusals that keep them honest."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from reports.statistics import ranks, significance
from reports.statistics.bootstrap import interval, stratified_iqm
from reports.statistics.centres import centre_of
from reports.statistics.pairs import paired
from reports.statistics.ranks import average_ranks, critical_difference, friedman
from reports.statistics.scale import merged_sizes
from reports.statistics.significance import (
    ALPHA,
    holm,
    probability_of_improvement,
)
from reports.study.align import Aligned
from reports.study.curves import common_replicates
from reports.study.finals import LEFT_OUT, WORST, finals, regrets_of
from reports.study.study import TABLE_REPETITIONS, Study
from reports.study.wording import as_sentence

WORSE, OPEN, NOT_TESTED = "worse", "open", "not tested"
"""States of a strategy against the best one; verdicts of pairs that are not tested begin with the last."""
TEST_WORDS = (
    "paired Wilcoxon signed-rank test over replicates (Pratt's zeros), Holm-adjusted over benchmarks and pairs, at 5 %"
)


def pairwise(study: Study) -> pd.DataFrame:
    """Compare all pairs of strategies by the regret of the final incumbent, on each benchmark, replicate by replicate.

    One Holm family for each split: benchmarks x pairs x checkpoints.  Where runs are missing, everything is done twice:
    with incomplete pairs left out, and with each missing run given the worst value of the table.

    Returns
    -------
    pandas.DataFrame
        ``split``, ``missing``, ``budget``, ``benchmark``, ``a``, ``b``, ``n`` (pairs), ``wins``, ``ties``, ``losses``
        of a, ``poi`` (probability that a run of a beats one of b), ``effect`` (rank-biserial, positive where a is
        better), ``difference`` (median regret of b minus a over pairs) with ``low`` and ``high``, ``p``, ``p_holm``,
        ``verdict``.
    """
    at = {checkpoint: finals(study, checkpoint) for checkpoint in study.checkpoints}
    policies = (LEFT_OUT, WORST) if study.results.missing else (LEFT_OUT,)
    parts = []
    for split in study.splits:
        for policy in policies:
            rows = [
                _compare(study, item, split, checkpoint, a, b, _wide(study, values, item, split, policy))
                | {"missing": policy}
                for checkpoint, values in at.items()
                for item in study.aligned
                if split in item.truth.splits and item.has_incumbent
                for a, b in combinations(study.labels, 2)
            ]
            if rows:
                parts.append(_judged(pd.DataFrame(rows).assign(split=split)))
    return pd.concat(parts, ignore_index=True)[PAIR_COLUMNS] if parts else pd.DataFrame(columns=PAIR_COLUMNS)


PAIR_COLUMNS = [
    "split", "missing", "budget", "benchmark", "a", "b", "n", "wins", "ties", "losses", "poi", "effect", "difference",
    "low", "high", "p", "p_holm", "verdict",
]  # fmt: skip


def _wide(study: Study, values: pd.DataFrame, item: Aligned, split: str, policy: str) -> pd.DataFrame:
    """Return regrets with a row for each declared replicate and a column for each label; NaN where a run is missing."""
    picked = values[(values["benchmark"] == item.name) & (values["split"] == split)]
    table = picked.pivot_table(index="replicate", columns="label", values="regret")
    table = table.reindex(index=range(study.spec.replicates), columns=list(study.labels))
    return table.fillna(item.truth.worst(split)) if policy == WORST else table


def _compare(
    study: Study, item: Aligned, split: str, budget: float, a: str, b: str, regrets: pd.DataFrame
) -> dict[str, object]:
    pairs = regrets[[a, b]].dropna()
    row = {"budget": budget, "benchmark": item.name, "a": a, "b": b, "n": len(pairs), "wins": 0, "ties": 0, "losses": 0}
    row |= dict.fromkeys(("poi", "effect", "difference", "low", "high", "p"), np.nan)
    if len(pairs) == 0:
        return row
    # Differences of one size must be equal in rank, too.
    differences = merged_sizes((pairs[b] - pairs[a]).to_numpy(), item.truth.scales[split].resolution)
    counts = study.resampler.counts(item.name, len(pairs), TABLE_REPETITIONS)
    poi = probability_of_improvement(regrets[a].dropna().to_numpy(), regrets[b].dropna().to_numpy())
    return row | {"poi": poi, **paired(differences, counts)}


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    """Refuse tests that cannot reject, adjust the others together, and say what follows."""
    refusals = [significance.refusal(int(n), len(table)) for n in table["n"]]
    table.loc[[bool(refusal) for refusal in refusals], "p"] = np.nan
    table["p_holm"] = holm(table["p"].to_numpy(dtype=np.float64))
    rows = table.to_dict("records")
    table["verdict"] = [
        refusal or (f"{better} better" if (better := _better(row)) else "no difference shown")
        for refusal, row in zip(refusals, rows, strict=True)
    ]
    return table


def _better(row: Mapping[Hashable, Any]) -> str:
    """Return the label that a tested pair shows to be better, "" where it shows no difference."""
    if not row["p_holm"] < ALPHA or row["effect"] == 0:
        return ""
    return str(row["a"] if row["effect"] > 0 else row["b"])


def pairs_at(comparisons: pd.DataFrame, split: str, budget: float) -> pd.DataFrame:
    """Return the pairs of one split at one budget, missing runs left out, with what is shown of each.

    Parameters
    ----------
    comparisons : pandas.DataFrame
        Of `pairwise`.
    split : {"validation", "test"}
    budget : float
        One of the study's checkpoints.

    Returns
    -------
    pandas.DataFrame
        As `pairwise`, and ``better``: the label of the strategy that is better, "" where no difference is shown or
        nothing was tested.
    """
    rows = comparisons[
        (comparisons["split"] == split) & (comparisons["missing"] == LEFT_OUT) & (comparisons["budget"] == budget)
    ]
    return rows.assign(better=[_better(row) for row in rows.to_dict("records")])


@dataclass(frozen=True)
class Standing:
    """What is known of a strategy against the best one: `WORSE`, `OPEN` or `NOT_TESTED`, with the adjusted p."""

    state: str
    p_holm: float


def standings(comparisons: pd.DataFrame, benchmark: str, split: str, best: str, budget: float) -> dict[str, Standing]:
    """Return what is known of each other strategy against the best one on a benchmark, by label."""
    rows = pairs_at(comparisons, split, budget)
    rows = rows[(rows["benchmark"] == benchmark) & ((rows["a"] == best) | (rows["b"] == best))]
    known = {}
    for row in rows.to_dict("records"):
        state = NOT_TESTED if np.isnan(row["p"]) else (WORSE if row["better"] == best else OPEN)
        known[str(row["b"] if row["a"] == best else row["a"])] = Standing(state, float(row["p_holm"]))
    return known


def scores(study: Study, split: str = "validation") -> pd.DataFrame:
    """Aggregate over benchmarks: mean rank, IQM of normalised scores, optimality gap; 95 % stratified intervals.

    The normalised score is 0 for a uniform draw from the table and 1 for its best: regret is scaled by the mean regret
    of the table.  Runs are resampled within benchmarks; benchmarks are not.

    Returns
    -------
    pandas.DataFrame
        ``label``, ``rank``, ``rank_low``, ``rank_high``, ``iqm``, ``iqm_low``, ``iqm_high``, ``gap``, ``benchmarks``,
        ``runs``.
    """
    usable = [
        item for item in study.aligned if split in item.truth.splits and item.has_incumbent and all(item.steps.values())
    ]
    if not usable:
        return pd.DataFrame(columns=SCORE_COLUMNS)
    values = finals(study)
    mean, low, high = _final_ranks(study, usable, split, values)
    rows = []
    for index, label in enumerate(study.labels):
        strata = [_scaled(regrets_of(values, item, split, label), item.truth.random(split)) for item in usable]
        rng = study.resampler.generator("iqm", split, label)
        iqm_low, iqm_high = interval(stratified_iqm(strata, TABLE_REPETITIONS, rng))
        iqm = float(centre_of(np.concatenate(strata), "iqm"))
        gap = float(np.mean([np.maximum(0.0, 1.0 - stratum).mean() for stratum in strata]))
        runs = sum(len(stratum) for stratum in strata)
        place = (mean[index], low[index], high[index])
        rows.append((label, *place, iqm, float(iqm_low), float(iqm_high), gap, len(usable), runs))
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


SCORE_COLUMNS = [
    "label", "rank", "rank_low", "rank_high", "iqm", "iqm_low", "iqm_high", "gap", "benchmarks", "runs",
]  # fmt: skip


def _scaled(regrets: FloatArray, mean: float) -> FloatArray:
    """Return normalised scores; 1 where all that is feasible is the best."""
    return 1.0 - regrets / mean if mean > 0 else np.ones(len(regrets))


def _final_ranks(
    study: Study, usable: list[Aligned], split: str, values: pd.DataFrame
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the mean rank of every strategy at the end and its interval: three (k,)."""
    means, samples = [], []
    for item in usable:
        kept = common_replicates(item)
        if not kept:
            continue
        wide = _wide(study, values, item, split, LEFT_OUT).loc[kept].to_numpy(dtype=np.float64)
        blocks = average_ranks(wide)
        counts = study.resampler.counts(item.name, len(blocks), TABLE_REPETITIONS)
        means.append(blocks.mean(axis=0))
        samples.append(counts.T.astype(np.float64) @ blocks / len(blocks))
    if not means:
        nothing = np.full(len(study.labels), np.nan)
        return nothing, nothing, nothing
    low, high = interval(np.mean(samples, axis=0), axis=0)
    return np.mean(means, axis=0), low, high


def omnibus(study: Study) -> str:
    """Say what Friedman's test finds across benchmarks, or why it is not made."""
    usable = [item for item in study.aligned if item.has_incumbent and common_replicates(item)]
    if len(study.labels) < 2:
        return "One strategy has nothing to be compared with."
    if not usable:
        what = "a front" if study.several else "an incumbent"
        return f"Nothing is compared: on no benchmark do all strategies have runs, and one of them {what}."
    if refusal := ranks.refusal(len(usable)):
        return as_sentence(refusal)
    # A block is a benchmark, never a replicate: its strategies are ranked by their mean regret.
    values = finals(study)
    blocks = np.array(
        [[regrets_of(values, item, "validation", label).mean() for label in study.labels] for item in usable]
    )
    mean_ranks = average_ranks(blocks).mean(axis=0)
    chi2, f, p = friedman(mean_ranks, len(usable))
    difference = critical_difference(len(study.labels), len(usable))
    few = " With fewer than ten benchmarks this test has little power." if len(usable) < 10 else ""
    finding = "finds differences" if p < ALPHA else "finds no difference, so no ranks are called different"
    return (
        f"Friedman's test over {len(usable)} benchmarks {finding} (chi-squared {chi2:.2f}, Iman-Davenport F {f:.2f},"
        f" p = {p:.2g}; Nemenyi critical difference {difference:.2f} ranks).{few}"
    )
