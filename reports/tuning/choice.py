"""The choice among configurations by what strategies were told, and what it cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ResultError
from harness.experiments.results import Results
from harness.files.reading import read_json, record_of
from harness.files.whole import replacing
from reports.statistics.ranks import average_ranks
from reports.study.finals import finals
from reports.study.study import prepare
from reports.tuning.plan import DEFAULT, Plan, label_of

FILE = "tuned.json"
"""Beside the results that report a choice."""


@dataclass(frozen=True)
class Tuned:
    """A choice of hyperparameters.

    Attributes
    ----------
    strategy : str
    hyperparameters : mapping
        Those chosen; empty where no configuration is ahead of the strategy as it stands.
    on : tuple of str
        Benchmarks on which it was made.
    configurations, replicates : int
        How many were tried, the strategy as it stands included, and runs of each on each benchmark.
    evaluations : int
        Charged, all runs together.
    simulated_seconds : float or None
        Of all runs; None where a table has no times.
    overhead_seconds : float
        Real seconds that the strategies themselves took.
    ranks : mapping of str to float
        Mean rank of each configuration over the benchmarks, by mean validation regret; the lowest was chosen.
    """

    strategy: str
    hyperparameters: Mapping[str, Any]
    on: tuple[str, ...]
    configurations: int
    replicates: int
    evaluations: int
    simulated_seconds: float | None
    overhead_seconds: float
    ranks: Mapping[str, Any]

    def sentence(self) -> str:
        """Say what was chosen, and at what cost."""
        what = label_of(self.hyperparameters) if self.hyperparameters else "that of its defaults"
        seconds = "" if self.simulated_seconds is None else f", {self.simulated_seconds:,.0f} simulated seconds"
        return (
            f"of {self.configurations} configurations of {self.strategy}, {what} was chosen by mean rank of the"
            f" validation regret on {', '.join(self.on)}, {self.replicates} runs of each; that cost"
            f" {self.evaluations:,} evaluations{seconds} and {self.overhead_seconds:,.1f} real seconds, which no budget"
            " here counts"
        )


def choose(plan: Plan, results: Results) -> Tuned:
    """Choose the configuration of the least mean rank over benchmarks, ties to the one named first.

    Configurations are ranked on each benchmark by the mean of the final validation regret over replicates: test results
    are not looked at.

    Raises
    ------
    ResultError
        If a run is missing, or a configuration has no incumbent anywhere.
    """
    study = prepare(results)
    values = finals(study)
    values = values[values["split"] == "validation"]
    if not len(values):
        raise ResultError("no run has an incumbent: nothing can be chosen")
    means = values.pivot_table(index="benchmark", columns="label", values="regret", aggfunc="mean", sort=False)
    ranks = average_ranks(means[list(study.labels)].to_numpy(dtype=np.float64)).mean(axis=0)
    best = study.labels[int(np.argmin(ranks))]
    named = {label_of(configuration): configuration for configuration in plan.chosen()}
    seconds = [run.trace.seconds.sum() for run in results.runs]
    return Tuned(
        str(plan.strategy.get("name")),
        {} if best == DEFAULT else named[best],
        plan.on,
        len(study.labels),
        plan.replicates,
        int(sum(int(run.trace.charged.sum()) for run in results.runs)),
        float(np.sum(seconds)) if np.isfinite(seconds).all() else None,
        round(sum(run.overhead_seconds for run in results.runs), 3),
        dict(sorted(zip(study.labels, ranks.tolist(), strict=True), key=lambda item: item[1])),
    )


def write(tuned: Tuned, folder: Path) -> None:
    """Write a choice beside the results that report it."""
    with replacing(folder / FILE) as temporary:
        temporary.write_text(json.dumps(asdict(tuned), indent=1), encoding="utf-8")


def tuned_of(folder: Path | None) -> Tuned | None:
    """Read the choice that results report; None where there is none.

    Raises
    ------
    ResultError
        If the file is damaged.
    """
    if folder is None:
        return None
    try:
        data = read_json(folder / FILE, ResultError, remedy="tune again to rewrite it")
    except FileNotFoundError:
        return None
    return record_of(Tuned, data, FILE)
