"""What an evaluation costs: duplicates and continued trainings."""

from __future__ import annotations

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray
from harness.errors import StrategyError
from harness.problem import Problem
from harness.records import Evaluations


class Charges:
    """Remembers what each replicate has paid for, and charges the next rows by the budget's rules.

    Two rows are the same work when they have the same integers and the same fidelity.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        budget = problem.budget
        self._plain = budget.duplicates == "charged" and budget.multi_fidelity == "from_scratch"
        self._paid: dict[tuple[int, int, int], float] = {}

    def of_rows(self, replicates: IntArray, evaluations: Evaluations) -> tuple[FloatArray, BoolArray]:
        """Charge rows, in order.

        Parameters
        ----------
        replicates : (n,) int64
        evaluations : Evaluations
            n rows; `Evaluations.seconds` is the cost from scratch.

        Returns
        -------
        seconds : (n,) float64
            To be spent on the simulated clock.
        charged : (n,) bool
            Whether the row counts as an evaluation.

        Raises
        ------
        StrategyError
            If duplicates are forbidden and a row is one.
        """
        charged = np.ones(len(evaluations), dtype=bool)
        if self._plain:
            return evaluations.seconds, charged
        seconds = evaluations.seconds.copy()
        codes = self._problem.space.code(evaluations.archs)
        columns = zip(replicates.tolist(), codes.tolist(), evaluations.fidelity.tolist(), strict=True)
        for row, (replicate, code, fidelity) in enumerate(columns):
            work = (replicate, code, fidelity)
            if work in self._paid:
                if self._problem.budget.duplicates == "forbidden":
                    text = self._problem.space.format(evaluations.archs[row : row + 1])[0]
                    raise StrategyError(
                        f"`duplicates = \"forbidden\"`: '{text}' was proposed twice by replicate {replicate}; "
                        "propose each architecture once, or choose 'charged' or 'free'"
                    )
                if self._problem.budget.duplicates == "free":
                    seconds[row], charged[row] = 0.0, False
            else:
                self._paid[work] = float(seconds[row])
                if self._problem.budget.multi_fidelity == "resumable":
                    seconds[row] -= self._continued(replicate, code, fidelity)
        return seconds, charged

    def _continued(self, replicate: int, code: int, fidelity: int) -> float:
        """Return the seconds already paid for the training that this fidelity continues."""
        earlier = self._problem.fidelities[fidelity].continues
        while earlier is not None:
            if (replicate, code, earlier) in self._paid:
                return self._paid[replicate, code, earlier]
            earlier = self._problem.fidelities[earlier].continues
        return 0.0
