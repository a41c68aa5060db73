"""What a report is computed from, prepared once: aligned runs, references, resamples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness import registry, seeding
from harness.checks import FloatArray
from harness.errors import HarnessError, IncompleteError, ResultError
from harness.experiments.results import Results
from harness.experiments.spec import Spec
from reports.statistics.random_search import Atoms, exact_centre
from reports.statistics.summaries import resample_counts
from reports.study.align import Aligned, align
from reports.study.truth import OpenOracle, Truth, truths

CURVE_REPETITIONS = 2_000
TABLE_REPETITIONS = 10_000
_MAX_CODINGS = 2**20


@dataclass(frozen=True)
class Resampler:
    """Bootstrap resamples addressed by name: the same runs always give the same bands.

    Attributes
    ----------
    spec : Spec
        Its digest is the root of all draws.
    """

    spec: Spec
    _drawn: dict[tuple[str, int, int], npt.NDArray[np.int32]] = field(default_factory=dict, compare=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the spec, hexadecimal."""
        return hashlib.sha256(json.dumps(self.spec.as_dict(), sort_keys=True).encode()).hexdigest()

    def generator(self, *path: str | int) -> np.random.Generator:
        """Return the generator for one purpose."""
        return seeding.generator(self.spec.seed, "report", self.digest, *path)

    def counts(self, benchmark: str, n: int, repetitions: int) -> npt.NDArray[np.int32]:
        """Return the resample matrix of a benchmark: one for all its strategies, so that pairs stay together."""
        key = (benchmark, n, repetitions)
        if key not in self._drawn:
            self._drawn[key] = resample_counts(n, repetitions, self.generator(*key))
        return self._drawn[key]


@dataclass(frozen=True)
class Reference:
    """Exact random search on one benchmark, under the experiment's own noise and duplicates.

    Attributes
    ----------
    atoms : Atoms
        What one uniform draw from the table shows.
    outcome : mapping of split to (K,) float64
        Regret of each atom's architecture.
    replacement : bool
        Whether draws repeat, and are charged when they do.
    """

    atoms: Atoms
    outcome: Mapping[str, FloatArray]
    replacement: bool

    def centre(self, split: str, evaluations: FloatArray, centre: str) -> FloatArray:
        """Return median, IQM or mean regret of the incumbent: (T,) to (T,); NaN beyond the whole table."""
        n = evaluations.astype(np.int64)
        inside = np.full(len(n), True) if self.replacement else n <= self.atoms.rows
        out = np.full(len(n), np.nan)
        out[inside] = exact_centre(self.atoms, self.outcome[split], n[inside], centre, replacement=self.replacement)
        return out


def reference(truth: Truth, spec: Spec) -> Reference | None:
    """Return the random-search reference of a benchmark; None where it cannot be known exactly.

    Draws are uniform over the valid codings of the space, as `SearchSpace.sample` promises by default.  The law cannot
    be known where constraints are set or trainings failed (a run may have no incumbent), where the codings are too many
    to list, or where the table lacks some of them.
    """
    space, name = truth.oracle.space, truth.objective.name
    if spec.constraints or float(np.sum(np.log2(space.cardinalities))) > np.log2(_MAX_CODINGS):
        return None
    archs = space.decode(np.arange(int(np.prod(space.cardinalities)), dtype=np.uint64))
    archs = archs[space.is_valid(archs)]
    try:
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
    distinct = any(item.name == "random_search" and item.hyperparameters.get("distinct") for item in spec.strategies)
    replacement = spec.budget.duplicates == "charged" and not distinct
    return Reference(atoms, {split: values[rows] for split, values in outcome.items()}, replacement)


@dataclass(frozen=True)
class Study:
    """An experiment, aligned and judged.

    Attributes
    ----------
    results : Results
    aligned : tuple of Aligned
        By benchmark, in the order of the spec; those that have runs.
    resampler : Resampler
    references : mapping of benchmark to Reference or None
    """

    results: Results
    aligned: tuple[Aligned, ...]
    resampler: Resampler
    references: Mapping[str, Reference | None]

    @property
    def spec(self) -> Spec:
        """The experiment's spec."""
        return self.results.spec

    @property
    def centre(self) -> str:
        """Centre line of curves, "median" or "iqm"."""
        return self.spec.report.centre

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the strategies, in the order of the spec."""
        return self.results.labels

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that at least one benchmark has."""
        return tuple(s for s in ("validation", "test") if any(s in item.truth.splits for item in self.aligned))

    @property
    def checkpoints(self) -> tuple[float, ...]:
        """Budgets at which tests are made, ascending: those declared, and always the end."""
        return tuple(sorted({*self.spec.report.checkpoints, self.aligned[0].final_budget}))


def prepare(results: Results, open_oracle: OpenOracle = registry.oracle, *, allow_missing: bool = False) -> Study:
    """Open the truths, align the runs, and refuse what may not be compared.

    Raises
    ------
    ResultError
        If shards are missing and `allow_missing` is false, if there is no run at all, if a table is not the one the
        runs were made on, or if budgets are unequal.
    """
    if results.missing and not allow_missing:
        listed = [f"{b} / {label} / replicates {first}-{stop - 1}" for b, label, first, stop in results.missing]
        shown = "; ".join(listed[:4]) + (f"; and {len(listed) - 4} more" if len(listed) > 4 else "")
        raise IncompleteError(
            f"{len(listed)} shard(s) have no result: {shown}. Run the spec again to compute them, or allow missing"
            " shards (they are then reported both left out and as the worst value)"
        )
    opened = truths(results, open_oracle)
    aligned = tuple(align(results, truth) for truth in opened.values())
    aligned = tuple(item for item in aligned if any(item.steps.values()))
    if not aligned:
        raise ResultError("no run has finished: nothing to report")
    references = {item.name: reference(item.truth, results.spec) for item in aligned}
    return Study(results, aligned, Resampler(results.spec), references)
