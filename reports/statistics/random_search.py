"""The exact law of random search on a table: no simulation, for every number of evaluations at once.

An atom is what one draw can show: an architecture, or one training run of an architecture where the table's noise is
drawn.  The incumbent of n draws is the atom that shows best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from harness.checks import FloatArray, IntArray
from harness.errors import HarnessError
from reports.statistics.centres import cut_of


@dataclass(frozen=True)
class Atoms:
    """What a uniform draw from a table can show.

    Attributes
    ----------
    shown : (K,) float64
        Value told to the strategy, to be minimised.
    weight : (K,) float64
        Probability of each atom; adds up to 1.
    rows : int
        Architectures of the table, N.
    """

    shown: FloatArray
    weight: FloatArray
    rows: int

    @classmethod
    def of_runs(cls, runs: FloatArray) -> tuple[Atoms, IntArray]:
        """Return the atoms of a table, and the row of each atom.

        Parameters
        ----------
        runs : (N, s) float64
            Values to minimise of each training run, NaN where there is none; s = 1 for means.
        """
        present = ~np.isnan(runs)
        rows, _ = np.nonzero(present)
        weight = 1.0 / present.sum(axis=1)[rows] / present.any(axis=1).sum()
        return cls(runs[present], weight, len(runs)), rows


def incumbent_law(atoms: Atoms, n: IntArray, *, replacement: bool) -> tuple[IntArray, FloatArray]:
    """Return how probable it is that each atom is the incumbent of n draws.

    Sorted from best to worst, the best of n draws is worse than an atom with probability ``S**n`` (with replacement;
    S = weight of all worse atoms) or ``C(SN, n) / C(N, n)`` (distinct architectures).  Atoms that show the same value
    share by weight: the earliest of a tie is any of them.  Exact with replacement up to an architecture that is drawn
    twice (it shows one value, the formula draws anew), and without replacement for one atom for each row.

    Parameters
    ----------
    atoms : Atoms
    n : (T,) int64
        Numbers of draws, at least 1.

    Returns
    -------
    order : (K,) int64
        Atoms from best to worst.
    law : (T, K) float64
        Probabilities in that order; rows add up to 1.
    """
    if len(n) and (n.min() < 1 or (not replacement and n.max() > atoms.rows)):
        raise HarnessError(f"`n` must lie in 1..{atoms.rows}, got {n.min()}..{n.max()}")
    order = np.argsort(atoms.shown, kind="stable")
    shown, weight = atoms.shown[order], atoms.weight[order]
    first = np.concatenate([[True], shown[1:] != shown[:-1]])
    group = np.cumsum(first) - 1
    group_weight = np.bincount(group, weight)
    worse = np.clip(1.0 - np.concatenate([[0.0], np.cumsum(group_weight)]), 0.0, 1.0)  # weight from each group on
    worse[-1] = 0.0
    beyond = _all_beyond(worse, n, None if replacement else atoms.rows)
    of_group = beyond[:, :-1] - beyond[:, 1:]
    return order, of_group[:, group] * (weight / group_weight[group])


def _all_beyond(worse: FloatArray, n: IntArray, rows: int | None) -> FloatArray:
    """Return the probability that all n draws are among atoms of a total weight: (G,) to (T, G)."""
    if rows is None:
        with np.errstate(divide="ignore"):
            return np.asarray(np.exp(n[:, None] * np.log(worse)))
    left = worse * rows
    draws = n[:, None].astype(np.float64)
    possible = left - draws > -1e-6
    rest = np.where(possible, np.maximum(left - draws, 0.0), 0.0)
    log_ratio = gammaln(left + 1) - gammaln(rest + 1) - gammaln(rows + 1) + gammaln(rows - draws + 1)
    return np.where(possible, np.exp(log_ratio), 0.0)


def exact_centre(atoms: Atoms, outcome: FloatArray, n: IntArray, centre: str, *, replacement: bool) -> FloatArray:
    """Return the median, IQM or mean of the incumbent's outcome over infinitely many runs: (T,).

    The curve that the same centre of a random search's runs converges to.
    """
    out = np.empty(len(n))
    for start in range(0, len(n), 16):  # 16 laws of 50,000 atoms are 6 MB
        part = slice(start, start + 16)
        order, law = incumbent_law(atoms, n[part], replacement=replacement)
        out[part] = _centre_of_law(law, outcome[order], centre)
    return out


def _centre_of_law(law: FloatArray, outcome: FloatArray, centre: str) -> FloatArray:
    """Return the median, IQM or mean of outcomes, (K,), under laws, (T, K): (T,)."""
    cut_of(1, centre)  # one wording for an unknown centre
    low, high = {"median": (0.5, 0.5), "iqm": (0.25, 0.75), "mean": (0.0, 1.0)}[centre]
    by_outcome = np.argsort(outcome, kind="stable")
    ordered = outcome[by_outcome]
    upper = np.cumsum(law[:, by_outcome], axis=1)
    if low == high:
        middle: FloatArray = ordered[np.minimum((upper < low).sum(axis=1), len(ordered) - 1)]
        return middle
    inside = np.diff(np.clip(upper, low, high), axis=1, prepend=low)
    part: FloatArray = np.clip(inside @ ordered / (high - low), ordered[0], ordered[-1])
    return part


def whole_table_law(atoms: Atoms, rows: IntArray) -> FloatArray:
    """Return how probable it is that each atom is the incumbent of a search of the whole table.

    Every row shows one of its atoms, drawn by weight and independently of other rows; the best that is shown is the
    incumbent.  The best is worse than a value with the product over rows of the weight of their worse atoms.  Atoms
    that show the same value share by weight.

    Parameters
    ----------
    atoms : Atoms
    rows : (K,) int64
        Row of each atom.

    Returns
    -------
    (K,) float64
        Probabilities; they add up to 1.
    """
    law = np.zeros(len(rows))
    share = atoms.weight / np.bincount(rows, atoms.weight)[rows]  # of its row
    left = np.ones(int(rows.max()) + 1)
    beyond = 1.0
    order = np.argsort(atoms.shown, kind="stable")
    starts = np.flatnonzero(np.diff(atoms.shown[order], prepend=np.nan) != 0)
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        group = order[start:stop]
        touched = np.unique(rows[group])
        before = left[touched].copy()
        np.subtract.at(left, rows[group], share[group])
        left[touched] = np.where(left[touched] < 1e-9, 0.0, left[touched])
        after = beyond * float(np.prod(left[touched] / before))
        law[group] = (beyond - after) * atoms.weight[group] / atoms.weight[group].sum()
        beyond = after
        if beyond < 1e-12:
            break
    probabilities: FloatArray = law / law.sum()
    return probabilities


def whole_table_centre(atoms: Atoms, rows: IntArray, outcome: FloatArray, centre: str) -> float:
    """Return the median, IQM or mean outcome of the incumbent of a search of the whole table."""
    return float(_centre_of_law(whole_table_law(atoms, rows)[None], outcome, centre)[0])
