"""The reference of a benchmark: exact random search under the experiment's own noise and duplicates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.checks import Archs, FloatArray, IntArray
from harness.errors import HarnessError
from harness.experiments.spec import Spec
from harness.space import SearchSpace
from reports.statistics.random_search import Atoms, exact_centre, whole_table_centre
from reports.study.truth import Truth

_MAX_CODINGS = 2**20


@dataclass(frozen=True)
class Reference:
    """Exact random search on one benchmark, under the experiment's own noise and duplicates.

    Attributes
    ----------
    atoms : Atoms
        What one uniform draw from the table shows.
    outcome : mapping of split to (K,) float64
        Regret of each atom's architecture.
    rows : (K,) int64
        Row of each atom among the architectures of the table.
    replacement : bool
        Whether draws repeat, and are charged when they do.
    """

    atoms: Atoms
    outcome: Mapping[str, FloatArray]
    rows: IntArray
    replacement: bool

    def whole(self, split: str, centre: str) -> float:
        """Return median, IQM or mean regret of what looks best when every architecture was trained once.

        The noise floor: where one training answers for each architecture, the best that is seen need not be the best.
        """
        return whole_table_centre(self.atoms, self.rows, self.outcome[split], centre)

    def centre(self, split: str, evaluations: FloatArray, centre: str) -> FloatArray:
        """Return median, IQM or mean regret of the incumbent: (T,) to (T,); NaN beyond the whole table."""
        n = evaluations.astype(np.int64)
        inside = np.full(len(n), True) if self.replacement else n <= self.atoms.rows
        out = np.full(len(n), np.nan)
        out[inside] = exact_centre(self.atoms, self.outcome[split], n[inside], centre, replacement=self.replacement)
        return out


def reference(truth: Truth, spec: Spec) -> Reference | None:
    """Return the random-search reference of a benchmark; None where it cannot be known exactly.

    Draws are uniform over the valid codings of the space, as `SearchSpace.sample` promises by default, and where
    constraints were known before training over those that keep them.  The law cannot be known where other constraints
    are set or trainings failed (a run may have no incumbent), where the training of one seed or of another schedule
    answers or each query draws anew, where the codings are too many to list, or where the table lacks some of them.
    """
    name = truth.objective.name
    archs = all_codings(truth.oracle.space)
    known = all(item.name in truth.facts.known for item in truth.constraints)
    if not known or not spec.budget.has_law or archs is None:
        return None
    try:
        for item in truth.constraints:
            archs = archs[item.violation(truth.oracle.mean(archs, item.name)) <= 0]
        runs = truth.oracle.trainings(archs, name)
        outcome = {split: truth.regrets_of(split, truth.mean(archs, split)) for split in truth.splits}
    except HarnessError:
        return None
    if np.isnan(runs).all(axis=1).any():
        return None
    if spec.budget.table_seed == "mean":
        runs = truth.mean(archs, "validation")[:, None]
    elif spec.budget.table_seed == "fixed":
        runs = runs[np.arange(len(runs)), np.argmax(~np.isnan(runs), axis=1)][:, None]
    atoms, rows = Atoms.of_runs(truth.objective.to_minimised(runs))
    outcomes = {split: values[rows] for split, values in outcome.items()}
    return Reference(atoms, outcomes, rows, draws_repeat(spec))


def all_codings(space: SearchSpace) -> Archs | None:
    """Return the valid codings of a space, (N, L); None where they are too many to list."""
    if float(np.sum(np.log2(space.cardinalities))) > np.log2(_MAX_CODINGS):
        return None
    archs = space.decode(np.arange(int(np.prod(space.cardinalities)), dtype=np.uint64))
    return archs[space.is_valid(archs)]


def draws_repeat(spec: Spec) -> bool:
    """Say whether the draws of random search repeat, and are charged when they do."""
    distinct = any(item.name == "random_search" and item.hyperparameters.get("distinct") for item in spec.strategies)
    return spec.budget.duplicates == "charged" and not distinct
