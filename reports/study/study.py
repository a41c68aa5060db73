"""The study: what a report is computed from, prepared once: aligned runs, references, resamples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness import registry, seeding
from harness.digests import sha256_of
from harness.errors import IncompleteError, ResultError
from harness.experiments.results import Results
from harness.experiments.spec import Spec
from reports.statistics.bootstrap import resample_counts
from reports.study.align import Aligned, align
from reports.study.naming import with_shown_labels
from reports.study.opening import OpenOracle
from reports.study.reference import Reference, reference
from reports.study.truth import truths

CURVE_REPETITIONS = 2_000
TABLE_REPETITIONS = 10_000


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
        return sha256_of(self.spec.as_dict())

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
            f"{len(listed)} shard(s) have no result: {shown}. Run the spec again to compute them, or report what is"
            " there with --allow-missing (they are then reported both left out and as the worst value)"
        )
    named = with_shown_labels(results)
    judged = (align(named, truth) for truth in truths(named, open_oracle).values())
    aligned = tuple(item for item in judged if any(item.steps.values()))
    if not aligned:
        raise ResultError("no run has finished: nothing to report")
    references = {item.name: reference(item.truth, results.spec) for item in aligned}
    return Study(named, aligned, Resampler(results.spec), references)
