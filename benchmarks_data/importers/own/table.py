"""A table of one's own: CSV, Parquet or a data frame, and a short TOML that says what the columns are.

One line for each architecture; or, in long format, for each architecture, seed and epoch.  What is described becomes a
column, everything else in the data is left out.  Every training has a line for every epoch, with `nan` for its
validation where it failed: what is blank was not run.  A table need not hold every architecture of its space: what it
lacks is then never proposed.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks_data import files
from benchmarks_data.file import layout
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.index import MAX_DENSE, first_row
from benchmarks_data.file.layout import AnyArray, Table
from benchmarks_data.file.problem import epochs_of
from benchmarks_data.importers.own import questions
from benchmarks_data.importers.own.description import Description, read_description
from benchmarks_data.importers.own.lines import Lines, read_lines
from benchmarks_data.importers.parts import Places, grouped
from benchmarks_data.plausibility.likeness import COPY, likeness
from harness.benchmark import Column
from harness.checks import Archs, FloatArray, IntArray, integer
from harness.errors import HarnessError, TableError
from harness.files import remove_abandoned, replacing
from harness.spaces.categorical import CategoricalSpace

_LARGEST = 2**31 - 1
_MOST_EPOCHS = 10**6
_MOST_TRAININGS = 255


def read(data: Path | pd.DataFrame, description: Path) -> Table:
    """Read a table.

    Parameters
    ----------
    data : Path or pandas.DataFrame
        A CSV file (UTF-8, a header, commas), a Parquet file, or a frame.
    description : Path
        TOML: ``name``, ``title``, ``space`` (a known one, with ``architecture``, or values under ``[space.genes]``),
        ``validation``, optionally ``test``, ``seconds``, ``epoch``, ``schedule``, ``seed``, texts for people, and for
        each column ``[columns.NAME]`` with unit, direction and split, optionally column, trained_on, best, description,
        and `questions.ANSWERS`.

    Raises
    ------
    TableError
        If the description or a line breaks a rule; names file, line and column.
    """
    fields, lines = read_description(description), read_lines(data)
    lines.check(fields.needed())
    grid = _grid(fields, lines, _archs(fields, lines))
    _check_made(fields, lines, grid)
    codings = math.prod(fields.space.cardinalities.tolist())
    values = {name: grid.spread(lines.floats(source)) for name, source in fields.sources.items()}
    _check_best(fields, lines)
    _check_held_out(fields, lines)
    if fields.seconds is not None and fields.answers.seconds == questions.CUMULATED:
        _check_seconds(fields, lines, grid)
    values = questions.asked(fields, lines, values, grid.archs, grid.epochs)
    return assemble(
        name=fields.name,
        space=fields.space,
        archs=grid.archs,
        fidelities=epochs_of(fields.schedule or int(grid.epochs[-1]), grid.epochs.tolist()),
        columns={name: _column(fields, name, grid, array, lines) for name, array in values.items()},
        validation=fields.validation,
        test=fields.test,
        seconds=fields.seconds,
        trainings=np.count_nonzero(grid.seeds >= 0, axis=1)[:, None],
        seeds=None if fields.seed is None else grid.seeds[:, None],
        identity="exact",
        partial=None if codings <= MAX_DENSE else len(grid.archs) < codings,
        about=_about(fields, data),
    )


def write(path: Path, data: Path | pd.DataFrame, description: Path) -> Path:
    """Read a table and write it to a file that opens by path, whole or not at all; returns `path`."""
    table = read(data, description)
    remove_abandoned(path)
    try:
        with replacing(path) as temporary:
            layout.write(temporary, table)
    except OSError as error:
        raise TableError(f"cannot write the table {path}: {error}") from error
    return path


def _about(description: Description, data: Path | pd.DataFrame) -> dict[str, str]:
    if isinstance(data, pd.DataFrame):
        return {**description.about, "source_sha256": ""}
    return {
        **description.about,
        "source": description.about["source"] or data.name,
        "source_sha256": files.sha256(data),
    }


def _archs(description: Description, lines: Lines) -> Archs:
    """Return the architecture of each line: (n, L)."""
    genes = [_codes(description, lines, gene, column) for gene, column in enumerate(description.architecture)]
    archs = np.concatenate(genes, axis=1)
    if (row := first_row(~description.space.is_valid(archs))) is not None:
        raise TableError(f"{lines.place(row)}: {archs[row].tolist()} is no architecture of '{description.space.name}'")
    return archs.astype(description.space.dtype)


def _codes(description: Description, lines: Lines, gene: int, column: str) -> Archs:
    """Return what a column tells: one gene of each line, or all genes where it holds the field's own string."""
    space, codes = description.space, []
    for row, text in enumerate(lines.columns[column]):
        try:
            if isinstance(space, CategoricalSpace):
                # true and false as the description writes them, where a program wrote True and False
                written = text.lower() if text in {"True", "False"}.difference(space.values[column]) else text
                codes.append([space.code_of(column, written)])
            elif len(description.architecture) == 1:
                codes.append(space.parse([text])[0].tolist())
            else:
                codes.append(
                    [integer(f"code of gene {gene}", int(text), low=0, high=int(space.cardinalities[gene]) - 1)]
                )
        except (HarnessError, ValueError) as error:
            raise TableError(f"{lines.place(row, column)}: {error}") from error
    return np.array(codes, dtype=np.int64)


