"""The cost of evaluations: duplicates and continued trainings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray
from harness.errors import StrategyError
from harness.problem import Problem
from harness.records import Evaluations


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
    """

    seconds: FloatArray
    duration: FloatArray
    charged: BoolArray


class _Paid(NamedTuple):
    """Work that was paid for: training from scratch (never less than what it continues), in fact, and when done."""

    scratch: float
    charged: float
    done: float


class Charges:
    """Remembers what each replicate has paid for, and charges the next rows by the budget's rules.

    Two rows are the same work when they have the same integers and the same fidelity.  No charge is negative: where a
    table tells fewer seconds after more epochs (a mean over runs of which one failed), the later epoch costs nothing.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        budget = problem.budget
        self._plain = budget.duplicates == "charged" and budget.multi_fidelity == "from_scratch"
        self._paid: dict[tuple[int, int, int], _Paid] = {}

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
        charged = np.ones(len(evaluations), dtype=bool)
        if self._plain:
            return Bill(evaluations.seconds, evaluations.seconds, charged)
        seconds, waits = evaluations.seconds.copy(), np.zeros(len(evaluations))
        codes = self._problem.space.code(evaluations.archs)
        columns = zip(replicates.tolist(), codes.tolist(), evaluations.fidelity.tolist(), strict=True)
        for row, work in enumerate(columns):
            extra = 0.0 if passes is None else float(passes[row])
            scratch = float(evaluations.seconds[row]) - extra
            now = -np.inf if clock is None else float(clock[row])
            again = self._paid.get(work)
            if again is not None:
                seconds[row], charged[row] = self._repeated(row, work[0], evaluations, again)
            free = again is not None and not charged[row]
            earlier = again if free else self._continued(*work)
            if earlier is not None:
                waits[row] = 0.0 if clock is None else max(0.0, earlier.done - now)
                if again is None:
                    scratch = earlier.scratch if scratch < earlier.scratch else scratch  # `max` would lose a NaN
                    seconds[row] = scratch - earlier.scratch + extra
            if again is None:
                done = now + waits[row] + float(seconds[row])
                self._paid[work] = _Paid(scratch, float(seconds[row]), done)
        return Bill(seconds, waits + seconds, charged)

    def _repeated(self, row: int, replicate: int, evaluations: Evaluations, again: _Paid) -> tuple[float, bool]:
        """Return seconds and whether it counts, of work that was proposed before."""
        duplicates = self._problem.budget.duplicates
        if duplicates == "forbidden":
            text = self._problem.space.format(evaluations.archs[row : row + 1])[0]
            raise StrategyError(
                f"`duplicates = \"forbidden\"`: '{text}' was proposed twice by replicate {replicate}; "
                "propose each architecture once, or choose 'charged' or 'free'"
            )
        return (0.0, False) if duplicates == "free" else (again.charged, True)

    def _continued(self, replicate: int, code: int, fidelity: int) -> _Paid | None:
        """Return the paid training that this one continues, None where it starts from scratch."""
        if self._problem.budget.multi_fidelity == "from_scratch":
            return None
        earlier = self._problem.fidelities[fidelity].continues
        while earlier is not None:
            if (replicate, code, earlier) in self._paid:
                return self._paid[replicate, code, earlier]
            earlier = self._problem.fidelities[earlier].continues
        return None
