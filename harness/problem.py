"""The problem: all that a strategy may know about what it optimises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, FloatArray, choice, integer, real
from harness.digests import later
from harness.errors import HarnessError, must, unknown
from harness.space import SearchSpace

DIRECTIONS = ("maximise", "minimise")
DUPLICATES = ("charged", "free", "forbidden")
MULTI_FIDELITY = ("from_scratch", "resumable")
MOST_EVALUATIONS, MOST_SECONDS, MOST_EPOCHS = 10**8, 1e12, 10**5
"""Of a budget: what a run of the fastest strategy reaches within hours, thirty thousand years, and passes over data."""
TABLE_SEEDS = ("one_draw_per_arch", "one_draw_per_query", "mean", "fixed")
SCALES = ("data", "width", "depth", "resolution")
"""What a fidelity can have less of: training items, channels, layers or cells, and pixels along an edge."""
_BOUND = re.compile(r"\s*([^\s<>=]+)\s*(<=|>=)\s*([^\s<>=]+)\s*")


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

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The best and the worst result that can be thought of, to be minimised; None where nobody says."""
        if self.direction == "maximise" and self.best is not None and self.best > 0:
            return 0.0, self.best
        return (0.0, 100.0) if self.direction == "minimise" and self.unit == "percent" else None

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
        """Read ``"column <= number"`` or ``"column >= number"``, with blanks or without."""
        match = _BOUND.fullmatch(text)
        if match is None:
            raise HarnessError(must("constraint", "read 'column <= number' or 'column >= number'", text))
        try:
            bound = float(match[3])
        except ValueError:
            raise HarnessError(must("constraint", "end in a number", text)) from None
        return cls(match[1], match[2], bound)

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
    scale : tuple of (str, float)
        What is smaller than in a full training, each of `SCALES` at most once, as a share in (0, 1), in the order of
        `SCALES`; a mapping is taken too, and shares of 1 are left out.  Empty: nothing is.

    Examples
    --------
    >>> Fidelity("epoch 10 of 10, a quarter of the data", 10, 10, scale={"data": 0.25, "width": 1}).scale
    (('data', 0.25),)
    """

    label: str
    schedule: int
    epoch: int
    continues: int | None = None
    scale: tuple[tuple[str, float], ...] = later(())

    def __post_init__(self) -> None:
        integer("schedule", self.schedule, low=1)
        integer("epoch", self.epoch, low=1, high=self.schedule)
        given: Any = self.scale
        shares = dict(given)
        for name, share in shares.items():
            if name not in SCALES:
                raise HarnessError(unknown("scale", str(name), SCALES))
            real(f"scale of {name}", share, low=0.0, high=1.0, open_low=True)
        known = tuple((name, float(shares[name])) for name in SCALES if shares.get(name, 1) != 1)
        object.__setattr__(self, "scale", known)

    @property
    def training(self) -> tuple[int, tuple[tuple[str, float], ...]]:
        """What tells trainings apart: the schedule, and what is smaller; fidelities of one training are its epochs."""
        return self.schedule, self.scale

    @property
    def data_epochs(self) -> float:
        """Epochs from scratch, each by the share of the data that it goes over: what a budget of epochs counts."""
        return self.epoch * dict(self.scale).get("data", 1.0)


@dataclass(frozen=True)
class Signal:
    """A column that a strategy may read of an architecture before any training.

    Attributes
    ----------
    name : str
        Column of the benchmark, for example ``"params_m"`` or a zero-cost score.
    direction : {"maximise", "minimise"}
        Which way is thought to be better.
    unit : str
    seconds : float or None
        What it costs to read one architecture, in the mean over the table: 0 for what the space knows in closed form;
        None where nobody measured it.
    """

    name: str
    direction: str = "minimise"
    unit: str = ""
    seconds: float | None = None

    def __post_init__(self) -> None:
        choice("direction", self.direction, DIRECTIONS)
        if self.seconds is not None:
            real("seconds", self.seconds, low=0.0)


@dataclass(frozen=True, eq=False)
class Prior:
    """Finished trainings of another table of the same space.

    Attributes
    ----------
    source : str
        Name of the benchmark that they are from.
    archs : (n, L) unsigned integers
    objectives : (n, m) float64
        Validation results at the source's full fidelity, to be minimised; m is that of the problem.
    seconds : (n,) float64
        What each of these trainings took; NaN where that is not known.
    """

    source: str
    archs: Archs
    objectives: FloatArray
    seconds: FloatArray


@dataclass(frozen=True)
class Budget:
    """When a run ends, and what is charged.

    Attributes
    ----------
    evaluations : int or None
        Charged evaluations.
    seconds : float or None
        Simulated seconds on the wall clock of the simulated cluster.  What finishes later is never told.
    epochs : float or None
        Epochs trained, all workers together; a continued training counts its increment.  What ends later is never told.
    duplicates : {"charged", "free", "forbidden"}
        What happens when a run proposes an architecture again at the same fidelity: it costs as much as the first time;
        it costs nothing and is not counted; it is an error.
    multi_fidelity : {"from_scratch", "resumable"}
        Whether a continuation is charged in full or by its increment.
    table_seed : {"one_draw_per_arch", "one_draw_per_query", "mean", "fixed"} or int
        Which training run of the table answers: one drawn for each architecture, the mean over all, or the first; a
        number is the seed of a training, which answers at the schedules that were trained with it.
        "one_draw_per_query" draws anew each time an architecture is asked, as the codes of some papers do: a search can
        ask again until it is lucky, so this is for repeating those papers alone, and repeats are charged from scratch.
    validation_pass : bool
        Whether each evaluation is charged one pass over the validation images, where a table records what it takes.
        Part of the digest of a shard as `Shard.validation_pass`, on such tables alone.
    schedule : int or None
        Length in epochs of the training schedule at which architectures are evaluated, of a table that has several: its
        fidelities alone are offered, and its end is the full one.  Reports judge by the table's last schedule all the
        same.  None for all of them.
    supernet_epochs : int or None
        Passes of each one-shot method over the training items; no part of the budget of other strategies.
    """

    evaluations: int | None = None
    seconds: float | None = None
    duplicates: str = "charged"
    multi_fidelity: str = "from_scratch"
    table_seed: str | int = "one_draw_per_arch"
    validation_pass: bool = later(True)
    epochs: float | None = later(None)
    schedule: int | None = later(None)
    supernet_epochs: int | None = later(None)

    def __post_init__(self) -> None:
        named = (self.evaluations, self.seconds, self.epochs, self.supernet_epochs)
        if all(value is None for value in named):
            raise HarnessError(
                "a budget must name `evaluations`, `seconds` or `epochs`, or several of them, or `supernet_epochs` for "
                "one-shot methods"
            )
        if self.supernet_epochs is not None:
            integer("supernet_epochs", self.supernet_epochs, low=1, high=MOST_EPOCHS)
        if self.evaluations is not None:
            integer("evaluations", self.evaluations, low=1, high=MOST_EVALUATIONS)
        if self.seconds is not None:
            seconds = real("seconds", self.seconds, low=0.0, high=MOST_SECONDS, open_low=True)
            object.__setattr__(self, "seconds", seconds)  # 100 and 100.0 are the same budget, and the same digest
        if self.epochs is not None:
            epochs = real("epochs", self.epochs, low=0.0, high=MOST_SECONDS, open_low=True)
            object.__setattr__(self, "epochs", epochs)
        rules = {"duplicates": DUPLICATES, "multi_fidelity": MULTI_FIDELITY}
        for name, allowed in rules.items():
            choice(name, getattr(self, name), allowed)
        seed: Any = self.table_seed
        is_number = isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0
        if not is_number and seed not in TABLE_SEEDS:
            listed = ", ".join(map(repr, TABLE_SEEDS))
            raise HarnessError(must("table_seed", f"be one of {listed}, or the seed of a training, at least 0", seed))
        if not isinstance(self.validation_pass, bool):
            raise HarnessError(must("validation_pass", "be true or false", self.validation_pass))
        if self.schedule is not None:
            integer("schedule", self.schedule, low=1)
        plain = self.duplicates == "charged" and self.multi_fidelity == "from_scratch"
        if seed == "one_draw_per_query" and not plain:
            rule = (
                'be another one unless `duplicates` is "charged" and `multi_fidelity` "from_scratch": a repeat that is'
                " drawn anew is trained anew"
            )
            raise HarnessError(must("table_seed", rule, seed))

    @property
    def draws(self) -> bool:
        """Whether one of the trainings is drawn to answer, rather than their mean or a fixed one."""
        return self.table_seed in ("one_draw_per_arch", "one_draw_per_query")

    @property
    def has_law(self) -> bool:
        """Whether what random search is told is known in closed form: by the trainings that tables list, each once."""
        return self.schedule is None and self.table_seed in ("one_draw_per_arch", "mean", "fixed")


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
    signals : tuple of Signal
        Columns that may be read before training, by ``yield Look(signal, archs)``.
    prior : tuple of Prior
        Finished trainings of other tables, one for each source.
    auxiliary : tuple of Objective
        Columns that are told with every evaluation and not optimised, such as the training loss, a of them:
        `Evaluations.auxiliary` has one column for each, turned so that lower is better.
    """

    space: SearchSpace
    objectives: tuple[Objective, ...]
    budget: Budget
    constraints: tuple[Constraint, ...] = ()
    fidelities: tuple[Fidelity, ...] = (Fidelity("full", 1, 1),)
    n_workers: int = 1
    signals: tuple[Signal, ...] = ()
    prior: tuple[Prior, ...] = ()
    auxiliary: tuple[Objective, ...] = ()

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

    def signal(self, name: str) -> Signal:
        """Return a signal by its name.

        Raises
        ------
        HarnessError
            If there is none of that name (names the nearest), or nobody knows what it costs.
        """
        named = {item.name: item for item in self.signals}
        if name not in named:
            raise HarnessError(unknown("signal", name, named))
        if named[name].seconds is None:
            raise HarnessError(
                f"the signal '{name}' must have seconds that can be charged, and nobody measured them, or the table has"
                " no training seconds; set `free_signals = true` to read it for nothing, and pages say so"
            )
        return named[name]

    def index_of(self, fidelity: int | str | Fidelity) -> int:
        """Return the index of a fidelity that is given by its index, its label or itself.

        Raises
        ------
        HarnessError
            If the problem has no such fidelity; names the nearest label.
        """
        labels = [item.label for item in self.fidelities]
        if isinstance(fidelity, Fidelity):
            if fidelity not in self.fidelities:
                raise HarnessError(must("fidelity", "be one of `problem.fidelities`", fidelity))
            return self.fidelities.index(fidelity)
        if isinstance(fidelity, str):
            if fidelity not in labels:
                raise HarnessError(unknown("fidelity", fidelity, labels))
            return labels.index(fidelity)
        if isinstance(fidelity, bool) or not isinstance(fidelity, int | np.integer):
            raise HarnessError(must("fidelity", "be an index, a label or a Fidelity of the problem", fidelity))
        if not 0 <= fidelity < len(labels):
            rule = f"be an index in range({len(labels)}), a label or a Fidelity of the problem"
            raise HarnessError(must("fidelity", rule, int(fidelity)))
        return int(fidelity)

    def indices_of(self, fidelity: Any, n: int) -> npt.NDArray[np.int64]:
        """Return the fidelity of each of n rows, (n,) int64: the same for all, or one given for each.

        Parameters
        ----------
        fidelity : int, str or Fidelity, or n of them
            See `index_of`.
        n : int

        Raises
        ------
        HarnessError
            If there is no such fidelity, or not one for each row.
        """
        if isinstance(fidelity, str | Fidelity) or np.ndim(fidelity) == 0:
            return np.full(n, self.index_of(fidelity), dtype=np.int64)
        if np.ndim(fidelity) != 1 or len(fidelity) != n:
            rule = f"be one for all rows, or one for each of the {n} rows"
            raise HarnessError(must("fidelity", rule, f"shape {np.shape(fidelity)}"))
        if isinstance(fidelity, np.ndarray) and fidelity.dtype.kind in "ui":
            if n and not 0 <= int(fidelity.min()) <= int(fidelity.max()) < len(self.fidelities):
                rule = f"hold indices in range({len(self.fidelities)})"
                raise HarnessError(must("fidelity", rule, [int(fidelity.min()), int(fidelity.max())]))
            return fidelity.astype(np.int64)
        return np.array([self.index_of(item) for item in fidelity], dtype=np.int64)