@dataclass(frozen=True)
class _Grid:
    """Where each line stands in the arrays of the table.

    Attributes
    ----------
    archs : (N, L)
        In order of first appearance.
    seeds : (N, R) int32
        -1 where a row has fewer trainings than others.
    epochs : (F,) int64
    row, training, fidelity : (n,)
        Of each line.
    """

    archs: Archs
    seeds: npt.NDArray[np.int32]
    epochs: IntArray
    row: Places
    training: Places
    fidelity: Places

    def spread(self, values: FloatArray) -> FloatArray:
        """Put the values of lines in their places: (n,) to (N, R, F), NaN where no line tells."""
        spread = np.full((*self.seeds.shape, len(self.epochs)), np.nan)
        spread[self.row, self.training, self.fidelity] = values
        return spread


def _grid(description: Description, lines: Lines, archs: Archs) -> _Grid:
    n = len(lines)
    last = description.schedule or _MOST_EPOCHS
    seed = lines.integers(description.seed, 0, _LARGEST) if description.seed else np.zeros(n, dtype=np.int64)
    epoch = lines.integers(description.epoch, 1, last) if description.epoch else np.full(n, description.schedule or 1)
    first, row, _ = grouped(description.space.code(archs))
    _check_once(description, lines, archs, np.stack([row, seed, epoch], axis=1))
    pairs, pair = np.unique(np.stack([row, seed], axis=1), axis=0, return_inverse=True)
    place_in_row = np.arange(len(pairs)) - np.searchsorted(pairs[:, 0], pairs[:, 0])
    most = int(place_in_row.max()) + 1
    if most > _MOST_TRAININGS:
        raise TableError(f"{lines.source} must have at most {_MOST_TRAININGS} seeds for an architecture, has {most}")
    seeds = np.full((len(first), most), -1, dtype=np.int32)
    seeds[pairs[:, 0], place_in_row] = pairs[:, 1]
    training = place_in_row[pair.reshape(-1)]
    epochs, fidelity = np.unique(epoch, return_inverse=True)
    return _Grid(archs[first], seeds, epochs, row, training, fidelity)


def _check_once(description: Description, lines: Lines, archs: Archs, places: IntArray) -> None:
    """Refuse two lines for the same architecture, seed and epoch: (n, L), (n, 3)."""
    _, first, place = np.unique(places, axis=0, return_index=True, return_inverse=True)
    for line in np.flatnonzero(first[place.reshape(-1)] != np.arange(len(places)))[:1]:
        text = _training(description, archs[line], int(places[line, 1]))
        text += f", epoch {places[line, 2]}" if description.epoch else ""
        other = f"{lines.unit} {lines.numbers[first[place.reshape(-1)[line]]]}"
        raise TableError(f"{lines.place(int(line))} repeats {text} of {other}: give one {lines.unit} for each")


def _training(description: Description, arch: Archs, seed: int) -> str:
    """Name a training: (L,)."""
    return description.space.format(arch[None])[0] + (f", seed {seed}" if description.seed else "")


