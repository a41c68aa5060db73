"""The cost ledger: everything that a search spends, in units of one full training, T1.

T1 is the mean time of a full training of the table when architectures are drawn uniformly from the space: what one
training costs before anything is known.  The ledger also counts the training of the answer, which every search
needs and few papers charge.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from math import isnan, nan, prod

import numpy as np

from harness.benchmark import Oracle
from harness.errors import HarnessError
from harness.records import Trace

CLAIM = 2.5
"""Units that pages mark on axes of time: "a search costs less than 2.5 trainings" is what a vendor promises."""
_MOST_LISTED = 2**20
_ROUNDING = 1e-9
"""Of the time of all workers: idle below it is the rounding of sums."""


@dataclass(frozen=True)
class Ledger:
    """What one run spent, each in units of one full training.

    Attributes
    ----------
    full, low : float
        Charged trainings that reached the full fidelity, with the slices that they continue, and all others.
    failed : float
        Trainings without a result.
    idle : float
        Time of workers without a training that was told: idle, waiting, or cut off by the end of the budget.
    signals : float
        Columns read before training, such as zero-cost scores.
    others : float
        Finished trainings of other tables, where they are charged.
    final : float
        One full training of the answer: 1, also where the search has trained it, for with what a search knows nobody
        ships a network.
    chosen : float
        What one full training of the answer takes; NaN where there is none or its time is not known.  Not in `total`.
    """

    full: float
    low: float
    idle: float
    signals: float = 0.0
    others: float = 0.0
    failed: float = 0.0
    final: float = 1.0
    chosen: float = nan

    @property
    def search(self) -> float:
        """Everything but the training of the answer."""
        return self.full + self.low + self.failed + self.idle + self.signals + self.others

    @property
    def total(self) -> float:
        """Everything."""
        return self.search + self.final


def unit_seconds(oracle: Oracle) -> float:
    """Return T1 of a table in seconds: the mean of a full training over the architectures of the space.

    It is what the oracle says, where seconds are a formula.  Else it is over the rows of the table where the space has
    too many codings to be listed, or the table has not all of them; NaN where it has no training seconds.  A pass over
    the validation images is not in it.

    Parameters
    ----------
    oracle : Oracle
    """
    column = getattr(oracle, "seconds", None)
    if column is None:
        return nan
    said: float | None = getattr(oracle, "unit_seconds", None)
    if said is not None:
        return said
    space = oracle.space
    codings = prod(space.cardinalities.tolist())
    values = oracle.values(column)
    if codings <= _MOST_LISTED:
        archs = space.decode(np.arange(codings, dtype=np.uint64))
        with suppress(HarnessError):  # of a partial table, whose rows are all that is known
            values = oracle.mean(archs[space.is_valid(archs)], column)
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else nan


def ledger(
    trace: Trace,
    fidelity: int,
    unit: float,
    *,
    n_workers: int = 1,
    deadline: float | None = None,
    signals_seconds: float = 0.0,
    others_seconds: float = 0.0,
    chosen_seconds: float = nan,
    slices: Collection[int] = (),
) -> Ledger:
    """Return what a run spent.

    Parameters
    ----------
    trace : Trace
        Of a table with training seconds.
    fidelity : int
        Index of the full fidelity.
    unit : float
        T1 in seconds, greater than 0; see `unit_seconds`.
    n_workers : int
        Simulated workers: all of them are paid for until the end.
    deadline : float, optional
        Simulated seconds at which the budget ended the run; the default is when its last training ended.
    signals_seconds : float
        What columns read before training took, all together.
    others_seconds : float
        What finished trainings of other tables cost, before the run.
    chosen_seconds : float
        What one full training of the answer takes.
    slices : collection of int, optional
        Indices of the fidelities that the full one continues, where a continued training is charged by its increment.

    Raises
    ------
    HarnessError
        If `unit` is not a positive number.

    Examples
    --------
    >>> rows = np.zeros((3, 1), dtype=np.uint8), np.array([0, 1, 1]), np.zeros(3, dtype=np.int64)
    >>> times = np.array([10.0, 40.0, 50.0]), np.array([0.0, 0.0, 40.0]), np.array([10.0, 40.0, 90.0])
    >>> run = Trace(*rows, np.ones((3, 1)), np.zeros((3, 0)), *times, np.array([0, 1, 1]), np.ones(3, dtype=bool))
    >>> spent = ledger(run, 1, 50.0, n_workers=2)
    >>> spent.low, spent.full, spent.idle, spent.total
    (0.2, 1.8, 1.6, 4.6)
    """
    if not unit > 0:
        raise HarnessError(f"`unit` must be the seconds of one full training, greater than 0, got {unit!r}")
    seconds = np.where(trace.charged & np.isfinite(trace.seconds), trace.seconds, 0.0)
    failed = ~np.isfinite(trace.objectives).all(axis=1)
    is_full = (trace.fidelity == fidelity) & ~failed
    if slices and is_full.any():
        _, of = np.unique(trace.archs, axis=0, return_inverse=True)
        reached = np.isin(of.ravel(), of.ravel()[is_full])
        is_full = is_full | (reached & np.isin(trace.fidelity, list(slices)) & ~failed)
    last = float(np.nanmax(trace.finished_seconds, initial=0.0)) if len(trace) else 0.0
    end = last if deadline is None or isnan(deadline) else max(deadline, last)
    busy = float(seconds.sum()) + signals_seconds + others_seconds  # all on the clock of the workers
    idle = n_workers * end - busy
    return Ledger(
        full=float(seconds[is_full].sum()) / unit,
        low=float(seconds[~is_full & ~failed].sum()) / unit,
        failed=float(seconds[failed].sum()) / unit,
        idle=idle / unit if idle > _ROUNDING * n_workers * end else 0.0,
        signals=signals_seconds / unit,
        others=others_seconds / unit,
        chosen=chosen_seconds / unit,
    )
