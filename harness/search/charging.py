"""The cost of evaluations: duplicates, continued trainings, epochs, and mishaps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray, UInt64Array
from harness.errors import StrategyError
from harness.problem import Problem
from harness.records import Evaluations
from harness.search.mishaps import Fates, Mishaps


class Bill(NamedTuple):
    """The cost of n rows.

    Attributes
    ----------
    seconds : (n,) float64
        Charged.
    duration : (n,) float64
        On the simulated clock: the seconds charged, after waiting for running work that the row repeats or continues.
    charged : (n,) bool
        Whether the row counts as an evaluation.
    epochs : (n,) float64
        Charged, by the share of the data that an epoch goes over.
    wasted : (n,) float64
        Seconds charged for attempts that failed.
    attempts : (n,) int64
        0 for what costs nothing.
    failed : (n,) bool
        Whether a mishap left no result.
    """

    seconds: FloatArray
    duration: FloatArray
    charged: BoolArray
    epochs: FloatArray
    wasted: FloatArray
    attempts: IntArray
    failed: BoolArray


class _Paid(NamedTuple):
    """Work that was paid for: from scratch (never less than what it continues), what it cost, and when it is done."""

    scratch: float
    epoch: float
    seconds: float
    epochs: float
    wasted: float = 0.0
    attempts: int = 1
    failed: bool = False
    done: float = -np.inf


_TAKEN = ("seconds", "epochs", "wasted", "attempts", "failed")
"""What a bill says of paid work."""


def _first(scratch: float, extra: float, epoch: float, earlier: _Paid | None) -> _Paid:
    """Return the cost of work that was not paid for, beyond what it continues."""
    if earlier is None:
        return _Paid(scratch, epoch, scratch + extra, epoch)
    scratch = earlier.scratch if scratch < earlier.scratch else scratch  # `max` would lose a NaN
    return _Paid(scratch, epoch, scratch - earlier.scratch + extra, max(0.0, epoch - earlier.epoch))


def _suffered(cost: _Paid, fates: Fates, row: int) -> _Paid:
    """Return the cost of work with what became of it."""
    factor, wasted, attempts, failed = (column[row].item() for column in fates)
    return cost._replace(
        seconds=cost.seconds * factor,
        epochs=cost.epochs * factor,
        wasted=cost.seconds * wasted,
        attempts=attempts,
        failed=failed,
    )


class Charges:
    """Remembers what each replicate has paid for, and charges the next rows by the budget's rules.

    Two rows are the same work when they have the same integers and the same fidelity.  No charge is negative: where a
    table tells fewer seconds after more epochs (a mean over runs of which one failed), the later epoch costs nothing.
    What a mishap ended is paid for and continued by nothing.

    Parameters
    ----------
    problem : Problem
    mishaps : (Mishaps, (R,) uint64), optional
        What goes wrong, and the noise seeds of the replicates.
    """

    def __init__(self, problem: Problem, mishaps: tuple[Mishaps, UInt64Array] | None = None) -> None:
        self._problem = problem
        self._mishaps = mishaps
        budget = problem.budget
        self._plain = budget.duplicates == "charged" and budget.multi_fidelity == "from_scratch"
        self._paid: dict[tuple[int, int, int], _Paid] = {}
        self._epochs = np.array([item.data_epochs for item in problem.fidelities])

    def of_rows(
        self,
        replicates: IntArray,
        evaluations: Evaluations,
        clock: FloatArray | None,
        passes: FloatArray | None = None,
    ) -> Bill:
        """Charge rows, in order.

        Parameters
        ----------
        replicates : (n,) int64
        evaluations : Evaluations
            n rows; `Evaluations.seconds` is the cost from scratch.
        clock : (n,) float64 or None
            When each row starts; None where all earlier work is done by then.
        passes : (n,) float64, optional
            What of the seconds is a pass over the validation images: a continued training takes it anew.

        Raises
        ------
        StrategyError
            If duplicates are forbidden and a row is one.
        """
        count = len(evaluations)
        fates = self._fates(replicates, evaluations)
        epochs = self._epochs[evaluations.fidelity]
        if self._plain:
            charged = np.ones(count, dtype=bool)
            if self._mishaps is None:
                return Bill(evaluations.seconds, evaluations.seconds, charged, epochs, *fates[1:])
            seconds = evaluations.seconds * fates.factor
            wasted = evaluations.seconds * fates.wasted
            return Bill(seconds, seconds, charged, epochs * fates.factor, wasted, fates.attempts, fates.failed)
        charged, waits = np.ones(count, dtype=bool), np.zeros(count)
        costs: list[_Paid] = []
        codes = self._problem.space.code(evaluations.archs)
        columns = zip(replicates.tolist(), codes.tolist(), evaluations.fidelity.tolist(), strict=True)
        for row, work in enumerate(columns):
            again = self._paid.get(work)
            cost = None if again is None else self._repeated(row, work[0], evaluations, again)
            charged[row] = cost is again
            earlier = self._continued(*work) if charged[row] else again
            if clock is not None and earlier is not None:
                waits[row] = max(0.0, earlier.done - float(clock[row]))
            if cost is None:
                extra = 0.0 if passes is None else float(passes[row])
                cost = _first(float(evaluations.seconds[row]) - extra, extra, float(epochs[row]), earlier)
                cost = cost if self._mishaps is None else _suffered(cost, fates, row)
                now = -np.inf if clock is None else float(clock[row])
                cost = self._paid[work] = cost._replace(done=now + waits[row] + cost.seconds)
            costs.append(cost)
        said = {name: np.array([getattr(cost, name) for cost in costs]) for name in Bill._fields if name in _TAKEN}
        return Bill(duration=waits + said["seconds"], charged=charged, **said)

    def _fates(self, replicates: IntArray, evaluations: Evaluations) -> Fates:
        """Return what becomes of each row; all goes well where there are no mishaps."""
        count = len(evaluations)
        if self._mishaps is None:
            nothing = np.zeros(count)
            return Fates(np.ones(count), nothing, np.ones(count, dtype=np.int64), nothing.astype(bool))
        mishaps, seeds = self._mishaps
        return mishaps.fates(seeds[replicates], self._problem.space.code(evaluations.archs), evaluations.fidelity)

    def _repeated(self, row: int, replicate: int, evaluations: Evaluations, again: _Paid) -> _Paid:
        """Return the cost of work that was proposed before: the same again, or nothing."""
        duplicates = self._problem.budget.duplicates
        if duplicates == "forbidden":
            text = self._problem.space.format(evaluations.archs[row : row + 1])[0]
            raise StrategyError(
                f"`duplicates = \"forbidden\"`: '{text}' was proposed twice by replicate {replicate}; "
                "propose each architecture once, or choose 'charged' or 'free'"
            )
        free = duplicates == "free"
        return again._replace(seconds=0.0, epochs=0.0, wasted=0.0, attempts=0) if free else again

    def _continued(self, replicate: int, code: int, fidelity: int) -> _Paid | None:
        """Return the paid training that this one continues, None where it starts from scratch."""
        if self._problem.budget.multi_fidelity == "from_scratch":
            return None
        before = self._problem.fidelities[fidelity].continues
        while before is not None:
            earlier = self._paid.get((replicate, code, before))
            if earlier is not None and not earlier.failed:
                return earlier
            before = self._problem.fidelities[before].continues
        return None
