"""Truth about a benchmark, from its Oracle, as regret: the only place of a report where held-out values enter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness import registry
from harness.benchmark import Column, Oracle
from harness.checks import Archs, BoolArray, FloatArray, choice
from harness.errors import HarnessError, ResultError
from harness.experiments.manifest import BenchmarkFacts
from harness.judging.ledger import unit_seconds
from harness.names import read
from harness.printable import printable
from harness.problem import Constraint, Objective
from reports.statistics.scale import Scale

SPLITS = ("validation", "test")
TABLE, PROTOCOL, SURROGATE, LIVE = "table", "protocol", "surrogate", "live"
"""What a benchmark is: results of training searched by validation, or told test results by agreement; a prediction;
what was trained when it was proposed, in place of a table."""


def describe_benchmark(name: str) -> Mapping[str, Any]:
    """Return what its provider knows of a benchmark; nothing where none knows it."""
    try:
        return registry.describe_benchmark(name)
    except HarnessError:
        return {}


@dataclass(frozen=True)
class Truth:
    """A benchmark's table as a report sees it.

    Regret is the distance to the table's best, in the column's unit and never negative for what keeps the constraints:
    best - value where the column is maximised, value - best where it is minimised.  Values are means over ALL training
    runs of the table; equal ones, in the sense of the column's `Scale`, are the same number.

    Attributes
    ----------
    facts : BenchmarkFacts
    oracle : Oracle
    constraints : tuple of Constraint
        The best is taken among the rows that keep them.
    title : str, optional
        What pages call the benchmark; its name if not given.
    address : str, optional
        The name or path under which the table was opened; that in `facts` if not given.
    """

    facts: BenchmarkFacts
    oracle: Oracle
    constraints: tuple[Constraint, ...] = ()
    title: str = ""
    address: str = ""
    measure: ClassVar[str] = "regret"
    """What a page calls the distance to the best."""
    holder: ClassVar[str] = "incumbent"
    """What of a run is judged."""

    @property
    def name(self) -> str:
        """What pages call the benchmark: of a file, the name in it and not its path."""
        return self.title or self.facts.name

    @property
    def path(self) -> Path | None:
        """Where the table lies, if an experiment knows it by its path."""
        return read(self.address or self.facts.name).path

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """What is registered about the benchmark, as plain data."""
        known = describe_benchmark(self.address or self.facts.name)
        return {key: printable(value) if isinstance(value, str) else value for key, value in known.items()}

    @cached_property
    def kind(self) -> str:
        """One of `TABLE`, `PROTOCOL`, `SURROGATE` and `LIVE`."""
        if self.about.get("surrogate"):
            return SURROGATE
        if self.about.get("live"):
            return LIVE
        # What was told is known by its split: a table of test results alone may have no other name for it.
        return PROTOCOL if "test" in self.column("validation").split else TABLE

    @property
    def repeats(self) -> bool:
        """Whether its fidelities are numbers of training runs, with seeds of their own: ``NAME@seeds``."""
        return bool(self.about.get("repeats"))

    @property
    def protocol(self) -> str:
        """What strategies are told, and what judges them, where test results are told."""
        column = self.column("validation")
        said = self.about.get("protocol") or column.description or f"strategies are told {column.name}"
        return printable(str(said)).rstrip(".")

    @property
    def reference(self) -> str:
        """What regrets of a surrogate or a live benchmark are distances to, and how it was found."""
        found = printable(getattr(self.oracle, "reference", "")).rstrip(".")
        if self.kind == LIVE:
            return found
        count = len(self.oracle.values(self.objective.name))
        return f"the best prediction among {count:,} reference architectures" + (f" ({found})" if found else "")

    @property
    def objective(self) -> Objective:
        """The objective that incumbents are chosen by: the first, and here the only one."""
        return self.facts.objectives[0]

    @property
    def splits(self) -> tuple[str, ...]:
        """Those of "validation" and "test" that can be reported."""
        return SPLITS if self.why_no_test is None else SPLITS[:1]

    @property
    def why_no_test(self) -> str | None:
        """Why there is no test column to report, None where there is one."""
        if self.oracle.test is None:
            return "the table has no test column"
        if self.objective.name != self.oracle.validation:
            return f"the objective is '{self.objective.name}', which has no held-out counterpart"
        return None

    def column(self, split: str) -> Column:
        """Return the table's column behind a split."""
        choice("split", split, self.splits)
        name = self.objective.name if split == "validation" else self.oracle.test
        return self.oracle.columns[str(name)]

    @cached_property
    def feasible(self) -> BoolArray:
        """Rows of the table that keep the constraints, (N,)."""
        keep = ~np.isnan(self.oracle.values(self.objective.name))
        for constraint in self.constraints:
            keep &= constraint.violation(self.oracle.values(constraint.name)) <= 0
        if not keep.any():
            raise ResultError(f"no row of '{self.facts.name}' keeps {', '.join(map(str, self.constraints))}")
        return keep

    @cached_property
    def scales(self) -> dict[str, Scale]:
        """The scale of the column behind each split."""
        scales = {}
        for split in self.splits:
            column, values = self.column(split), self.oracle.values(self.column(split).name)
            scales[split] = Scale.of(values, self.feasible, direction=column.direction, unit=column.unit)
        return scales

    @cached_property
    def _bests(self) -> dict[str, float]:
        bests = {}
        for split, scale in self.scales.items():
            values = scale.settled(self.oracle.values(self.column(split).name)[self.feasible])
            maximised = self.column(split).direction == "maximise"
            bests[split] = float(np.nanmax(values) if maximised else np.nanmin(values))
        return bests

    def best(self, split: str) -> float:
        """Return the optimum of the means, among feasible rows, in the published unit."""
        choice("split", split, self.splits)
        return self._bests[split]

    def sign(self, split: str) -> float:
        """Return 1 where larger values are better, and -1 where smaller ones are."""
        return 1.0 if self.column(split).direction == "maximise" else -1.0

    def regrets_of(self, split: str, values: FloatArray) -> FloatArray:
        """Turn published values into regrets: (n,) to (n,)."""
        regrets: FloatArray = self.sign(split) * (self.best(split) - self.scales[split].settled(values))
        return regrets + 0.0  # turns -0.0 into 0.0

    def mean(self, archs: Archs, split: str) -> FloatArray:
        """Return table means in the published unit: (n, L) to (n,)."""
        return self.oracle.mean(archs, self.column(split).name)

    def mean_where_known(self, archs: Archs, split: str) -> FloatArray:
        """Return table means as `mean` does, NaN of architectures that a table of a part of its space lacks."""
        known = self.oracle.space.is_valid(archs)
        means = np.full(len(archs), np.nan)
        means[known] = self.mean(archs[known], split)
        return means

    @cached_property
    def table_regrets(self) -> dict[str, FloatArray]:
        """Regret of every row of the table by split, (N,)."""
        return {split: self.regrets_of(split, self.oracle.values(self.column(split).name)) for split in self.splits}

    def floor(self) -> float:
        """Return the test regret of the row that is best by validation: what a perfect validation optimiser scores."""
        validation = np.where(self.feasible, self.table_regrets["validation"], np.inf)
        return float(self.table_regrets["test"][np.nanargmin(validation)])

    def worst(self, split: str) -> float:
        """Return the largest regret among feasible rows."""
        return float(np.nanmax(self.table_regrets[split][self.feasible]))

    def random(self, split: str) -> float:
        """Return the mean regret of a uniform draw from the feasible rows of the table."""
        return float(np.nanmean(self.table_regrets[split][self.feasible]))

    def unit(self, split: str) -> str:
        """Return how regrets of a split are measured, for axis labels."""
        unit = self.column(split).unit
        return "percentage points" if unit == "percent" else printable(unit)

    @cached_property
    def unit_seconds(self) -> float:
        """T1, the mean full training of the table, in seconds; NaN without training seconds."""
        return unit_seconds(self.oracle)

    def seconds_of(self, archs: Archs) -> FloatArray:
        """Return what full trainings take: (n, L) to (n,) seconds; NaN without training seconds."""
        column = getattr(self.oracle, "seconds", None)
        return np.full(len(archs), np.nan) if column is None else self.oracle.mean(archs, column)

    @property
    def cheapest_seconds(self) -> float:
        """What the cheapest full training of the table takes, in simulated seconds; NaN where it is not known."""
        column = getattr(self.oracle, "seconds", None)
        if column is None:
            return math.nan
        values = self.oracle.values(column)[self.feasible]
        return float(np.nanmin(values)) if np.isfinite(values).any() else math.nan