def _check_made(description: Description, lines: Lines, grid: _Grid) -> None:
    """Refuse a training of which an epoch was not run: it would be told as one that failed."""
    made = np.repeat((grid.seeds >= 0)[:, :, None], len(grid.epochs), axis=2)
    made[grid.row, grid.training, grid.fidelity] = False
    remedy = "give it, or write `nan` where the training failed"
    for row, training, fidelity in np.argwhere(made)[:1]:
        line = int(np.flatnonzero((grid.row == row) & (grid.training == training))[-1])
        who = _training(description, grid.archs[row], int(grid.seeds[row, training]))
        raise TableError(f"{lines.place(line)}: {who} has no epoch {grid.epochs[fidelity]}: {remedy}")
    source = description.sources[description.validation]
    blank = np.array([not text for text in lines.columns[source]], dtype=np.bool_)
    measured = np.bincount(grid.fidelity[~blank], minlength=len(grid.epochs)) > 0
    for line in np.flatnonzero(blank & measured[grid.fidelity])[:1]:
        raise TableError(f"{lines.place(int(line), source)}: nothing is told, as if it had not been run: {remedy}")


def _check_held_out(description: Description, lines: Lines) -> None:
    """Warn where a column that strategies may be told repeats one that is held out."""
    values = {name: lines.floats(source) for name, source in description.sources.items()}
    for hidden in (name for name, column in description.columns.items() if column.held_out):
        for name in (name for name, column in description.columns.items() if not column.held_out):
            both = ~np.isnan(values[name]) & ~np.isnan(values[hidden])
            varied = len(np.unique(values[hidden][both])) > 1
            same = varied and np.array_equal(values[name][both], values[hidden][both])
            result = bool(description.columns[name].split)
            if same or (result and likeness(values[name], values[hidden]).distance <= COPY):
                how = "equals {} value for value" if same else "is {} otherwise written"
                warnings.warn(
                    f"{lines.source}: {name} {how.format(hidden)}, and {hidden} is held out: is it told under another "
                    "name?",
                    stacklevel=3,
                )


def _column(
    description: Description, name: str, grid: _Grid, values: FloatArray, lines: Lines
) -> tuple[Column, AnyArray]:
    """Keep of a column what was measured: some epochs, or one value where trainings and epochs all repeat it."""
    column = description.columns[name]
    there = ~np.isnan(values)
    if not there.any():
        raise TableError(
            f"{lines.source}: the column '{description.sources[name]}' must have a value in some {lines.unit}"
        )
    if not column.split and name != description.seconds:
        most = np.where(there, values, -np.inf).max(axis=(1, 2))
        least = np.where(there, values, np.inf).min(axis=(1, 2))
        if bool((most <= least).all()):  # a row without any value has -inf and inf
            return column, np.where(np.isfinite(most), most, np.nan)[:, None, None]
    at = np.flatnonzero(there.any(axis=(0, 1)))
    if len(at) == len(grid.epochs):
        return column, values
    return replace(column, at=tuple(at.tolist())), values[:, :, at]


def _check_best(description: Description, lines: Lines) -> None:
    """Refuse values that are better than the best that can be thought of: the unit is another."""
    for name, column in description.columns.items():
        if column.best is None:
            continue
        values = lines.floats(description.sources[name])
        beyond = values > column.best if column.direction == "maximise" else values < column.best
        if (row := first_row(beyond)) is not None:
            where = lines.place(row, description.sources[name])
            raise TableError(
                f"{where}: {values[row]} is better than the `best` of {name}, {column.best}: another unit?"
            )


def _check_seconds(description: Description, lines: Lines, grid: _Grid) -> None:
    """Refuse negative seconds, and seconds that fall while a training goes on."""
    source = description.sources[str(description.seconds)]
    values = lines.floats(source)
    most = np.fmax.accumulate(grid.spread(values), axis=2)  # up to each epoch, passing over what is missing
    falls = np.flatnonzero(values < most[grid.row, grid.training, grid.fidelity])
    for row in [*np.flatnonzero(values < 0)[:1], *falls[:1]]:
        rule = "be what training from scratch costs up to the epoch, 0 or more and never less than at the epoch before"
        remedy = "" if values[row] < 0 else f"; {questions.count_from(str(description.seconds))}"
        raise TableError(f"{lines.place(int(row), source)}: `seconds` must {rule}, got {values[row]}{remedy}")
