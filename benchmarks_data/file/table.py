"""A table as a benchmark: from genotypes and noise seeds to validation results, by look-up."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from benchmarks_data.file import index
from benchmarks_data.file.index import Rows
from benchmarks_data.file.layout import Header
from benchmarks_data.file.meaning import VALIDATION_SECONDS, records_pass
from benchmarks_data.file.problem import check_fidelity, objectives_of
from benchmarks_data.file.trainings import (
    Choice,
    Drawing,
    fixed_seed,
    fixed_training,
    mean_over_trainings,
    mean_training,
    trained_with,
)
from harness.benchmark import Column
from harness.checks import Archs, BoolArray, FloatArray, IntArray, UInt64Array
from harness.errors import HarnessError, must, unknown
from harness.guard import refuse
from harness.problem import Constraint, Fidelity, Objective, Signal
from harness.records import Evaluations, Proposals
from harness.space import SearchSpace

CHUNK = 8192
"""Rows that are looked up at once: their intermediate arrays stay in the second-level cache."""


@dataclass(frozen=True, eq=False)
class _Reader:
    """A column prepared for look-up.

    Attributes
    ----------
    values : (N * R * A,) float64
        Flat; R is 1 where the column has no trainings of its own, A is 1 where it does not change in training.
    trainings : int
        R.
    width : int
        A.
    places : (offered fidelities,) intp or None
        Place of each fidelity along A; None where they are the same numbers.
    measured : (offered fidelities,) bool or None
        Where it has values; None for everywhere.
    final : bool
        Whether its trainings are those of the last schedule, whatever the fidelity asked.
    convert : callable or None
        From published values to what is told; None leaves them as they are.
    """

    values: FloatArray
    trainings: int
    width: int
    places: npt.NDArray[np.intp] | None
    measured: BoolArray | None
    convert: Callable[[FloatArray], FloatArray] | None
    final: bool

    def read(self, rows: Rows, trainings: Rows, fidelity: IntArray) -> FloatArray:
        """Look up table rows, or training numbers, at a fidelity each: (n,), (n,), (n,) to (n,)."""
        found_at = trainings if self.trainings > 1 else rows
        if self.width > 1:
            found_at = found_at * self.width + (fidelity if self.places is None else self.places.take(fidelity))
        answers: FloatArray = self.values.take(found_at)
        if self.measured is not None:
            answers = np.where(self.measured[fidelity], answers, np.nan)
        return answers if self.convert is None else self.convert(answers)


class TableBenchmark:
    """Answers proposals from a table; see `harness.benchmark.Benchmark` for the protocol.

    It offers the fidelities at which all objectives, constraints and, where there are any, seconds were measured;
    auxiliary columns are NaN at those of them at which they were not.  A
    noise seed draws one of the trainings present in the row and schedule: hash(noise seed, row, length of the
    schedule), the same training for every column, whatever the order or the batch.  Columns without trainings of their
    own answer with their one value; those with trainings that do not change in training (a measured latency) hold the
    trainings of the last schedule, and answer at every fidelity with the training that is drawn there.  The seconds
    told are those of training, and where the table records it one pass over the validation images, unless
    `validation_pass` is set to False; NaN where a table has no times.

    Parameters
    ----------
    header : Header
        Of the table; held-out columns are not in it.
    space : SearchSpace
    objectives : sequence of str or Objective, optional
        Columns to optimise; the default is the validation column.
    constraints : sequence of Constraint
    training : int, optional
        Always answer with this training, counted among those present, instead of drawing one; every row must have it.
    seed : int, optional
        Always answer with the training of this seed, at the schedules that were trained with it; there every row must
        have it.
    auxiliary : sequence of str or Objective
        Columns told beside the objectives.
    schedule : int, optional
        Offer the fidelities of the schedule of so many epochs alone, in which nothing is smaller than in the full one.
    """

    def __init__(
        self,
        header: Header,
        space: SearchSpace,
        *,
        objectives: Sequence[str | Objective] | None = None,
        constraints: Sequence[Constraint] = (),
        training: int | None = None,
        seed: int | None = None,
        auxiliary: Sequence[str | Objective] = (),
        schedule: int | None = None,
    ) -> None:
        self._header = header
        self.space = space
        self.name: str = header.meaning.name
        self.table_name: str = header.meaning.name
        self.digest: str = header.digest
        self.has_seconds: bool = header.meaning.seconds is not None
        self.objectives: tuple[Objective, ...] = self._chosen(objectives)
        self.constraints: tuple[Constraint, ...] = tuple(constraints)
        self.auxiliary: tuple[Objective, ...] = objectives_of(auxiliary, self._column) if auxiliary else ()
        self._offered = self._of_schedule(self._offer(), schedule)
        if seed is not None:
            self._offered = trained_with(header, self._offered, seed)
        self._check_auxiliary()
        self.fidelities: tuple[Fidelity, ...] = self._renumbered()
        self._index = index.opened(header, space)
        self._drawing = Drawing(header, self._offered)
        choice = self._fixed(training, seed)
        self._answers_fixed = choice is not None
        self._drawn = self._readers(choice)
        self._trainings = max(reader.trainings for reader in self._drawn)
        self._means: list[_Reader] = []
        self.validation_pass: bool = self._records_pass()
        self._check_feasible()

    def _chosen(self, objectives: Sequence[str | Objective] | None) -> tuple[Objective, ...]:
        if objectives is None and not self._header.meaning.validation:
            raise HarnessError(
                f"the table {self.name} has no validation column: name the objectives, or open it under a protocol"
            )
        return objectives_of((self._header.meaning.validation,) if objectives is None else objectives, self._column)

    def _fixed(self, training: int | None, seed: int | None) -> Choice | None:
        if training is not None and seed is not None:
            raise HarnessError("give `training` or `seed`, not both: each names the run that answers")
        needed = [*self._offered]
        if any(self._is_final(name) for name in self._told):
            needed.append(len(self._header.meaning.fidelities) - 1)
        if training is not None:
            return fixed_training(self._header, needed, training)
        return None if seed is None else fixed_seed(self._header, needed, seed)

    @cached_property
    def _final_drawing(self) -> Drawing:
        return Drawing(self._header, [len(self._header.meaning.fidelities) - 1])

    def _is_final(self, name: str) -> bool:
        """Say whether a column has trainings of the last of several schedules and does not change in training."""
        meaning, (_, trainings, width) = self._header.meaning, self._header.values(name).shape
        constant = width == 1 and not self._header.columns[name].at
        return constant and trainings > 1 and len(meaning.schedules) > 1

    @property
    def _asked(self) -> list[str]:
        """Columns of objectives, constraints and seconds, in this order."""
        seconds = self._header.meaning.seconds
        names = [*(item.name for item in self.objectives), *(item.name for item in self.constraints)]
        return names + ([seconds] if seconds else [])

    @property
    def _told(self) -> list[str]:
        """Columns that are read: those asked, then the auxiliary ones."""
        return [*self._asked, *(item.name for item in self.auxiliary)]

    def _check_auxiliary(self) -> None:
        """Refuse an auxiliary column that has no value where anything is trained."""
        known = self._header.meaning.fidelities
        for item in self.auxiliary:
            places = self._places(item.name)
            if not places.keys() & set(self._offered):
                offered = ", ".join(known[place].label for place in self._offered[-3:])
                rule = f"be measured where {self.name} is trained to, such as {offered}"
                labels = ", ".join(known[place].label for place in sorted(places)[-3:])
                raise HarnessError(f"{must('auxiliary', rule, item.name)}, which is known at {labels}")

    def _offer(self) -> tuple[int, ...]:
        """Return the indices of the fidelities at which everything asked was measured."""
        fidelities = self._header.meaning.fidelities
        measured = {name: set(self._places(name)) for name in self._asked}
        offered = tuple(sorted(set(range(len(fidelities))).intersection(*measured.values())))
        if not offered:
            listed = "; ".join(
                f"{name} at {', '.join(fidelities[place].label for place in sorted(places)[-3:])}"
                for name, places in measured.items()
            )
            raise HarnessError(f"no fidelity of {self.name} has all that is asked, the last ones are: {listed}")
        return offered

    def _of_schedule(self, offered: tuple[int, ...], schedule: int | None) -> tuple[int, ...]:
        """Keep the fidelities of one schedule."""
        if schedule is None:
            return offered
        known = self._header.meaning.fidelities
        kept = tuple(place for place in offered if known[place].schedule == schedule and not known[place].scale)
        if not kept:
            there = sorted({known[place].schedule for place in offered if not known[place].scale})
            rule = f"be that of a training of {self._header.meaning.name}, one of {there} epochs"
            raise HarnessError(must("schedule", rule, schedule))
        return kept

    def _renumbered(self) -> tuple[Fidelity, ...]:
        """Return the fidelities offered; `continues` counts among them, and is None where its target is not offered."""
        known = self._header.meaning.fidelities
        position: dict[int | None, int] = {fidelity: place for place, fidelity in enumerate(self._offered)}
        return tuple(replace(known[kept], continues=position.get(known[kept].continues)) for kept in self._offered)

    def _places(self, name: str) -> dict[int, int]:
        """Return where a column was measured: fidelities of the table, to their place along its last axis."""
        column = self._column(name)
        return self._header.meaning.places(column, self._header.values(name).shape[2])

    def _records_pass(self) -> bool:
        """Say whether the table records, in seconds and where evaluations are offered, what a validation pass takes."""
        known = records_pass(self._header.meaning, self._header.columns)
        return known and set(self._offered) <= set(self._places(VALIDATION_SECONDS))

    @cached_property
    def _passes(self) -> _Reader:
        """What a validation pass takes, the mean over trainings: its source repeats one measured pass for all."""
        reader = self._reader(VALIDATION_SECONDS, mean_training, None)
        return replace(reader, values=np.nan_to_num(reader.values))

    def pass_seconds(self, proposals: Proposals) -> FloatArray:
        """Return what of the seconds told is a pass over the validation images, 0 where it is not known: (n,)."""
        if not self.validation_pass:
            return np.zeros(len(proposals))
        rows = index.rows_of(self._index, self.space, proposals.archs, self.name)
        return self._passes.read(rows, rows, proposals.fidelity)

    def cheapest_seconds(self, fidelity: int) -> float:
        """Return the least seconds of an evaluation at a fidelity, by its index; NaN where none is known."""
        if self._header.meaning.seconds is None:
            return float("nan")
        values = self._header.values(self._header.meaning.seconds)
        seconds = values[:, :, self._places(self._header.meaning.seconds)[self._offered[fidelity]]]
        if self.validation_pass:
            rows = np.arange(len(seconds), dtype=np.intp)
            seconds = seconds + self._passes.read(rows, rows, np.full(len(rows), fidelity))[:, None]
        known = seconds[~np.isnan(seconds)]
        return float(known.min()) if len(known) else float("nan")

    @property
    def archs(self) -> Archs:
        """The architecture of each row, (N, L), read-only."""
        archs = self._header.array("archs").view()
        archs.flags.writeable = False
        return archs

    @cached_property
    def signals(self) -> tuple[Signal, ...]:
        """Costs and scores of the table that can be read before training; its times are not among them.

        What the space knows in closed form costs nothing; another column ``NAME`` costs the mean of ``NAME_seconds``
        where the table has that.
        """
        columns = self._header.columns
        times = {name: re.sub("_seconds", "", name, count=1) for name in columns if "_seconds" in name}
        ours = {name for name, of in times.items() if of in columns}
        ours |= {self._header.meaning.seconds or "", VALIDATION_SECONDS}
        price = {of: name for name, of in times.items()}
        known = self.space.costs(self.archs[:0])
        return tuple(
            Signal(name, column.direction, column.unit, 0.0 if name in known else self._mean_of(price.get(name)))
            for name, column in columns.items()
            if not column.split and name not in ours and not column.at and self._header.values(name).shape[2] == 1
        )

    def _mean_of(self, column: str | None) -> float | None:
        """Return the mean of a column over the rows that have it; None without one."""
        values = np.empty(0) if column is None else mean_over_trainings(self._header.values(column))
        return float(np.nanmean(values)) if np.isfinite(values).any() else None

    def look(self, signal: str, archs: Archs) -> FloatArray:
        """Return a signal as it is published, the mean over trainings: (n, L) to (n,); NaN where a row lacks it."""
        refuse(self.name)
        if signal not in {item.name for item in self.signals}:
            raise HarnessError(unknown(f"signal of {self.name}", signal, [item.name for item in self.signals]))
        index.check_genes(self.space, archs)
        rows = index.rows_of(self._index, self.space, archs, self.name)
        values: FloatArray = mean_over_trainings(self._header.values(signal)[rows])[:, 0]
        return values

    def _check_feasible(self) -> None:
        """Refuse constraints that no row keeps: a search under them has no answer."""
        if not self.constraints:
            return
        values = {
            item.name: mean_over_trainings(self._header.values(item.name)[:, :, -1:])[:, 0] for item in self.constraints
        }
        kept = [item.violation(values[item.name]) <= 0 for item in self.constraints]
        if not np.logical_and.reduce(kept).any():
            listed = ", ".join(map(str, self.constraints))
            ranges = [
                f"{name} goes from {np.nanmin(each):.6g} to {np.nanmax(each):.6g}"
                for name, each in values.items()
                if not np.isnan(each).all()
            ]
            rule = f"no architecture of {self.name} keeps {listed}; loosen the constraints"
            raise HarnessError(f"{rule} ({', '.join(ranges)})" if ranges else rule)

    def _column(self, name: str) -> Column:
        if name == self._header.meaning.test:
            raise HarnessError(f"the column '{name}' of {self.name} is held out: only reports may look at it")
        if name not in self._header.columns:
            raise HarnessError(unknown(f"column of {self.name}", name, self._header.columns))
        return self._header.columns[name]

    def _readers(self, choice: Choice | None) -> list[_Reader]:
        """Prepare what is told: with every training, or with one answer for each row."""
        conversions = [
            *(item.to_minimised if item.direction == "maximise" else None for item in self.objectives),
            *(item.violation for item in self.constraints),
            *([None] if self.has_seconds else []),
            *(item.to_minimised if item.direction == "maximise" else None for item in self.auxiliary),
        ]
        return [self._reader(name, choice, convert) for name, convert in zip(self._told, conversions, strict=True)]

    def _reader(self, name: str, choice: Choice | None, convert: Callable[[FloatArray], FloatArray] | None) -> _Reader:
        values, places, final = self._header.values(name), self._places(name), self._is_final(name)
        _, trainings, width = values.shape
        if trainings > 1 and choice is not None:
            meaning = self._header.meaning
            # the last fidelity of a place says its schedule: that of a column which does not change is the final one
            schedule_at = {place: meaning.schedule_of[fidelity] for fidelity, place in places.items()}
            values, trainings = choice(values, np.array([schedule_at[place] for place in range(width)])), 1
        chosen = np.array([places.get(fidelity, 0) for fidelity in self._offered], dtype=np.intp)
        same = np.array_equal(chosen, np.arange(len(chosen)))
        measured = np.array([fidelity in places for fidelity in self._offered])
        return _Reader(
            np.ascontiguousarray(values).reshape(-1),
            trainings,
            width,
            None if same else chosen,
            None if measured.all() else measured,
            convert,
            final,
        )

    def query(self, proposals: Proposals, *, noise_seed: UInt64Array | None) -> Evaluations:
        """Evaluate n proposals; see `harness.benchmark.Benchmark.query`.

        Raises
        ------
        HarnessError
            If an architecture is not in the table (it is named), or a fidelity or a noise seed is not what it must be.
        """
        refuse(self.name)
        archs, n = proposals.archs, len(proposals)
        seeds = self._checked(proposals, noise_seed)
        if noise_seed is None and not self._answers_fixed:
            self._means = self._means or self._readers(mean_training)
            readers = self._means
        else:
            readers = self._drawn
        columns = np.empty((len(readers), n))
        m, c = len(self.objectives), len(self.constraints)
        end = m + c + self.has_seconds
        for start in range(0, n, CHUNK):
            part = slice(start, start + CHUNK)
            rows = index.rows_of(self._index, self.space, archs[part], self.name)
            fidelity = proposals.fidelity[part]
            trainings = final = rows
            if seeds is not None:
                trainings = self._drawing.draw(rows, seeds[part], fidelity)
                trainings += rows * self._trainings
                if any(reader.final for reader in readers):
                    final = self._final_drawing.draw(rows, seeds[part], fidelity) + rows * self._trainings
            for column, reader in zip(columns, readers, strict=True):
                column[part] = reader.read(rows, final if reader.final else trainings, fidelity)
            if self.validation_pass:
                columns[m + c, part] += self._passes.read(rows, rows, fidelity)
        if self._header.content.is_mapped:
            self._header.content.check_unchanged()
        seconds = columns[m + c] if self.has_seconds else np.full(n, np.nan)
        objectives, constraints, auxiliary = columns[:m].T, columns[m : m + c].T, columns[end:].T
        return Evaluations(archs, proposals.fidelity, proposals.tag, objectives, constraints, seconds, auxiliary)

    def _checked(self, proposals: Proposals, noise_seed: UInt64Array | None) -> UInt64Array | None:
        """Check what is asked; return the noise seeds, None where no training is to be drawn."""
        archs = proposals.archs
        if archs.ndim != 2 or archs.shape[1] != self.space.genes or archs.dtype.kind not in "ui":
            rule = f"be integers of shape (n, {self.space.genes})"
            raise HarnessError(must("archs", rule, f"{archs.dtype} of shape {archs.shape}"))
        index.check_genes(self.space, archs)
        check_fidelity(proposals.fidelity, len(self.fidelities), self.name)
        if noise_seed is None or self._trainings == 1:
            return None
        seeds = np.asarray(noise_seed)
        if seeds.shape != (len(archs),) or seeds.dtype != np.uint64:
            rule = f"be uint64 of shape ({len(archs)},)"
            raise HarnessError(must("noise_seed", rule, f"{seeds.dtype} of shape {seeds.shape}"))
        return seeds
