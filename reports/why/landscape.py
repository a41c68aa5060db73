"""The landscape of a benchmark: architectures and how far each is from the best, and what they cover of the space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, IntArray
from harness.errors import HarnessError
from harness.judging.incumbent import keeps
from harness.space import SearchSpace
from reports.study.reference import all_codings
from reports.study.truth import Truth

WHOLE, SAMPLE, PART = "whole", "sample", "part"
"""What is analysed: every coding of independent genes; codings of these drawn uniformly; the rows that there are, of
genes that are not independent."""
_TRIED = 1_000
"""Random codings by which a space too large to be listed is seen to have invalid ones."""


@dataclass(frozen=True)
class Landscape:
    """What a benchmark says of its architectures, by the column that strategies are told.

    Attributes
    ----------
    truth : Truth
    archs : (N, L) unsigned integers
    losses : (N,) float64
        Regrets by the mean over all training runs, in the unit of the column; finite.
    covers : {"whole", "sample", "part"}
        See `WHOLE`, `SAMPLE` and `PART`.
    """

    truth: Truth
    archs: Archs
    losses: FloatArray
    covers: str

    @property
    def space(self) -> SearchSpace:
        """The space of the benchmark."""
        return self.truth.oracle.space

    @property
    def cardinalities(self) -> IntArray:
        """Number of values of each gene, (L,)."""
        return self.space.cardinalities

    def losses_of(self, archs: Archs) -> FloatArray:
        """Return regrets; infinite for what breaks a constraint or has no value: (n, L) to (n,)."""
        losses = self.truth.regrets_of("validation", self.truth.mean(archs, "validation"))
        kept = keeps(self.truth.oracle, self.truth.constraints, archs) & np.isfinite(losses)
        return np.where(kept, losses, np.inf)

    def is_known(self, archs: Archs) -> BoolArray:
        """Say which architectures are valid and have a value: (n, L) to (n,) bool."""
        known = self.space.is_valid(archs)
        rows = np.flatnonzero(known)
        try:
            known[rows] = self._has_value(archs[rows])
        except HarnessError:  # some are no row of the table
            known[rows] = [self._is_row(archs[row : row + 1]) for row in rows]
        return known

    def _has_value(self, archs: Archs) -> BoolArray:
        return np.isfinite(self.truth.mean(archs, "validation"))

    def _is_row(self, arch: Archs) -> bool:
        try:
            return bool(self._has_value(arch)[0])
        except HarnessError:
            return False

    @property
    def median(self) -> Archs:
        """The architecture of the lower median of all that keep the constraints, (L,); of equals the first."""
        kept = np.flatnonzero(keeps(self.truth.oracle, self.truth.constraints, self.archs))
        order = kept[np.argsort(self.losses[kept], kind="stable")]
        median: Archs = self.archs[order[(len(order) - 1) // 2]]
        return median

    @property
    def words(self) -> str:
        """What was analysed, for captions."""
        count = f"{len(self.archs):,}"
        return {
            WHOLE: f"all {count} codings of the space",
            SAMPLE: f"{count} codings drawn uniformly",
            PART: f"the {count} rows of the table, whose genes are not independent",
        }[self.covers]


def landscape(truth: Truth) -> Landscape | str:
    """Return the landscape of a benchmark; or why there is none, a clause.

    Every coding where all are valid and known; where these are too many to be listed, those that a surrogate benchmark
    drew uniformly; else the rows of the table.
    """
    space, every = truth.oracle.space, all_codings(truth.oracle.space)
    complete = every is not None and len(every) == int(np.prod(space.cardinalities))
    if every is not None and complete:
        try:
            losses = truth.regrets_of("validation", truth.mean(every, "validation"))
        except HarnessError:  # the table lacks some
            losses = np.array([np.nan])
        if np.isfinite(losses).all():
            return _varied(Landscape(truth, every, losses, WHOLE))
    listed = getattr(truth.oracle, "archs", None)
    if listed is None:
        return "its architectures cannot be listed"
    losses = truth.table_regrets["validation"]
    drawn = int(getattr(truth.oracle, "drawn", 0))
    if every is None and drawn and _is_product(space):
        return _varied(Landscape(truth, listed[:drawn], losses[:drawn], SAMPLE))
    known = np.isfinite(losses)
    return _varied(Landscape(truth, listed[known], losses[known], PART))


def _varied(found: Landscape) -> Landscape | str:
    return found if np.ptp(found.losses) > 0 else "all its architectures are equally good"


def _is_product(space: SearchSpace) -> bool:
    """Say whether random codings are all valid."""
    rng = np.random.default_rng(0)
    codings = rng.integers(0, space.cardinalities, size=(_TRIED, space.genes)).astype(space.dtype)
    return bool(space.is_valid(codings).all())
