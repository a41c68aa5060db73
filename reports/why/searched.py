"""Searches seen by their architectures: what they ended with and proposed, how many, when, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from harness.checks import Archs, FloatArray, IntArray
from harness.space import SearchSpace
from reports.study.align import Aligned, Steps

WINDOWS = 10
"""Parts of a run, of equally many proposals, in which operations are counted."""
_FEWEST_VALUES = 3
"""Values of a gene that is an operation: one of two is a link, or something that is there or not."""


@dataclass(frozen=True)
class Ending:
    """An architecture that runs of a strategy ended with.

    Attributes
    ----------
    label : str
    arch : (L,) unsigned integers
    runs, all_runs : int
        Runs that ended with it, or with another of the same function; and all that ended with anything.
    loss : float
        Its validation regret.
    """

    label: str
    arch: Archs
    runs: int
    all_runs: int
    loss: float


class Bests(NamedTuple):
    """Endings of all strategies: of each the most frequent, and the best of any run."""

    frequent: list[Ending]
    winner: Ending | None


def endings(item: Aligned, ceilings: tuple[str, ...] = ()) -> Bests:
    """Return the most frequent final architecture of each strategy, and the winner: the best that any run ended with.

    Best is the lowest validation regret by the mean over all trainings, as reports judge; of equals what most runs
    ended with, then the strategy that comes first.  Strategies of `ceilings` have no winner.
    """
    frequent, every = [], []
    for label, group in item.steps.items():
        ended = [steps for steps in group if len(steps.rows)]
        if ended:
            found = _counted(item.truth.oracle.space, label, ended)
            frequent.append(max(found, key=lambda ending: (ending.runs, -ending.loss)))
            every += [] if label in ceilings else found
    return Bests(frequent, min(every, key=lambda ending: (ending.loss, -ending.runs), default=None))


def _counted(space: SearchSpace, label: str, ended: list[Steps]) -> list[Ending]:
    archs = np.concatenate([steps.archs[-1:] for steps in ended])
    losses = np.array([steps.regrets["validation"][-1] for steps in ended])
    keys = space.key(archs)
    rows = [np.flatnonzero(keys == key) for key in dict.fromkeys(keys.tolist())]
    bests = [part[np.argmin(losses[part])] for part in rows]
    return [
        Ending(label, archs[best], len(part), len(ended), float(losses[best]))
        for part, best in zip(rows, bests, strict=True)
    ]


@dataclass(frozen=True)
class Proposed:
    """All that was proposed on one benchmark.

    Attributes
    ----------
    item : Aligned
    archs : (K, L) unsigned integers
        Different ones, ascending by code.
    losses : (K,) float64
        Their validation regrets.
    row : (T,) int64
        Of each proposal of all runs, by strategy and run: its architecture among `archs`.
    run, strategy, window : (T,) int64
        Run among all, strategy among those of the benchmark, and part of the run from 0 to `WINDOWS` - 1.
    replicates : (R,) int64
        Replicate of each run.
    """

    item: Aligned
    archs: Archs
    losses: FloatArray
    row: IntArray
    run: IntArray
    strategy: IntArray
    window: IntArray
    replicates: IntArray

    @property
    def labels(self) -> list[str]:
        """Strategies, as `strategy` counts them."""
        return list(self.item.steps)

    def visited(self, best: float) -> pd.DataFrame:
        """Return what each strategy visited, means over its runs.

        Parameters
        ----------
        best : float
            Regret up to which an architecture is among the best.

        Returns
        -------
        pandas.DataFrame
            ``benchmark``, ``label``, ``n``; ``proposals``; ``architectures`` and ``functions``, different ones;
            ``distance``, genes in which two proposals of a run differ; ``in_best``, the share of proposals.
        """
        functions = np.unique(self.item.truth.oracle.space.key(self.archs), return_inverse=True)[1]
        runs = len(self.replicates)
        proposals = np.bincount(self.run, minlength=runs)
        in_best = np.bincount(self.run, weights=self.losses[self.row] <= best, minlength=runs)
        columns = {
            "proposals": proposals,
            "architectures": _different(self.run, self.row, runs),
            "functions": _different(self.run, functions[self.row], runs),
            "distance": self._distances(),
            "in_best": in_best / np.maximum(proposals, 1),
        }
        owners = np.zeros(runs, dtype=np.int64)
        owners[self.run] = self.strategy
        frame = pd.DataFrame({"label": np.array(self.labels, dtype=object)[owners], **columns})
        found = frame[frame["proposals"] > 0].groupby("label", sort=False).agg(
            n=("proposals", "size"), **{name: (name, "mean") for name in columns}
        )  # fmt: skip
        return found.reset_index().assign(benchmark=self.item.name)[["benchmark", "label", "n", *columns]]

    def _distances(self) -> FloatArray:
        """Return, for each run, the mean number of genes in which two of its proposals differ: (R,)."""
        runs = len(self.replicates)
        counts = np.maximum(np.bincount(self.run, minlength=runs), 1)
        distances = np.zeros(runs)
        for gene, values in enumerate(self.item.truth.oracle.space.cardinalities.tolist()):
            codes = self.run * values + self.archs[self.row, gene]
            shares = np.bincount(codes, minlength=runs * values).reshape(runs, values) / counts[:, None]
            distances += 1.0 - (shares**2).sum(axis=1)
        apart: FloatArray = distances * counts / np.maximum(counts - 1, 1)  # of two proposals, and not of one twice
        return apart

    def operations(self) -> pd.DataFrame:
        """Return the share of each operation among the proposals of each strategy, in `WINDOWS` parts of its runs.

        Genes count that have the same values, of which there are three or more; of several such groups that of most
        genes.

        Returns
        -------
        pandas.DataFrame
            ``operation``, ``label``, ``x`` (begin of the part, as a share of the run) and ``share``; the last is
            repeated at 1, where the run ends.  Empty where no genes have three values or more.
        """
        space = self.item.truth.oracle.space
        values, genes = operation_genes(space)
        strategies = len(self.labels)
        counts = np.zeros((strategies * WINDOWS, len(values)))
        place = self.strategy * WINDOWS + self.window
        active = space.active(self.archs)
        for gene in genes:
            codes = place * len(values) + self.archs[self.row, gene]
            counted = np.bincount(codes, weights=active[self.row, gene], minlength=counts.size)
            counts += counted.reshape(counts.shape)
        totals = counts.sum(axis=1, keepdims=True)
        shares = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
        shares = shares.reshape(strategies, WINDOWS, len(values))
        return pd.DataFrame(
            [
                (value, label, window / WINDOWS, shares[index, min(window, WINDOWS - 1), code])
                for code, value in enumerate(values)
                for index, label in enumerate(self.labels)
                for window in range(WINDOWS + 1)
            ],
            columns=["operation", "label", "x", "share"],
        ).dropna()


def proposed(item: Aligned) -> Proposed:
    """Collect all proposals of the runs of one benchmark, at whatever fidelity."""
    space = item.truth.oracle.space
    groups = [(index, steps) for index, group in enumerate(item.steps.values()) for steps in group]
    archs = np.concatenate([steps.run.trace.archs for _, steps in groups])
    _, first, row = np.unique(space.code(archs), return_index=True, return_inverse=True)
    lengths = np.array([len(steps.run.trace) for _, steps in groups], dtype=np.int64)
    known = item.truth.regrets_of("validation", item.truth.mean(archs[first], "validation"))
    windows = [np.arange(length) * WINDOWS // max(length, 1) for length in lengths.tolist()]
    return Proposed(
        item,
        archs[first],
        known,
        row.ravel().astype(np.int64),
        np.repeat(np.arange(len(groups)), lengths),
        np.repeat(np.array([index for index, _ in groups], dtype=np.int64), lengths),
        np.concatenate(windows).astype(np.int64),
        np.array([steps.run.replicate for _, steps in groups], dtype=np.int64),
    )


def operation_genes(space: SearchSpace) -> tuple[tuple[str, ...], list[int]]:
    """Return the values that most genes have in common, and these genes; none where no gene has three values."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for gene, values in enumerate(space.legend().values()):
        if len(values) >= _FEWEST_VALUES:
            groups.setdefault(tuple(map(str, values)), []).append(gene)
    return max(groups.items(), key=lambda pair: len(pair[1]), default=((), []))


def _different(group: IntArray, values: IntArray, groups: int) -> IntArray:
    """Count the different values in each group: (T,), (T,) to (groups,)."""
    count = int(values.max(initial=0)) + 1
    pairs = np.sort(group * count + values)  # np.unique hashes, which takes ten times as long
    counts: IntArray = np.bincount(pairs[np.diff(pairs, prepend=-1) != 0] // count, minlength=groups)
    return counts
