"""Pairwise comparisons on every benchmark, and scores across benchmarks, with the refusals that keep them honest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from reports.statistics import significance
from reports.statistics.bootstrap import bootstrap_centres, interval, stratified_iqm
from reports.statistics.centres import centre_of
from reports.statistics.equivalence import pairs_needed, tost_bootstrap
from reports.statistics.pairs import paired
from reports.statistics.profiles import optimality_gap, stratified_mean_interval
from reports.statistics.ranks import average_ranks
from reports.statistics.scale import merged_sizes
from reports.statistics.significance import ALPHA, holm, probability_of_improvement, wilcoxon_ps
from reports.study.align import Aligned
from reports.study.critical import critical
from reports.study.curves import common_replicates
from reports.study.finals import LEFT_OUT, WORST, finals
from reports.study.margins import margin
from reports.study.scores import run_counts, scored, strata_of
from reports.study.study import TABLE_REPETITIONS, Study, once

WORSE, OPEN, NOT_TESTED = "worse", "open", "not tested"
"""States of a strategy against the best one; verdicts of pairs that are not tested begin with the last."""
EQUIVALENT, APART = "equivalent", "apart"
"""Of a pair against the margin: its 90 % interval lies inside, or outside; `OPEN` where it does neither."""
_NUMBERS = ("poi", "effect", "difference", "low", "high", "p", "low_90", "high_90", "p_equivalent", "pairs_needed")
_AT_ONCE = 200
"""Pairs whose resamples are held at once."""
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
        ``verdict``; ``margin``, and of the difference against it the 90 % interval ``low_90``, ``high_90``,
        ``p_equivalent`` and ``equivalence``: `EQUIVALENT`, `APART` or `OPEN`, "" without a margin; ``pairs_needed`` to
        show equivalence if there is no difference, NaN where very many would not do.
    """
    at = {checkpoint: finals(study, checkpoint) for checkpoint in study.checkpoints}
    policies = (LEFT_OUT, WORST) if study.results.missing else (LEFT_OUT,)
    parts = []
    for split in study.splits:
        margins = {item.name: margin(study, item.truth, split) for item in study.aligned if split in item.truth.splits}
        for policy in policies:
            rows = [
                row | {"missing": policy, "budget": checkpoint}
                for checkpoint, values in at.items()
                for item in study.aligned
                if split in item.truth.splits and item.has_incumbent
                for row in _compare(study, item, split, _wide(study, values, item, split, policy), margins[item.name])
            ]
            if rows:
                parts.append(_judged(pd.DataFrame(rows).assign(split=split)))
    return pd.concat(parts, ignore_index=True)[PAIR_COLUMNS] if parts else pd.DataFrame(columns=PAIR_COLUMNS)


PAIR_COLUMNS = [
    "split", "missing", "budget", "benchmark", "a", "b", "n", "wins", "ties", "losses", "poi", "effect", "difference",
    "low", "high", "p", "p_holm", "verdict", "margin", "low_90", "high_90", "p_equivalent", "equivalence",
    "pairs_needed",
]  # fmt: skip


def _wide(study: Study, values: pd.DataFrame, item: Aligned, split: str, policy: str) -> pd.DataFrame:
    """Return regrets with a row for each declared replicate and a column for each label; NaN where a run is missing."""
    picked = values[(values["benchmark"] == item.name) & (values["split"] == split)]
    table = picked.pivot_table(index="replicate", columns="label", values="regret")
    table = table.reindex(index=range(study.spec.replicates), columns=list(study.labels))
    return table.fillna(item.truth.worst(split)) if policy == WORST else table


def _compare(
    study: Study, item: Aligned, split: str, regrets: pd.DataFrame, margin: float
) -> Iterator[dict[str, object]]:
    """Compare all pairs on one benchmark: as many at once as have the same number of runs in common."""
    runs = {label: regrets[label].to_numpy(dtype=np.float64) for label in study.labels}
    differences = {
        pair: _differences(item, split, *(runs[label] for label in pair)) for pair in combinations(study.labels, 2)
    }
    numbers: dict[tuple[str, str], dict[str, object]] = {}
    for n in sorted({len(own) for own in differences.values()} - {0}):
        alike = [pair for pair, own in differences.items() if len(own) == n]
        counts = study.resampler.counts(item.name, n, TABLE_REPETITIONS)
        for start in range(0, len(alike), _AT_ONCE):
            pairs = alike[start : start + _AT_ONCE]
            columns = np.stack([differences[pair] for pair in pairs], axis=1)
            samples = bootstrap_centres(columns, counts, "median")
            for pair, sample, p in zip(pairs, samples, wilcoxon_ps(columns), strict=True):
                own = differences[pair]
                numbers[pair] = _within(sample, own, margin) | paired(own, sample, float(p))
    for (a, b), own in differences.items():
        row: dict[str, object] = {"benchmark": item.name, "a": a, "b": b, "n": len(own), "margin": margin}
        row |= dict.fromkeys(("wins", "ties", "losses"), 0) | dict.fromkeys(_NUMBERS, np.nan) | {"equivalence": ""}
        if (a, b) in numbers:
            known = [runs[label][~np.isnan(runs[label])] for label in (a, b)]
            row |= numbers[a, b] | {"poi": probability_of_improvement(*known)}
        yield row


