"""The merge of sources into a base: columns, trainings and seeds of a joined table while it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from benchmarks_data.file.layout import AnyArray, Columns, Table
from benchmarks_data.file.trainings import mean_over_trainings
from benchmarks_data.joins.fidelities import measured, moved, place_of
from benchmarks_data.joins.outcome import Conflict, Joined
from harness.benchmark import Column
from harness.checks import Archs, BoolArray
from harness.problem import Fidelity

TOLERANCE = 1e-6
"""Relative; values that differ by more are in conflict."""


@dataclass(frozen=True, eq=False)
class Other:
    """What is joined to a base.

    Attributes
    ----------
    label : str
        Of the source, for people.
    archs : (n, L) integers
    columns : mapping of str to (Column, (n, R, A) array)
    fidelities : tuple of Fidelity
        What the columns' `at` count; empty where nothing changes in training.
    trainings : (n, S) integers or None
        Trainings in each schedule of `fidelities`; None where columns have no trainings of their own.
    seeds : (n, S, R) integers or None
    """

    label: str
    archs: Archs
    columns: Columns
    fidelities: tuple[Fidelity, ...] = ()
    trainings: AnyArray | None = None
    seeds: AnyArray | None = None


class Merge:
    """Columns, trainings and seeds of a join.

    Parameters
    ----------
    base : Table
    merged : sequence of Fidelity
        Of all sources.
    report : Joined
        Told what happens.
    width : int
        Most trainings that any column has.
    """

    def __init__(self, base: Table, merged: Sequence[Fidelity], report: Joined, width: int) -> None:
        self.merged, self.report = merged, report
        self.schedules = tuple(dict.fromkeys(fidelity.schedule for fidelity in merged))
        self.width = width
        own = base.meaning.fidelities
        columns = {
            name: moved(*item, own, merged, changes=len(own) == 1 and _changes(item[0], base.meaning.seconds))
            for name, item in base.columns.items()
        }
        self.columns = {name: (column, self._widened(values)) for name, (column, values) in columns.items()}
        self.trainings = self._by_schedule(base.trainings, base.meaning.schedules, 0)
        seeds = base.seeds
        self.seeds = (
            None if seeds is None else self._by_schedule(_padded(seeds, 2, width, -1), base.meaning.schedules, -1)
        )
        self.known = set(base.meaning.schedules)

    def _by_schedule(self, values: AnyArray, schedules: Sequence[int], fill: int) -> AnyArray:
        """Spread (N, S, …) over the merged schedules."""
        spread = np.full((len(values), len(self.schedules), *values.shape[2:]), fill, dtype=values.dtype)
        spread[:, [self.schedules.index(schedule) for schedule in schedules]] = values
        return spread

    def _widened(self, values: AnyArray) -> AnyArray:
        """Give a column that has trainings as many as any has; those that are not there are NaN."""
        return values if values.shape[1] == 1 else _padded(values, 1, self.width, np.nan)

    def add(self, other: Other, rows: npt.NDArray[np.intp]) -> None:
        """Add the columns of a source, whose row for each of ours is known."""
        own = other.fidelities or (self.merged[-1],)
        taken = {
            name: (column, self._widened(_taken(values, rows))) for name, (column, values) in other.columns.items()
        }
        taken = {
            name: moved(*item, own, self.merged, changes=len(own) == 1 and bool(item[0].split))
            for name, item in taken.items()
        }
        trainings = other.trainings if self._aligned(other, taken, rows) else None
        for name, (column, values) in taken.items():
            self._put(
                name, column, values if trainings is not None else self._averaged(other, column, values), other.label
            )
        if trainings is not None:
            self._take_trainings(other, trainings, rows)
        else:
            self._count_trainings({place_of(fidelity)[0] for fidelity in other.fidelities}, rows >= 0)

    def _aligned(self, other: Other, taken: Columns, rows: npt.NDArray[np.intp]) -> bool:
        """Say whether the trainings of a source are ours: columns that both have tell the same of each one."""
        if other.trainings is None:
            return False
        if not {place_of(fidelity)[0] for fidelity in other.fidelities} & self.known:
            return True
        shared = [
            name
            for name, (_, values) in taken.items()
            if values.shape[1] > 1 and name in self.columns and self.columns[name][1].shape[1] > 1
        ]
        equal = [not _differences(self.columns[name], taken[name], self.merged, rows >= 0)[0].any() for name in shared]
        return bool(equal) and all(equal)

    def _averaged(self, other: Other, column: Column, values: AnyArray) -> AnyArray:
        """Return the mean over the trainings of a source, whose trainings are not ours."""
        if values.shape[1] == 1:
            return values
        self.report.notes.append(f"{other.label}: its runs are not those of the base; {column.name} is their mean.")
        return mean_over_trainings(values)[:, None, :]

    def _put(self, name: str, column: Column, values: AnyArray, label: str) -> None:
        if name not in self.columns:
            self.columns[name] = (replace(column, description=f"{column.description} From {label}.".strip()), values)
            return
        ours = self.columns[name]
        known: BoolArray = np.logical_not(np.isnan(values).all(axis=(1, 2)))
        differs, gaps = _differences(ours, (column, values), self.merged, known)
        if differs.any():
            counts, wrong = (int(differs.sum()), int(known.sum())), gaps[differs]
            self.report.conflicts.append(
                Conflict(name, label, *counts, float(wrong.max()), float(wrong.mean()), column.unit)
            )
            return
        mine, theirs = (set(measured(*item, self.merged)) for item in (ours, (column, values)))
        if mine < theirs and ours[1].shape[1] == values.shape[1] and known.all():
            more = replace(column, description=f"{ours[0].description} Every fidelity from {label}.")
            self.columns[name] = (more, values)
            self.report.notes.append(f"{label}: {name} agrees with the base, and adds {len(theirs - mine)} fidelities.")
        else:
            self.report.notes.append(f"{label}: {name} agrees with the base where both have it.")

    def _take_trainings(self, other: Other, trainings: AnyArray, rows: npt.NDArray[np.intp]) -> None:
        """Take trainings and seeds of schedules that were not known, and the seeds of those that were."""
        schedules = tuple(dict.fromkeys(fidelity.schedule for fidelity in other.fidelities))
        for place, schedule in enumerate(schedules):
            here = self.schedules.index(schedule)
            if schedule not in self.known:
                self.trainings[:, here] = np.where(rows >= 0, trainings[rows, place], 0)
            if other.seeds is not None:
                if self.seeds is None:
                    self.seeds = np.full((len(rows), len(self.schedules), self.width), -1, dtype=np.int32)
                theirs = np.where(rows[:, None] >= 0, _padded(other.seeds, 2, self.width, -1)[rows, place], -1)
                unlabelled = (self.seeds[:, here] < 0).all(axis=1, keepdims=True)
                self.seeds[:, here] = np.where(unlabelled, theirs, self.seeds[:, here])
        self.known |= set(schedules)

    def _count_trainings(self, schedules: set[int], there: BoolArray) -> None:
        """Say that there is one training in each matched row of the schedules that were not known."""
        for schedule in schedules - self.known:
            self.trainings[:, self.schedules.index(schedule)] = there
        self.known |= schedules


def _changes(column: Column, seconds: str | None) -> bool:
    """Say whether a column told at the one fidelity of a table would be another at a cheaper one."""
    return bool(column.split) or column.name == seconds or "epoch" in column.description.lower()


def _taken(values: AnyArray, rows: npt.NDArray[np.intp]) -> AnyArray:
    """Return the matched rows, NaN for those without a match: (n, R, A) to (N, R, A)."""
    taken = np.asarray(values, dtype=np.float64)[rows]
    taken[rows < 0] = np.nan
    return taken


def _padded(values: AnyArray, axis: int, width: int, fill: float) -> AnyArray:
    """Lengthen an axis."""
    if values.shape[axis] == width:
        return values
    shape = [width - values.shape[axis] if place == axis else length for place, length in enumerate(values.shape)]
    return np.concatenate([values, np.full(shape, fill, dtype=values.dtype)], axis=axis)


def _differences(
    ours: tuple[Column, AnyArray], theirs: tuple[Column, AnyArray], merged: Sequence[Fidelity], rows: BoolArray
) -> tuple[BoolArray, AnyArray]:
    """Compare two columns at the fidelities that both have.

    Returns
    -------
    (N,) bool
        Rows that differ; a training that only one of them has is a difference where both have several.
    (N,) float64
        Largest absolute difference in each row.
    """
    at, at_other = (measured(*item, merged) for item in (ours, theirs))
    shared = sorted(at.keys() & at_other.keys())
    if not shared:
        return np.zeros(len(rows), dtype=bool), np.zeros(len(rows))
    x = ours[1][:, :, [at[fidelity] for fidelity in shared]]
    y = theirs[1][:, :, [at_other[fidelity] for fidelity in shared]]
    if x.shape[1] != y.shape[1]:
        x, y = (mean_over_trainings(np.ascontiguousarray(side))[:, None] for side in (x, y))
    gaps = np.abs(x - y)
    absent = np.isnan(x) & np.isnan(y) if x.shape[1] > 1 else np.isnan(x) | np.isnan(y)
    differs = ~(gaps <= TOLERANCE * np.maximum(np.abs(x), np.abs(y))) & ~absent
    largest: AnyArray = np.where(np.isnan(gaps), 0.0, gaps).max(axis=(1, 2))
    wrong: BoolArray = differs.any(axis=(1, 2)) & rows
    return wrong, largest
