"""The problem: all that a strategy may know about what it optimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import choice, integer, real
from harness.errors import HarnessError, must
from harness.space import SearchSpace

DIRECTIONS = ("maximise", "minimise")
DUPLICATES = ("charged", "free", "forbidden")
MULTI_FIDELITY = ("from_scratch", "resumable")
MOST_EVALUATIONS, MOST_SECONDS = 10**8, 1e12
"""Of a budget: what a run of the fastest strategy reaches within hours, and thirty thousand years."""
TABLE_SEEDS = ("one_draw_per_arch", "mean", "fixed")


@dataclass(frozen=True)
class Objective:
    """One column to optimise, and how it is turned into a number to minimise.

    Attributes
    ----------
    name : str
        Column of the benchmark, for example ``"valid_accuracy"``.
    direction : {"maximise", "minimise"}
        Of the column as it is published.
    unit : str
        Of the column, for example ``"percent"``.
    best : float or None
        The best value that can be thought of, in the column's unit (100 for an accuracy in percent).  A maximised
        column with a `best` is minimised as ``best - value`` (an error), without one as ``-value``.
    """

    name: str
    direction: str = "minimise"
    unit: str = ""
    best: float | None = None

    def __post_init__(self) -> None:
        choice("direction", self.direction, DIRECTIONS)

    def to_minimised(self, values: npt.ArrayLike) -> npt.NDArray[Any]:
        """Convert published values to values to minimise, any shape."""
        values = np.asarray(values, dtype=np.float64)
        return values if self.direction == "minimise" else (self.best or 0.0) - values

    def to_published(self, values: npt.ArrayLike) -> npt.NDArray[Any]:
        """Convert values to minimise back to the published direction and unit, any shape."""
        return self.to_minimised(values)


@dataclass(frozen=True)
class Constraint:
    """A bound on a column; an architecture is feasible when ``g <= 0``.

    Attributes
    ----------
    name : str
        Column of the benchmark, for example ``"params_m"``.
    sense : {"<=", ">="}
        ``g = value - bound`` or ``g = bound - value``.
    bound : float
        In the column's unit.
    """

    name: str
    sense: str
    bound: float

    def __post_init__(self) -> None:
        choice("sense", self.sense, ("<=", ">="))
        real("bound", self.bound)

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Read ``"column <= number"`` or ``"column >= number"``."""
        parts = text.split()
        if len(parts) != 3 or parts[1] not in ("<=", ">="):
            raise HarnessError(must("constraint", "read 'column <= number' or 'column >= number'", text))
        try:
            bound = float(parts[2])
        except ValueError:
            raise HarnessError(must("constraint", "end in a number", text)) from None
        return cls(parts[0], parts[1], bound)

    def violation(self, values: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return g, any shape: positive where the bound is broken, NaN where the value is missing."""
        values = np.asarray(values, dtype=np.float64)
        return values - self.bound if self.sense == "<=" else self.bound - values

    def __str__(self) -> str:
        return f"{self.name} {self.sense} {self.bound!r}"


@dataclass(frozen=True)
class Fidelity:
    """A level of training at which an architecture may be evaluated.

    Attributes
    ----------
    label : str
        For people, for example ``"epoch 12 of 200"``.
    schedule : int
        Length of the training schedule, in epochs; learning-rate schedules of different length are different trainings.
    epoch : int
        Epochs trained, at most `schedule`.
    continues : int or None
        Index of the fidelity of which this one is a continuation of the same training.
    """

    label: str
    schedule: int
    epoch: int
    continues: int | None = None

    def __post_init__(self) -> None:
        integer("schedule", self.schedule, low=1)
        integer("epoch", self.epoch, low=1, high=self.schedule)


@dataclass(frozen=True)
class Budget:
    """When a run ends, and what is charged.

    Attributes
    ----------
    evaluations : int or None
        Charged evaluations.
    seconds : float or None
        Simulated seconds on the wall clock of the simulated cluster.  What finishes later is never told.
    duplicates : {"charged", "free", "forbidden"}
        What happens when a run proposes an architecture again at the same fidelity: it costs as much as the first time;
        it costs nothing and is not counted; it is an error.
    multi_fidelity : {"from_scratch", "resumable"}
        Whether a continuation is charged in full or by its increment.
    table_seed : {"one_draw_per_arch", "mean", "fixed"}
        Which training run of the table answers: one drawn for each architecture, the mean over all, or the first.
    """

    evaluations: int | None = None
    seconds: float | None = None
    duplicates: str = "charged"
    multi_fidelity: str = "from_scratch"
    table_seed: str = "one_draw_per_arch"

    def __post_init__(self) -> None:
        if self.evaluations is None and self.seconds is None:
            raise HarnessError("a budget must name `evaluations`, `seconds` or both")
        if self.evaluations is not None:
            integer("evaluations", self.evaluations, low=1, high=MOST_EVALUATIONS)
        if self.seconds is not None:
            seconds = real("seconds", self.seconds, low=0.0, high=MOST_SECONDS, open_low=True)
            object.__setattr__(self, "seconds", seconds)  # 100 and 100.0 are the same budget, and the same digest
        rules = {"duplicates": DUPLICATES, "multi_fidelity": MULTI_FIDELITY, "table_seed": TABLE_SEEDS}
        for name, allowed in rules.items():
            choice(name, getattr(self, name), allowed)


@dataclass(frozen=True)
class Problem:
    """What is optimised, under which budget: everything that a strategy may know.

    Attributes
    ----------
    space : SearchSpace
    objectives : tuple of Objective
        m of them; `Evaluations.objectives` has one column for each, always to be minimised.
    constraints : tuple of Constraint
        c of them; feasible where all of `Evaluations.constraints` are <= 0.
    fidelities : tuple of Fidelity
        `Proposals.fidelity` indexes them; the last is the full one.
    budget : Budget
    n_workers : int
        Simulated parallel workers.
    """

    space: SearchSpace
    objectives: tuple[Objective, ...]
    budget: Budget
    constraints: tuple[Constraint, ...] = ()
    fidelities: tuple[Fidelity, ...] = (Fidelity("full", 1, 1),)
    n_workers: int = 1

    def __post_init__(self) -> None:
        if not self.objectives:
            raise HarnessError("a problem must have at least one objective")
        if not self.fidelities:
            raise HarnessError("a problem must have at least one fidelity")
        integer("n_workers", self.n_workers, low=1)

    @property
    def full_fidelity(self) -> int:
        """Index of the highest fidelity."""
        return len(self.fidelities) - 1
