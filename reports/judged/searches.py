"""Searches on a surrogate benchmark and on the table it was fitted to, and the orders of strategies on both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness import api
from harness.checks import FloatArray
from harness.errors import HarnessError
from reports.judged.numbers import tau
from reports.study.align import Aligned
from reports.study.study import Study, prepare

STRATEGIES = (
    "random_search",
    "regularized_evolution",
    "local_search",
    "genetic_algorithm",
    "simulated_annealing",
    "differential_evolution",
    "reinforce",
    "lanas",
    "tpe",
    "bore",
)
"""Ten that differ much and take less than a tenth of a second for a search."""
EVALUATIONS, REPLICATES = 150, 50
SHARES = (0.2, 0.5, 1.0)
"""Of the budget, at which strategies are ranked."""


@dataclass(frozen=True)
class Ranked:
    """Agreement of two orders of strategies at a budget.

    Attributes
    ----------
    budget : float
    tau : float
        Kendall's tau-b of mean regrets on the surrogate benchmark and on the table.
    halves : float
        The same of two halves of the replicates on the table: what it would be without any error of the surrogate.
    largest : float
        Largest difference of the median validation regrets, in the unit of the column.
    """

    budget: float
    tau: float
    halves: float
    largest: float


def searched(
    surrogate: str,
    table: str | None,
    *,
    strategies: Sequence[str] = STRATEGIES,
    evaluations: int = EVALUATIONS,
    replicates: int = REPLICATES,
) -> Study:
    """Run strategies on the surrogate benchmark and, where there is one, on the table, under the same seeds."""
    names = [surrogate] if table is None else [surrogate, table]
    return prepare(api.run(list(strategies), names, evaluations=evaluations, replicates=replicates))


def ranked(study: Study) -> list[Ranked]:
    """Compare the orders of strategies on the first benchmark of a study, the surrogate, and on the second.

    Raises
    ------
    HarnessError
        If there are not two.
    """
    if len(study.aligned) != 2:
        raise HarnessError(f"orders are compared on two benchmarks, got {len(study.aligned)}")
    surrogate, table = study.aligned
    found = []
    for share in SHARES:
        budget = float(max(1, round(share * table.final_budget)))
        ours, theirs = (_regrets(item, study.labels, budget) for item in (surrogate, table))
        gap = np.abs(np.median(ours, axis=1) - np.median(theirs, axis=1)).max()
        means = (ours.mean(axis=1), theirs.mean(axis=1))
        halves = (theirs[:, ::2].mean(axis=1), theirs[:, 1::2].mean(axis=1))
        found.append(Ranked(budget, tau(*means), tau(*halves), float(gap)))
    return found


def _regrets(item: Aligned, labels: Sequence[str], budget: float) -> FloatArray:
    """Return validation regrets at a budget by strategy and replicate, (k, R)."""
    return np.array([[*dict(sorted(item.at(label, "validation", budget).items())).values()] for label in labels])
