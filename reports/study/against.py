"""Two sets of results against each other, replicate by replicate: two versions of a strategy, or two strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from harness import registry
from harness.errors import ResultError, unknown
from harness.experiments.results import Results
from harness.records import Run
from reports.statistics import significance
from reports.statistics.bootstrap import bootstrap_centres
from reports.statistics.pairs import equivalence, paired
from reports.statistics.scale import merged_sizes
from reports.statistics.significance import ALPHA, holm
from reports.study.align import Aligned
from reports.study.finals import finals
from reports.study.joined import joined
from reports.study.opening import OpenOracle
from reports.study.study import TABLE_REPETITIONS, Study, prepare

FIRST, SECOND = "first", "second"


def against(
    first: Results,
    second: Results,
    pairs: Sequence[tuple[str, str]] = (),
    *,
    margin: float | None = None,
    open_oracle: OpenOracle = registry.oracle,
) -> pd.DataFrame:
    """Compare strategies of two experiments by the regret of the final incumbent.

    Parameters
    ----------
    first, second : Results
        Of one protocol: replicates of one number met the same noise, so they are pairs.
    pairs : sequence of (str, str)
        A label of the first and one of the second; those that both have, if not given.
    margin : float, optional
        In the unit of the column: differences within it do not matter, and equivalence is tested.
    open_oracle : callable

    Returns
    -------
    pandas.DataFrame
        ``split``, ``benchmark``, ``first``, ``second``, ``n`` (pairs), ``same`` (pairs with the same trace),
        ``mean_first``, ``mean_second`` (published unit), ``wins``, ``ties``, ``losses`` of the second, ``effect``,
        ``difference`` (median of the regret of the first minus that of the second: positive where the second is better)
        with ``low`` and ``high``, ``p``, ``p_holm`` (one family for each split), ``p_equivalent``,
        ``p_equivalent_holm`` (another family for each split), ``verdict``.

    Raises
    ------
    ResultError
        If protocols differ, a label is unknown, or nothing is common to both.
    """
    chosen = _chosen(first, second, pairs)
    sides = {FIRST: (first, [a for a, _ in chosen]), SECOND: (second, [b for _, b in chosen])}
    marked = [_marked(results, labels, side) for side, (results, labels) in sides.items()]
    study = prepare(joined(marked), open_oracle, allow_missing=True)
    runs = {(run.benchmark, run.label, run.replicate): run for run in study.results.runs}
    values = finals(study)
    shown = dict(zip([item.label for results in marked for item in results.spec.strategies], study.labels, strict=True))
    parts = []
    for split in study.splits:
        judged = [item for item in study.aligned if split in item.truth.splits and item.has_incumbent]
        found = [
            _row(study, item, values, split, (shown[_mark(a, FIRST)], shown[_mark(b, SECOND)]), runs, margin)
            | {"first": a, "second": b}
            for item in judged
            for a, b in chosen
        ]
        rows = [row for row in found if row.get("n")]
        if rows:
            parts.append(_judged(pd.DataFrame(rows), margin))
    if not parts:
        raise ResultError("no benchmark has runs of both, replicate by replicate: there is nothing to compare")
    return pd.concat(parts, ignore_index=True)[COLUMNS]


COLUMNS = [
    "split", "benchmark", "first", "second", "n", "same", "mean_first", "mean_second", "wins", "ties", "losses",
    "effect", "difference", "low", "high", "p", "p_holm", "p_equivalent", "p_equivalent_holm", "verdict",
]  # fmt: skip


def _chosen(first: Results, second: Results, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    for results, labels in ((first, [a for a, _ in pairs]), (second, [b for _, b in pairs])):
        for label in labels:
            if label not in results.labels:
                raise ResultError(
                    unknown(f"strategy of '{results.folder or results.spec.name}'", label, results.labels)
                )
    chosen = list(dict.fromkeys(pairs)) or [(label, label) for label in first.labels if label in second.labels]
    if not chosen:
        raise ResultError(
            f"the two have no strategy of one label ({', '.join(first.labels)}; {', '.join(second.labels)}): say which"
            " to compare, FIRST=SECOND"
        )
    return chosen


def _mark(label: str, side: str) -> str:
    return f"{label} ({side})"


def _marked(results: Results, labels: Sequence[str], side: str) -> Results:
    """Return the results of some strategies, each with its side in its label."""
    kept = set(labels)
    strategies = tuple(
        replace(item, label=_mark(item.label, side)) for item in results.spec.strategies if item.label in kept
    )
    spec = replace(
        results.spec, strategies=strategies, report=replace(results.spec.report, highlight=(), checkpoints=())
    )
    runs = tuple(replace(run, label=_mark(run.label, side)) for run in results.runs if run.label in kept)
    return replace(results, spec=spec, runs=runs, missing=())


def _row(
    study: Study,
    item: Aligned,
    values: pd.DataFrame,
    split: str,
    labels: tuple[str, str],
    runs: Mapping[tuple[str, str, int], Run],
    margin: float | None,
) -> dict[str, Any]:
    picked = values[(values["benchmark"] == item.name) & (values["split"] == split)]
    wide = picked[picked["label"].isin(labels)].pivot_table(index="replicate", columns="label", values="regret")
    if not set(labels) <= set(wide.columns) or not len(both := wide[list(labels)].dropna()):
        return {}
    a, b = (both[label].to_numpy(dtype=np.float64) for label in labels)
    differences = merged_sizes(a - b, item.truth.scales[split].resolution)
    best, sign = item.truth.best(split), item.truth.sign(split)
    task = item.truth.facts.task
    same = sum(_same(*(runs[task, label, int(one)] for label in labels)) for one in both.index)
    counts = study.resampler.counts(item.name, len(differences), TABLE_REPETITIONS)
    found = None if margin is None else equivalence(differences, margin)
    return {
        "split": split,
        "benchmark": item.name,
        "n": len(differences),
        "same": same,
        "mean_first": float(best - sign * a.mean()),
        "mean_second": float(best - sign * b.mean()),
        "p_equivalent": np.nan if found is None else found.p_equivalent,
        **paired(differences, bootstrap_centres(differences[:, None], counts, "median")[0]),
    }


def _same(first: Run, second: Run) -> bool:
    return np.array_equal(first.trace.archs, second.trace.archs) and np.array_equal(
        first.trace.objectives, second.trace.objectives, equal_nan=True
    )


def _judged(table: pd.DataFrame, margin: float | None) -> pd.DataFrame:
    """Refuse tests that cannot reject, adjust the others together, and say what follows."""
    refusals = [significance.refusal(int(n), len(table)) for n in table["n"]]
    table.loc[[bool(refusal) for refusal in refusals], "p"] = np.nan
    for name in ("p", "p_equivalent"):
        table[f"{name}_holm"] = holm(table[name].to_numpy(dtype=np.float64))
    records = table.to_dict("records")
    table["verdict"] = [_verdict(row, refusal, margin) for row, refusal in zip(records, refusals, strict=True)]
    return table


def _verdict(row: Mapping[Any, Any], refusal: str, margin: float | None) -> str:
    if row["same"] == row["n"]:
        return "the same runs"
    if not refusal and row["p_holm"] < ALPHA and row["effect"] != 0:
        return f"{SECOND if row['effect'] > 0 else FIRST} better"
    if margin is not None and row["p_equivalent_holm"] < ALPHA:
        return f"equivalent within {margin:g}"
    return refusal or "no difference shown"