def _differences(item: Aligned, split: str, first: FloatArray, second: FloatArray) -> FloatArray:
    """Return second minus first of the runs that both have; those of one size are equal, so that ranks are, too."""
    differences = second - first
    return merged_sizes(differences[~np.isnan(differences)], item.truth.scales[split].resolution)


def _within(samples: FloatArray, differences: FloatArray, margin: float) -> dict[str, object]:
    """Return what is known of the difference of a pair against the margin; nothing without one."""
    if not margin > 0:
        return {}
    found = tost_bootstrap(samples, margin)
    inside, outside = -margin < found.low and found.high < margin, found.low > margin or found.high < -margin
    return {
        "low_90": found.low,
        "high_90": found.high,
        "p_equivalent": found.p_equivalent,
        "equivalence": EQUIVALENT if inside else APART if outside else OPEN,
        "pairs_needed": float(pairs_needed(differences, margin) or np.nan),
    }


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    """Refuse tests that cannot reject, adjust the others together, and say what follows."""
    refusals = [significance.refusal(int(n), len(table)) for n in table["n"]]
    table.loc[[bool(refusal) for refusal in refusals], "p"] = np.nan
    table["p_holm"] = holm(table["p"].to_numpy(dtype=np.float64))
    table["verdict"] = [
        refusal or (f"{better} better" if better else "no difference shown")
        for refusal, better in zip(refusals, _better(table), strict=True)
    ]
    return table


def _better(pairs: pd.DataFrame) -> list[str]:
    """Return of each tested pair the label that is shown to be better, "" where no difference is shown."""
    effect = pairs["effect"].to_numpy(dtype=np.float64)
    shown = (pairs["p_holm"].to_numpy(dtype=np.float64) < ALPHA) & (effect != 0)
    labels = np.where(effect > 0, pairs["a"].to_numpy(dtype=object), pairs["b"].to_numpy(dtype=object))
    return [str(label) for label in np.where(shown, labels, "")]


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
    return rows.assign(better=_better(rows))


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


@once
def scores(study: Study, split: str) -> pd.DataFrame:
    """Aggregate over benchmarks: mean rank, IQM of normalised scores, optimality gap; 95 % stratified intervals.

    The normalised score is 0 for a uniform draw from the table and 1 for its best: regret is scaled by the mean regret
    of the table.  Runs are resampled within benchmarks; benchmarks are not.

    Returns
    -------
    pandas.DataFrame
        ``label``, ``rank``, ``rank_low``, ``rank_high``, ``iqm``, ``iqm_low``, ``iqm_high``, ``gap``, ``gap_low``,
        ``gap_high``, ``benchmarks``, ``runs``.
    """
    usable = scored(study, split)
    if not usable:
        return pd.DataFrame(columns=SCORE_COLUMNS)
    values = finals(study)
    mean, low, high = _final_ranks(study, usable, split, values)
    rows = []
    counts = run_counts(study, usable)
    for index, label in enumerate(study.labels):
        strata = strata_of(usable, split, label)
        rng = study.resampler.generator("iqm", split, label)
        iqm_low, iqm_high = interval(stratified_iqm(strata, TABLE_REPETITIONS, rng))
        iqm = float(centre_of(np.concatenate(strata), "iqm"))
        missing = [np.maximum(0.0, 1.0 - stratum)[:, None] for stratum in strata]
        gap_low, gap_high = stratified_mean_interval(missing, counts[label])
        gap = (optimality_gap(strata), float(gap_low[0]), float(gap_high[0]))
        runs = sum(len(stratum) for stratum in strata)
        place = (mean[index], low[index], high[index])
        rows.append((label, *place, iqm, float(iqm_low), float(iqm_high), *gap, len(usable), runs))
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


SCORE_COLUMNS = [
    "label", "rank", "rank_low", "rank_high", "iqm", "iqm_low", "iqm_high", "gap", "gap_low", "gap_high", "benchmarks",
    "runs",
]  # fmt: skip


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
    return critical(study).sentence
