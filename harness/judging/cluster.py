"""The use of a simulated cluster: what its workers did while a run lasted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.checks import FloatArray
from harness.records import Run


class Usage(NamedTuple):
    """What the workers of a run did, as shares of workers times horizon; they add up to 1.

    Attributes
    ----------
    useful : float
        Trained what was told, failed attempts apart.
    wasted : float
        Trained what failed: died, was killed at its timeout.
    blocked : float
        Waited for a running training that theirs continues or repeats.
    idle : float
        Had nothing to do, or did what the budget cut off.
    """

    useful: float
    wasted: float
    blocked: float
    idle: float


def usage(run: Run, n_workers: int, horizon: float) -> Usage:
    """Return what the workers of a run did; NaN where the table has no training seconds or nothing was told.

    Parameters
    ----------
    run : Run
    n_workers : int
    horizon : float
        Simulated seconds that the run lasted: its budget where that ended it, else until its last result.
    """
    trace = run.trace
    if not len(trace) or not horizon > 0 or not np.isfinite(trace.finished_seconds).all():
        return Usage(*[float("nan")] * 4)
    busy = float(np.nansum(trace.seconds))
    wasted = float(np.nansum(run.beside["wasted_seconds"])) if "wasted_seconds" in run.beside else 0.0
    waits: FloatArray = trace.finished_seconds - trace.started_seconds - np.nan_to_num(trace.seconds)
    blocked = float(np.maximum(waits, 0.0).sum())
    whole = n_workers * horizon
    return Usage((busy - wasted) / whole, wasted / whole, blocked / whole, 1.0 - (busy + blocked) / whole)


def horizon_of(run: Run, seconds: float | None) -> float:
    """Return how many simulated seconds a run lasted, under a budget of `seconds` or of something else (None)."""
    if seconds is not None and run.stopped == "budget":
        last = float(run.trace.finished_seconds[-1]) if len(run.trace) else 0.0
        return max(float(seconds), last)
    return float(run.trace.finished_seconds[-1]) if len(run.trace) else 0.0
