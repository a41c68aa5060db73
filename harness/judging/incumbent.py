"""The incumbent of a run: the best architecture that the strategy has been told of so far.

A row is eligible when it was trained at the full fidelity, keeps all constraints and did not fail.  The incumbent after
a row is the eligible row with the best value told, ties to the earliest; where no row is eligible there is none.
"""

from __future__ import annotations

import numpy as np

from harness.checks import BoolArray, IntArray
from harness.records import Trace


def feasible(trace: Trace) -> BoolArray:
    """Return which rows keep all constraints, (T,); a constraint value that is missing (NaN) is not kept."""
    kept: BoolArray = np.all(trace.constraints <= 0, axis=1)
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


def incumbents(trace: Trace, fidelity: int) -> IntArray:
    """Return the rows at which the incumbent changes, ascending.

    Parameters
    ----------
    trace : Trace
        Of T rows, in the order in which they were told.
    fidelity : int
        Index of the full fidelity.

    Returns
    -------
    (k,) int64
        The last is the final incumbent; empty where no row is eligible.
    """
    values = np.where(eligible(trace, fidelity), trace.objectives[:, 0], np.inf)
    before = np.minimum.accumulate(np.concatenate([[np.inf], values[:-1]]))
    return np.flatnonzero(values < before)


def final_incumbent(trace: Trace, fidelity: int) -> int | None:
    """Return the row of the incumbent after the whole trace; None if no row is eligible."""
    rows = incumbents(trace, fidelity)
    return int(rows[-1]) if len(rows) else None
