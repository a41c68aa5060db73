"""Training and test sets of architectures, without a function in two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.benchmark import Benchmark
from harness.checks import Archs, FloatArray, IntArray, UInt64Array
from harness.errors import HarnessError, must
from harness.experiments.prediction import FEWEST_LEARNT
from harness.records import Proposals
from harness.space import SearchSpace

SAMPLED = 5000
"""Architectures that are drawn of a space whose benchmark lists none."""
PARENTS = 10
"""The best that were learnt from, whose neighbours are a test set."""


@dataclass(frozen=True, eq=False)
class Pool:
    """The architectures of a benchmark that learners may meet: one of each functional class.

    Attributes
    ----------
    archs : (C, L) unsigned integers
    truth : (C,) float64
        Means over the trainings of the table, lower is better; all finite.
    keys : (C,) uint64
        Functional keys, see `SearchSpace.key`.
    best : float
        The least mean of all architectures that the benchmark lists, other codings of the same functions among them.
    """

    archs: Archs
    truth: FloatArray
    keys: UInt64Array
    best: float

    @classmethod
    def of(cls, benchmark: Benchmark, rng: np.random.Generator) -> Pool:
        """Return the pool of a benchmark with one objective; of a benchmark that lists nothing, a random sample."""
        archs = getattr(benchmark, "archs", None)
        if archs is None:
            archs = benchmark.space.sample(SAMPLED, rng)
        keys, first = np.unique(benchmark.space.key(archs), return_index=True)
        means = answers(benchmark, np.asarray(archs), None)
        archs, truth = np.asarray(archs)[first], means[first]
        known = np.isfinite(truth)
        return cls(archs[known], truth[known], keys[known], float(means[np.isfinite(means)].min(initial=np.inf)))

    def __len__(self) -> int:
        return len(self.archs)

    def check(self, largest: int, name: str) -> None:
        """Refuse training sets of which the largest leaves less to test on than it takes.

        Raises
        ------
        HarnessError
            Names sizes that fit, where there are any.
        """
        half = len(self) // 2
        if largest <= half:
            return
        fitting = sorted({max(half * part // 4, FEWEST_LEARNT) for part in (1, 2, 4)})
        such = f" under [prediction] name such as `sizes = {fitting}`" if half >= FEWEST_LEARNT else " too few"
        raise HarnessError(
            f"'{name}' has {len(self):,} different functions with results, of which at most half are learnt from, "
            f"{half:,}, got {largest:,}:{such}"
        )

    def rows_of(self, keys: UInt64Array) -> IntArray:
        """Return the rows of the pool that have one of these functional keys, ascending."""
        return np.flatnonzero(np.isin(self.keys, keys))


def answers(benchmark: Benchmark, archs: Archs, noise_seed: np.uint64 | None) -> FloatArray:
    """Return the objective of full trainings, (n,), lower is better: one training each by a seed, or their mean."""
    proposals = Proposals.of(archs, len(benchmark.fidelities) - 1)
    seeds = None if noise_seed is None else np.full(len(archs), noise_seed)
    values: FloatArray = benchmark.query(proposals, noise_seed=seeds).objectives[:, 0]
    return values


@dataclass(frozen=True, eq=False)
class Trial:
    """The sets of one trial; the same for all learners.

    Attributes
    ----------
    order : (n,) int64
        Rows of the pool that are learnt from; a training set is a beginning of it.
    labels : (n,) float64
        One training of each of them, lower is better.
    """

    order: IntArray
    labels: FloatArray

    @classmethod
    def of(
        cls, pool: Pool, benchmark: Benchmark, largest: int, noise_seed: np.uint64, rng: np.random.Generator
    ) -> Trial:
        """Draw the training set of a trial; the table seeds are those of the replicate of a search.

        Raises
        ------
        HarnessError
            If the pool has not twice as many architectures, or so many trainings failed that too few have a label.
        """
        pool.check(largest, benchmark.name)
        order = rng.permutation(len(pool))
        labels = answers(benchmark, pool.archs[order], noise_seed)
        known = np.isfinite(labels)
        if known.sum() < largest:
            rule = f"be at most {known.sum():,} on '{benchmark.name}', where the other trainings of a trial failed"
            raise HarnessError(must("prediction.sizes", rule, largest))
        return cls(order[known][:largest], labels[known][:largest])

    def tests(
        self, pool: Pool, space: SearchSpace, size: int, most: int, rng: np.random.Generator
    ) -> Mapping[str, IntArray]:
        """Return the test sets of `harness.experiments.prediction.TESTS` as rows of the pool.

        None holds an architecture of the largest training set, so those of all sizes are tested on the same; but for
        the neighbourhood, which is that of the best of the training set of this size.

        Parameters
        ----------
        size : int
            Of the training set.
        most : int
            Architectures of a test set.
        rng : numpy.random.Generator
            The same for all sizes and learners.
        """
        learnt = np.zeros(len(pool), dtype=bool)
        learnt[self.order] = True
        rest = rng.permutation(np.flatnonzero(~learnt))
        best = pool.truth[rest] <= np.quantile(pool.truth, 0.1)
        parents = self.order[:size][np.argsort(self.labels[:size], kind="stable")[:PARENTS]]
        edits = np.concatenate([space.neighbours(pool.archs[row]) for row in parents])
        near = pool.rows_of(space.key(edits))
        near = rng.permutation(near[~learnt[near]])
        return {
            name: np.sort(rows[:most])
            for name, rows in (("random", rest), ("best_tenth", rest[best]), ("neighbourhood", near))
        }
