"""The places of lines in a table: row, training and epoch of each, and the rules that keep them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks_data.importers.own.description import Description
from benchmarks_data.importers.own.reading.lines import SHOWN, Lines
from benchmarks_data.importers.own.reading.numbers import Numbers
from benchmarks_data.importers.parts import Places, grouped
from harness.checks import Archs, BoolArray, FloatArray, IntArray
from harness.errors import TableError
from harness.space import SearchSpace

_LARGEST = 2**31 - 1
_MOST_EPOCHS = 10**6
_MOST_TRAININGS = 255


@dataclass(frozen=True)
class Grid:
    """Where each line stands in the arrays of the table.

    Attributes
    ----------
    archs : (N, L)
        In order of first appearance.
    seeds : (N, R) int32
        -1 where a row has fewer trainings than others; their order where they have no seeds.
    epochs : (F,) int64
    row, training, fidelity : (n,)
        Of each line.
    kept : (n,) bool
        Lines that are taken; others repeat one.
    """

    archs: Archs
    seeds: npt.NDArray[np.int32]
    epochs: IntArray
    row: Places
    training: Places
    fidelity: Places
    kept: BoolArray

    def spread(self, values: FloatArray) -> FloatArray:
        """Put the values of lines in their places: (n,) to (N, R, F), NaN where no line tells."""
        spread = np.full((*self.seeds.shape, len(self.epochs)), np.nan)
        kept = self.kept
        spread[self.row[kept], self.training[kept], self.fidelity[kept]] = values[kept]
        return spread


def grid_of(description: Description, space: SearchSpace, lines: Lines, numbers: Numbers, archs: Archs) -> Grid:
    """Find the place of each line, whose architectures are given: (n, L).

    Raises
    ------
    TableError
        If lines are for the same place, an architecture has more trainings than a table counts, or a training lacks an
        epoch; names the line, counts all, and shows the first few.
    """
    n = len(lines)
    last = description.schedule or _MOST_EPOCHS
    epoch = numbers.integers(description.epoch, 1, last) if description.epoch else np.full(n, description.schedule or 1)
    epochs, fidelity = np.unique(epoch, return_inverse=True)
    first, row, _ = grouped(space.code(archs))
    if description.seed:
        seed = numbers.integers(description.seed, 0, _LARGEST)
    elif description.repeats == "trainings":
        seed = grouped(row * len(epochs) + fidelity)[2].astype(np.int64)
    else:
        seed = np.zeros(n, dtype=np.int64)
    labels, label = np.unique(seed, return_inverse=True)
    training_code = row * len(labels) + label
    _, at, place = np.unique(training_code * len(epochs) + fidelity, return_index=True, return_inverse=True)
    kept: BoolArray = at[place.reshape(-1)] == np.arange(n)
    if not kept.all() and description.repeats != "first":
        rows = np.flatnonzero(~kept)
        raise TableError(_repeated(description, space, lines, archs, (seed, epoch), rows, at[place.reshape(-1)][rows]))
    trainings, training = np.unique(training_code, return_inverse=True)
    rows_of, labels_of = np.divmod(trainings, len(labels))
    place_in_row = np.arange(len(trainings)) - np.searchsorted(rows_of, rows_of)
    most = int(place_in_row.max()) + 1
    if most > _MOST_TRAININGS:
        what = "seeds" if description.seed else "trainings"
        raise TableError(f"{lines.source} must have at most {_MOST_TRAININGS} {what} for an architecture, has {most}")
    seeds = np.full((len(first), most), -1, dtype=np.int32)
    seeds[rows_of, place_in_row] = labels[labels_of]
    grid = Grid(archs[first], seeds, epochs, row, place_in_row[training.reshape(-1)], fidelity.reshape(-1), kept)
    if description.missing_epochs == "refused":
        _check_made(description, space, lines, numbers, grid)
    return grid


def _repeated(
    description: Description,
    space: SearchSpace,
    lines: Lines,
    archs: Archs,
    told: tuple[IntArray, IntArray],
    rows: Places,
    earlier: Places,
) -> str:
    """Say which lines are for the place of an earlier one, and what to do."""
    seed, epoch = told
    line = int(rows[0])
    what = _training(description, space, archs[line], int(seed[line]))
    what += f", epoch {epoch[line]}" if description.epoch else ""
    unit = lines.unit
    shown = []
    for row, before in list(zip(rows.tolist(), earlier.tolist(), strict=True))[:SHOWN]:
        shown.append(f"  {unit} {lines.numbers[row]}: {lines.text(row)}")
        shown.append(f"    repeats {unit} {lines.numbers[before]}: {lines.text(before)}")
    if len(rows) > SHOWN:
        shown.append("  …")
    remedies = ['to take the first of each, say repeats = "first"']
    if not description.seed:
        remedies.insert(
            0,
            'If they are trainings of the same architecture, say seed = "COLUMN", or, where seeds are not known, '
            'repeats = "trainings"',
        )
    if not description.epoch:
        remedies.insert(1, 'if they are epochs of a training, epoch = "COLUMN"')
    count = f"{len(rows):,} {unit}s repeat another:" if len(rows) > 1 else f"The {unit}:"
    return "\n".join(
        [
            f"{lines.place(line)} repeats {what} of {unit} {lines.numbers[int(earlier[0])]}: give one {unit} for each. "
            + count,
            *shown,
            "; ".join(remedies)[0].upper() + "; ".join(remedies)[1:] + ".",
        ]
    )


def _training(description: Description, space: SearchSpace, arch: Archs, seed: int) -> str:
    """Name a training: (L,)."""
    return space.format(arch[None])[0] + (f", seed {seed}" if description.seed else "")


def _check_made(description: Description, space: SearchSpace, lines: Lines, numbers: Numbers, grid: Grid) -> None:
    """Refuse a training of which an epoch was not run: it would be told as one that failed."""
    remedy = "give it, or write `nan` where the training failed"
    policy = (
        'Where epochs were left out on purpose, say missing_epochs = "missing": whoever asks for one is told `nan`, as '
        "of a training that failed"
    )
    made = np.repeat((grid.seeds >= 0)[:, :, None], len(grid.epochs), axis=2)
    made[grid.row, grid.training, grid.fidelity] = False
    lacking = np.argwhere(made)
    if len(lacking):
        row, training, fidelity = lacking[0]
        rows = _last_lines(grid, lacking)
        who = _training(description, space, grid.archs[row], int(grid.seeds[row, training]))
        lacks = f"{who} has no epoch {grid.epochs[fidelity]}: {remedy}"
        raise TableError(f"{lines.place(rows[0])}: {lacks}.{lines.several(rows, policy)}")
    source = description.sources[description.validation]
    blank = numbers.blank(source)
    measured = np.bincount(grid.fidelity[~blank], minlength=len(grid.epochs)) > 0
    wrong = np.flatnonzero(blank & measured[grid.fidelity]).tolist()
    if wrong:
        place = lines.place(wrong[0], source)
        told = lines.columns[source][wrong[0]]
        word = f"; failed = [\"{told}\"] says that for '{told}'" if told else ""
        nothing = f"nothing is told, as if it had not been run: {remedy}{word}."
        raise TableError(f"{place}: {nothing}{lines.several(wrong, policy)}")


def _last_lines(grid: Grid, lacking: IntArray) -> Sequence[int]:
    """Return the last line of each training that lacks something: (k, 3) to at most k lines."""
    last = np.full(grid.seeds.shape, -1, dtype=np.int64)
    np.maximum.at(last, (grid.row, grid.training), np.arange(len(grid.row)))
    lines: list[int] = list(dict.fromkeys(last[lacking[:, 0], lacking[:, 1]].tolist()))
    return lines


def lacking(grid: Grid, validation: FloatArray) -> int:
    """Count the trainings that lack an epoch which others have; `validation` is that of lines, (n,)."""
    told = ~np.isnan(grid.spread(validation))
    measured = told.any(axis=(0, 1))
    made = grid.seeds >= 0
    return int(np.count_nonzero(made & ~told[:, :, measured].all(axis=2)))
