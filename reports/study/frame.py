"""Results as one tidy pandas frame."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness import registry
from harness.experiments.results import Results
from harness.judging.front import fronts
from harness.judging.incumbent import feasible, handed_over
from harness.records import Run, Trace
from reports.study.front_truth import FrontTruth
from reports.study.opening import OpenOracle
from reports.study.truth import Truth
from reports.study.truths import truths


def frame(results: Results, *, open_oracle: OpenOracle = registry.oracle) -> pd.DataFrame:
    """Return every evaluation of every run, one a row.

    Parameters
    ----------
    results : Results
    open_oracle : callable
        Opens the held-out truth of a benchmark by name.

    Returns
    -------
    pandas.DataFrame
        ``benchmark``, ``label``, ``replicate``; ``evaluation`` (charged so far) and ``charged``; ``seconds`` (on the
        simulated clock at completion) and ``cost_seconds``, NaN where the table has no times; ``worker``;
        ``fidelity``; ``architecture`` (the field's string); ``objective`` (as shown to the strategy, in the published
        unit and direction; further objectives under their own names); ``feasible``; ``incumbent`` (whether this row
        became the incumbent, or entered the front of several objectives); ``validation`` and ``test`` (means over all
        training runs of the table, NaN where it has no such column).

    Raises
    ------
    ResultError
        If a table is not the one that the runs were made on.
    """
    parts = [
        _benchmark_frame(truth, runs, results.spec.report.incumbent)
        for name, truth in truths(results, open_oracle).items()
        if (runs := [run for run in results.runs if run.benchmark == name])
    ]
    if not parts:
        return pd.DataFrame(columns=["benchmark", "label", "replicate", "evaluation", "seconds", "objective"])
    return pd.concat(parts, ignore_index=True)


def _benchmark_frame(truth: Truth, runs: list[Run], rule: str) -> pd.DataFrame:
    merged = Trace.concatenate([run.trace for run in runs])
    lengths = [len(run.trace) for run in runs]
    fidelity = len(truth.facts.fidelities) - 1
    if isinstance(truth, FrontTruth):
        changes = [fronts(run.trace, fidelity).rows for run in runs]
    else:
        changes = [handed_over(run, fidelity, rule).rows for run in runs]
    incumbent = [np.isin(np.arange(len(run.trace)), rows) for run, rows in zip(runs, changes, strict=True)]
    distinct, inverse = np.unique(merged.archs, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    first, *others = truth.facts.objectives
    columns = {
        "benchmark": truth.facts.task,
        "label": np.repeat([run.label for run in runs], lengths),
        "replicate": np.repeat([run.replicate for run in runs], lengths),
        "evaluation": np.concatenate([run.trace.evaluations for run in runs]),
        "charged": merged.charged,
        "seconds": merged.finished_seconds,
        "cost_seconds": merged.seconds,
        "worker": merged.worker,
        "fidelity": merged.fidelity,
        "architecture": np.array(truth.oracle.space.format(distinct), dtype=object)[inverse],
        "objective": first.to_published(merged.objectives[:, 0]),
        **{item.name: item.to_published(merged.objectives[:, column]) for column, item in enumerate(others, start=1)},
        "feasible": feasible(merged),
        "incumbent": np.concatenate(incumbent),
    }
    for split in ("validation", "test"):
        known = split in truth.splits
        columns[split] = truth.mean(distinct, split)[inverse] if known else np.full(len(merged), np.nan)
    return pd.DataFrame(columns)
