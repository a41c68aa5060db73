"""The reading of a search's value at a budget, by our step rule and as the codes of papers read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.benchmark import Oracle
from harness.checks import Archs, FloatArray, IntArray
from harness.errors import ResultError, must
from harness.judging.incumbent import incumbents
from harness.records import Run

_NEAREST = 2


@dataclass(frozen=True, eq=False)
class ReadOut:
    """The architectures of which a value is read, of R runs.

    Attributes
    ----------
    archs : (R, k, L) unsigned integers
    weights : (R, k) float64
        Of the values of these architectures; they add up to 1.
    evaluations : (R,) int64
        Evaluations until the budget.
    """

    archs: Archs
    weights: FloatArray
    evaluations: IntArray

    def values(self, oracle: Oracle, column: str) -> FloatArray:
        """Return the value of each run by the means of a table: (R,)."""
        means = oracle.mean(self.archs.reshape(-1, self.archs.shape[2]), column)
        return np.asarray((means.reshape(self.weights.shape) * self.weights).sum(axis=1))


def step(runs: Sequence[Run], fidelity: int) -> ReadOut:
    """Read the final incumbent of each run: the best at the full fidelity, ties to the earliest.

    Parameters
    ----------
    runs : sequence of Run
    fidelity : int
        Index of the full fidelity.

    Raises
    ------
    ResultError
        If a run has no incumbent.
    """
    found = [incumbents(run.trace, fidelity) for run in runs]
    if lacking := sum(not len(rows) for rows in found):
        raise ResultError(f"{lacking} of {len(runs)} runs have no incumbent: there is no value to read")
    archs = np.stack([run.trace.archs[rows[-1:]] for run, rows in zip(runs, found, strict=True)])
    return ReadOut(archs, np.ones(archs.shape[:2]), np.array([len(run.trace) for run in runs]))


def nats(runs: Sequence[Run], fidelity: int, at: float) -> ReadOut:
    """Read the value at a budget as the authors of NATS-Bench do.

    A search runs until its clock has passed the budget, so its last evaluation overshoots.  Of all evaluations, the two
    whose ends lie nearest to the budget are taken, whether before or after it, and the line through the values of the
    incumbents at these two moments is read at the budget (``query_performance`` in exps/NATS-Bench/draw-table.py of
    AutoDL-Projects).  Where both lie before it, that extrapolates.

    Parameters
    ----------
    runs : sequence of Run
        Of one simulated worker, with a budget of more seconds than `at`.
    fidelity : int
        Index of the full fidelity.
    at : float
        Seconds.

    Raises
    ------
    ResultError
        If a run has no evaluation that ends after the budget, fewer than two, or one without a result.
    """
    archs, weights, evaluations = [], [], []
    for run in runs:
        times = run.trace.finished_seconds
        past = int(np.searchsorted(times, at))
        if past >= len(times):
            rule = f"overshoot the {at:g} s that are read: give `budget.seconds` the time of one evaluation more"
            raise ResultError(must(f"budget of {run.label} on {run.benchmark}", rule, float(times[-1:].sum())))
        rows = incumbents(run.trace.part(0, past + 1), fidelity)
        if past + 1 < _NEAREST or not len(rows) or rows[0]:
            raise ResultError(
                f"{run.label} on {run.benchmark}, replicate {run.replicate}: too little to read at {at:g} s"
            )
        first, second = np.argsort(np.abs(times[: past + 1] - at), kind="stable")[:_NEAREST].tolist()
        share = (at - times[first]) / (times[second] - times[first])
        held = rows[np.searchsorted(rows, [first, second], side="right") - 1]
        archs.append(run.trace.archs[held])
        weights.append([1.0 - share, share])
        evaluations.append(past + 1)
    return ReadOut(np.stack(archs), np.array(weights), np.array(evaluations))
