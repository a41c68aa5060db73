"""Runs as right-continuous step curves on common grids: incumbents, regrets, budgets.

Definitions: the incumbent at budget b is the best value shown to the strategy among the rows completed by b; ties go to
the earliest row; failed (NaN), infeasible and lower-fidelity rows never become incumbent.  Its regret is judged by the
mean over all training runs of the table.  No interpolation, no running maximum of what was not shown to the strategy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from harness.checks import Archs, FloatArray, IntArray
from harness.errors import ResultError
from harness.experiments.results import Results
from harness.judging.front import Fronts, fronts
from harness.judging.incumbent import Incumbents, handed_over, keeps
from harness.problem import Budget
from harness.records import Run
from reports.study.front_truth import FrontTruth
from reports.study.truth import Truth

AXIS_LABEL = {"evaluations": "evaluations", "seconds": "simulated seconds", "epochs": "epochs trained"}
"""What budgets count, and how pages call it."""
AXES = tuple(AXIS_LABEL)
_GRID = 200  # points of a grid where the union of break points would be larger


def at_budgets(breaks: Sequence[FloatArray], values: Sequence[FloatArray], grid: FloatArray) -> FloatArray:
    """Evaluate right-continuous step functions; NaN before the first break point of each: (R, T).

    Parameters
    ----------
    breaks, values : sequence of R arrays (k,) float64
        Break points of each ascending, and its value from each on.
    grid : (T,) float64
        Ascending.
    """
    lengths = np.array([len(own) for own in breaks], dtype=np.int64)
    every = np.concatenate([np.array([np.nan]), *values])
    places = np.searchsorted(grid, np.concatenate([np.array([]), *breaks]), side="left")  # from where each is passed
    rows, wide = np.repeat(np.arange(len(lengths)), lengths), len(grid) + 1
    passed = np.bincount(rows * wide + places, minlength=len(lengths) * wide).reshape(-1, wide)[:, :-1].cumsum(axis=1)
    starts = np.cumsum(lengths) - lengths
    return np.asarray(every[np.where(passed > 0, starts[:, None] + passed, 0)])


@dataclass(frozen=True)
class Steps:
    """The incumbents of one run.

    Attributes
    ----------
    run : Run
    rows : (k,) int64
        Rows of the trace at which the incumbent changes.
    archs : (k, L) unsigned integers
        The incumbents.
    x : mapping of axis to (k,) float64
        Charged evaluations, and simulated seconds, at which each incumbent is known.
    end : mapping of axis to float
        Where the run's own budget ends; infinite where the strategy had nothing more to propose.
    regrets : mapping of split to (k,) float64
        Of several objectives, hypervolume gaps.
    fronts : Fronts, optional
        Of several objectives: `rows` are those at which the front changes.
    """

    run: Run
    rows: IntArray
    archs: Archs
    x: Mapping[str, FloatArray]
    end: Mapping[str, float]
    regrets: Mapping[str, FloatArray]
    fronts: Fronts | None = None

    @property
    def held(self) -> IntArray:
        """Rows of the trace that the run ends with: those of its front, or that of its incumbent; ascending."""
        return self.rows[-1:] if self.fronts is None else self.fronts.final


@dataclass(frozen=True)
class Aligned:
    """All runs of one benchmark, judged by one truth.

    Attributes
    ----------
    truth : Truth
    budget : Budget
    steps : mapping of label to tuple of Steps
        By replicate, those that exist.
    """

    truth: Truth
    budget: Budget
    steps: Mapping[str, tuple[Steps, ...]]
    _known: dict[tuple[str, str, float], FloatArray] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @property
    def name(self) -> str:
        """Name of the benchmark, as pages show it."""
        return self.truth.name

    @property
    def axes(self) -> tuple[str, ...]:
        """Evaluations, seconds where the table has training seconds, and epochs where the budget limits them.

        No evaluations where they are not limited and some are not full trainings: they are not alike.
        """
        known = {
            "evaluations": self.budget.evaluations is not None or not self.trains_partly,
            "seconds": self.truth.facts.has_seconds,
            "epochs": self.budget.epochs is not None,
        }
        return tuple(axis for axis in AXES if known[axis])

    @cached_property
    def trains_partly(self) -> bool:
        """Whether some run has trainings at lower fidelities than the full one."""
        full = len(self.truth.facts.fidelities) - 1
        return any(bool((steps.run.trace.fidelity < full).any()) for group in self.steps.values() for steps in group)

    @property
    def budget_axis(self) -> str:
        """The axis that the budget is counted on: the first of `AXES` that is limited."""
        return next(axis for axis in AXES if getattr(self.budget, axis) is not None)

    @cached_property
    def final_budget(self) -> float:
        """The whole budget, on `budget_axis`."""
        return float(getattr(self.budget, self.budget_axis))

    @property
    def has_incumbent(self) -> bool:
        """Whether any run found anything: without, nobody is better than anybody."""
        return any(len(steps.rows) for group in self.steps.values() for steps in group)

    def counted(self, label: str, axis: str, split: str, grid: FloatArray) -> FloatArray:
        """Return what curves are centres of: (R, T).

        The regret of every run of a strategy on a grid, NaN beyond the end of the run.  A run that has no incumbent yet
        counts as the worst of the table, as it does in tables, from where half of the strategy's runs have one; NaN for
        all runs before that.
        """
        group = self.steps[label]
        values = at_budgets([steps.x[axis] for steps in group], [steps.regrets[split] for steps in group], grid)
        values[np.isnan(values)] = self.truth.worst(split)
        values[grid > np.array([steps.end[axis] for steps in group])[:, None]] = np.nan
        values[:, grid < _half_start(group, axis)] = np.nan
        return values

    def at(self, label: str, split: str, budget: float) -> dict[int, float]:
        """Return the regret at one budget by replicate; the worst of the table for a run without an incumbent."""
        group, axis = self.steps[label], self.budget_axis
        if (label, split, budget) not in self._known:
            breaks, regrets = [steps.x[axis] for steps in group], [steps.regrets[split] for steps in group]
            values = at_budgets(breaks, regrets, np.array([budget]))[:, 0]
            self._known[label, split, budget] = np.where(np.isnan(values), self.truth.worst(split), values)
        replicates = (steps.run.replicate for steps in group)
        return dict(zip(replicates, self._known[label, split, budget].tolist(), strict=True))

    def grid(self, axis: str) -> FloatArray:
        """Return where curves are evaluated: every evaluation where they are few, else log-spaced; (T,).

        It starts where the first strategy has an incumbent in half of its runs and ends where the last strategy's
        shortest run ends; empty where no strategy ever has.
        """
        groups = [group for group in self.steps.values() if group]
        starts = [start for group in groups if np.isfinite(start := _half_start(group, axis))]
        ends = [min(steps.end[axis] for steps in group) for group in groups]
        if not starts:
            return np.array([])
        lasts = (_spent(steps.run, axis) for group in groups for steps in group)
        finite = [end for end in ends if np.isfinite(end)] or [max(lasts)]
        first, last = min(starts), max(finite)
        if axis == "evaluations" and last - first < 2000:
            return np.arange(np.ceil(first), np.floor(last) + 1)  # what is spent beside trainings is no whole number
        marks = [end for end in finite if end >= first]
        grid = np.geomspace(first, max(last, first), _GRID)
        return np.union1d(np.unique(grid.round()) if axis == "evaluations" else grid, marks)


def _half_start(group: Sequence[Steps], axis: str) -> float:
    """Return from where at least half of the runs have an incumbent; infinite if there is no such place."""
    firsts = sorted(float(steps.x[axis][0]) if len(steps.rows) else np.inf for steps in group)
    return firsts[(len(firsts) - 1) // 2]


def _spent(run: Run, axis: str) -> float:
    """Return how much of an axis a run used up to its last row."""
    if axis == "epochs":
        return float(run.beside["epochs"].sum())
    column = run.evaluations if axis == "evaluations" else run.trace.finished_seconds
    return float(column[-1]) if len(column) else 0.0


def align(results: Results, truth: Truth) -> Aligned:
    """Find the incumbents of every run of one benchmark and judge them.

    Raises
    ------
    ResultError
        If runs were not given the same budget.
    """
    name = truth.facts.task
    runs = [run for run in results.runs if run.benchmark == name]
    # Traces know fidelities by number only; the full one is the highest that any run of the benchmark reached.
    fidelity = len(truth.facts.fidelities) - 1
    rule = results.spec.report.incumbent
    held = [fronts(run.trace, fidelity) for run in runs] if isinstance(truth, FrontTruth) else None
    found = [
        handed_over(run, fidelity, rule)
        if held is None
        else Incumbents(held[index].rows, run.trace.archs[held[index].rows])
        for index, run in enumerate(runs)
    ]
    judged = {split: _judge(truth, split, found, held) for split in truth.splits}
    if rule == "recommended" and truth.constraints:
        _charge_broken(truth, runs, found, judged)
    budget = results.spec.budget
    steps: dict[str, list[Steps]] = {label: [] for label in results.labels}
    for index, run in enumerate(runs):
        rows, archs = found[index]
        x = {
            "evaluations": run.evaluations[rows].astype(np.float64),
            "seconds": run.trace.finished_seconds[rows],
            "epochs": np.cumsum(run.beside["epochs"])[rows] if "epochs" in run.beside else np.full(len(rows), np.nan),
        }
        regrets = {split: judged[split][index] for split in truth.splits}
        front = None if held is None else held[index]
        steps[run.label].append(Steps(run, rows, archs, x, _ends(run, budget), regrets, front))
    return Aligned(truth, budget, {label: tuple(group) for label, group in steps.items()})


def _judge(truth: Truth, split: str, found: Sequence[Incumbents], held: Sequence[Fronts] | None) -> list[FloatArray]:
    """Return the regrets of all incumbents, or the gaps of all fronts, looked up at once."""
    archs = [item.archs for item in found]
    if not archs:
        return []
    if isinstance(truth, FrontTruth) and held is not None:
        parts = np.split(truth.points_of(np.concatenate(archs), split), np.cumsum([len(part) for part in archs])[:-1])
        return [truth.anytime_gaps(points, front, split) for points, front in zip(parts, held, strict=True)]
    regrets = truth.regrets_of(split, truth.mean(np.concatenate(archs), split))
    return np.split(regrets, np.cumsum([len(part) for part in archs])[:-1])


def _charge_broken(
    truth: Truth, runs: Sequence[Run], found: Sequence[Incumbents], judged: dict[str, list[FloatArray]]
) -> None:
    """Count what strategies recommend and breaks a constraint by the table's own means as the worst of the table."""
    for index, run in enumerate(runs):
        archs = found[index].archs
        if run.recommended is None or not len(archs):
            continue
        broken = ~keeps(truth.oracle, truth.constraints, archs)
        for split, regrets in judged.items():
            regrets[index] = np.where(broken, truth.worst(split), regrets[index])


def _ends(run: Run, budget: Budget) -> dict[str, float]:
    """Return where a run's own budget ends on each axis; refuse a run that ended early for no reason."""
    if run.stopped != "budget":
        return dict.fromkeys(AXES, np.inf)
    done, clock = _spent(run, "evaluations"), _spent(run, "seconds")
    alone = budget.seconds is None and budget.epochs is None
    if "other_trainings" in run.beside and budget.evaluations is not None and (alone or done > budget.evaluations - 1):
        done = float(budget.evaluations)  # less than a whole evaluation was left, or a signal that was read took it
    if budget.evaluations is not None and alone and done != budget.evaluations:
        raise ResultError(
            f"run {run.replicate} of '{run.label}' on '{run.benchmark}' has {done:g} charged evaluations where the"
            f" budget is {budget.evaluations}: runs of unequal budgets are not compared"
        )
    spent = budget.evaluations is not None and done >= budget.evaluations
    return {
        "evaluations": done,
        "seconds": clock if spent or budget.seconds is None else float(budget.seconds),
        "epochs": float(budget.epochs or np.nan),
    }
