"""The incumbent of a run: the architecture that it would hand over, as the rows told come in.

A row is eligible when it keeps all constraints and did not fail.  Which eligible row is the incumbent is a rule that
whoever judges declares: by default the best value at the full fidelity, ties to the earliest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.benchmark import Oracle
from harness.checks import Archs, BoolArray, IntArray, choice
from harness.problem import Constraint
from harness.records import Run, Trace

RULES = ("full", "highest_fidelity", "recommended")
"""How the incumbent is decided: the best at the full fidelity; the best at the highest fidelity that was reached so
far; or what the strategy itself recommends, where it does, and the first rule where it does not."""


class Incumbents(NamedTuple):
    """The incumbents of a run, one after the other.

    Attributes
    ----------
    rows : (k,) int64
        Rows of the trace after which each is the incumbent, ascending.
    archs : (k, L) unsigned integers
    """

    rows: IntArray
    archs: Archs


def feasible(trace: Trace) -> BoolArray:
    """Return which rows keep all constraints, (T,); a constraint value that is missing (NaN) is not kept."""
    kept: BoolArray = np.all(trace.constraints <= 0, axis=1)
    return kept


def keeps(oracle: Oracle, constraints: Sequence[Constraint], archs: Archs) -> BoolArray:
    """Return which architectures keep all constraints by the table's own means: (n, L) to (n,).

    What a strategy recommends need not have been told, so nothing else says whether it keeps them.
    """
    kept = np.ones(len(archs), dtype=bool)
    for constraint in constraints:
        kept &= constraint.violation(oracle.mean(archs, constraint.name)) <= 0
    return kept


def eligible(trace: Trace, fidelity: int) -> BoolArray:
    """Return which rows may become incumbent, (T,).

    Parameters
    ----------
    trace : Trace
        Of T rows; its first objective is the one judged.
    fidelity : int
        Index of the full fidelity; rows of lower ones are not eligible.
    """
    rows: BoolArray = (trace.fidelity == fidelity) & feasible(trace) & np.isfinite(trace.objectives[:, 0])
    return rows


def incumbents(trace: Trace, fidelity: int, rule: str = "full") -> IntArray:
    """Return the rows at which the incumbent changes, ascending.

    Parameters
    ----------
    trace : Trace
        Of T rows, in the order in which they were told.
    fidelity : int
        Index of the full fidelity.
    rule : {"full", "highest_fidelity"}
        See `RULES`.

    Returns
    -------
    (k,) int64
        The last is the final incumbent; empty where no row is eligible.
    """
    if rule == "highest_fidelity":
        known = feasible(trace) & np.isfinite(trace.objectives[:, 0])
        return _firsts(np.lexsort((trace.objectives[:, 0], -trace.fidelity)), known)
    values = np.where(eligible(trace, fidelity), trace.objectives[:, 0], np.inf)
    before = np.minimum.accumulate(np.concatenate([[np.inf], values[:-1]]))
    return np.flatnonzero(values < before)


def handed_over(run: Run, fidelity: int, rule: str = "full") -> Incumbents:
    """Return what a run of one objective would hand over as it goes on; none where there is nothing.

    Parameters
    ----------
    run : Run
    fidelity : int
        Index of the full fidelity.
    rule : str
        One of `RULES`; of several architectures that a strategy recommends at once, the first counts.
    """
    if choice("rule", rule, RULES) == "recommended" and run.recommended is not None:
        first = np.flatnonzero(np.diff(run.recommended.after, prepend=-1))
        return Incumbents(run.recommended.after[first], run.recommended.archs[first])
    rows = incumbents(run.trace, fidelity, rule)
    return Incumbents(rows, run.trace.archs[rows])


def _firsts(order: IntArray, known: BoolArray) -> IntArray:
    """Return the rows that are better than all before them, given all rows from the best to the worst; (T,) to (k,)."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    rank[~known] = len(order)
    before = np.minimum.accumulate(np.concatenate([[len(order)], rank[:-1]]))
    return np.flatnonzero(rank < before)
