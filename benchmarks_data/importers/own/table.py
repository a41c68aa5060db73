"""A table of one's own: a file of any kind that people have, and a short TOML that says what its columns are.

One line for each architecture; or, in long format, for each architecture, seed and epoch; or, in wide format, with a
column for each epoch.  What is described becomes a column, everything else in the data is left out.  Every training has
a line for every epoch, with `nan` for its validation where it failed: what is blank was not run.  A table need not hold
every architecture of its space: what it lacks is then never proposed.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks_data import files
from benchmarks_data.file import layout
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.index import MAX_DENSE
from benchmarks_data.file.layout import AnyArray, Table
from benchmarks_data.file.problem import epochs_of
from benchmarks_data.files import Progress
from benchmarks_data.importers.own import questions
from benchmarks_data.importers.own.architectures import archs_of
from benchmarks_data.importers.own.description import Description, read_description
from benchmarks_data.importers.own.grid import Grid, grid_of, lacking
from benchmarks_data.importers.own.reading.lines import Lines
from benchmarks_data.importers.own.reading.numbers import Numbers, Style
from benchmarks_data.importers.own.reading.read import read_lines, sentence
from benchmarks_data.importers.own.wide import lengthened
from benchmarks_data.plausibility.likeness import COPY, likeness
from harness.benchmark import Column
from harness.checks import FloatArray
from harness.errors import TableError, clipped, reason
from harness.files.whole import remove_abandoned, replacing

Say = Callable[[str], None]
"""Told how the data were read, a sentence each."""


def read(
    data: Path | pd.DataFrame,
    description: Path,
    *,
    progress: Progress = lambda what, fraction: None,
    say: Say = lambda sentence: None,
) -> Table:
    """Read a table.

    Parameters
    ----------
    data : Path or pandas.DataFrame
        A file that `reading.read_lines` reads, or a frame.
    description : Path
        TOML: ``name``, ``title``, ``space`` (a known one, with ``architecture``, or values under ``[space.genes]``),
        ``validation``, optionally ``test``, ``seconds``, ``epoch``, ``schedule``, ``seed``, texts for people, and for
        each column ``[columns.NAME]`` with unit, direction and split, optionally column, trained_on, best, description,
        and `questions.ANSWERS`; ``docs/own-data.md`` lists all keys.
    progress : callable
    say : callable

    Raises
    ------
    TableError
        If the description or a line breaks a rule; names file, line and column.
    """
    fields = read_description(description)
    lines = read_lines(data, fields.form, progress).matched(fields.needed())
    if fields.wide:
        fields, lines = lengthened(fields, lines)
    told = fields.architecture
    space = told.space(fields.name, lines.columns)
    progress("reading architectures", 0.6)
    archs, forms = archs_of(told, space, lines)
    progress("reading numbers", 0.75)
    numbers = Numbers(lines, _styles(fields), fields.form, fields.words)
    measured = {name: numbers.floats(source) for name, source in fields.sources.items()}
    grid = grid_of(fields, space, lines, numbers, archs)
    progress("checking", 0.9)
    _check_best(fields, lines, measured)
    _check_held_out(fields, lines, measured)
    if fields.seconds is not None and fields.answers.seconds == questions.CUMULATED:
        _check_seconds(fields, lines, grid, measured)
    spread = {name: grid.spread(values) for name, values in measured.items()}
    spread = questions.asked(fields, space, lines, measured, spread, grid)
    for text in (
        sentence(replace(lines, remarks=(*lines.remarks, *numbers.remarks))),
        *forms,
        *_policies(fields, lines, grid, measured),
    ):
        if text:
            say(text)
    codings = math.prod(space.cardinalities.tolist())
    return assemble(
        name=fields.name,
        space=space,
        archs=grid.archs,
        fidelities=epochs_of(fields.schedule or int(grid.epochs[-1]), grid.epochs.tolist()),
        columns={name: _column(fields, name, grid, values, lines) for name, values in spread.items()},
        validation=fields.validation,
        test=fields.test,
        seconds=fields.seconds,
        trainings=np.count_nonzero(grid.seeds >= 0, axis=1)[:, None],
        seeds=None if fields.seed is None else grid.seeds[:, None],
        identity="exact",
        partial=None if codings <= MAX_DENSE else len(grid.archs) < codings,
        about=_about(fields, data),
    )


def write(
    path: Path,
    data: Path | pd.DataFrame,
    description: Path,
    *,
    progress: Progress = lambda what, fraction: None,
    say: Say = lambda sentence: None,
) -> Path:
    """Read a table and write it to a file that opens by path, whole or not at all; returns `path`."""
    table = read(data, description, progress=progress, say=say)
    remove_abandoned(path)
    try:
        with replacing(path) as temporary:
            layout.write(temporary, table)
    except OSError as error:
        raise TableError(f"cannot write the table {path}: {reason(error)}") from error
    return path


def _styles(description: Description) -> dict[str, Style]:
    """Return what each column of numbers may have besides numbers."""
    styles = {column: Style() for column in (description.epoch, description.seed) if column}
    for name, source in description.sources.items():
        percent = description.columns[name].unit.lower() in ("percent", "%")
        styles[source] = Style(percent, source in description.spread)
    return styles


def _policies(description: Description, lines: Lines, grid: Grid, measured: Mapping[str, FloatArray]) -> list[str]:
    """Say what the description's policies did with lines, and with epochs that are not there."""
    said = []
    if not grid.kept.all():
        said.append(f"{np.count_nonzero(~grid.kept):,} {lines.unit}s that repeat an earlier one are left out")
    if description.repeats == "trainings" and grid.seeds.shape[1] > 1:
        said.append("repeated lines taken for trainings, in their order; they have no seeds")
    if description.missing_epochs == "missing":
        count = lacking(grid, measured[description.validation])
        if count and description.seconds is not None:
            raise TableError(
                f"{lines.source}: {count:,} trainings lack epochs, and `seconds` must be known for each: leave "
                "`seconds` out of the description, and search with a budget in evaluations"
            )
        if count:
            made = np.count_nonzero(grid.seeds >= 0)
            said.append(
                f"{count:,} of {made:,} trainings lack epochs that others have: who asks for one is told `nan`, as of "
                "a training that failed"
            )
    return said


def _about(description: Description, data: Path | pd.DataFrame) -> dict[str, str]:
    if isinstance(data, pd.DataFrame):
        return {**description.about, "source_sha256": ""}
    return {
        **description.about,
        "source": description.about["source"] or data.name,
        "source_sha256": files.sha256(data),
    }


def _check_held_out(description: Description, lines: Lines, measured: Mapping[str, FloatArray]) -> None:
    """Warn where a column that strategies may be told repeats one that is held out."""
    for hidden in (name for name, column in description.columns.items() if column.held_out):
        for name in (name for name, column in description.columns.items() if not column.held_out):
            both = ~np.isnan(measured[name]) & ~np.isnan(measured[hidden])
            varied = len(np.unique(measured[hidden][both])) > 1
            same = varied and np.array_equal(measured[name][both], measured[hidden][both])
            result = bool(description.columns[name].split)
            if same or (result and likeness(measured[name], measured[hidden]).distance <= COPY):
                how = "equals {} value for value" if same else "is {} otherwise written"
                warnings.warn(
                    f"{lines.source}: {name} {how.format(hidden)}, and {hidden} is held out: is it told under another "
                    "name?",
                    stacklevel=3,
                )


def _column(
    description: Description, name: str, grid: Grid, values: FloatArray, lines: Lines
) -> tuple[Column, AnyArray]:
    """Keep of a column what was measured: some epochs, or one value where trainings and epochs all repeat it."""
    column = description.columns[name]
    there = ~np.isnan(values)
    if not there.any():
        raise TableError(
            f"{lines.source}: the column '{clipped(description.sources[name])}' must have a value in some {lines.unit}"
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


def _check_best(description: Description, lines: Lines, measured: Mapping[str, FloatArray]) -> None:
    """Refuse values that are better than the best that can be thought of: the unit is another."""
    for name, column in description.columns.items():
        if column.best is None:
            continue
        values = measured[name]
        beyond = values > column.best if column.direction == "maximise" else values < column.best
        rows = np.flatnonzero(beyond).tolist()
        if rows:
            where = lines.place(rows[0], description.sources[name])
            raise TableError(
                f"{where}: {values[rows[0]]} is better than the `best` of {name}, {column.best}: another unit?"
                f"{lines.several(rows)}"
            )


def _check_seconds(description: Description, lines: Lines, grid: Grid, measured: Mapping[str, FloatArray]) -> None:
    """Refuse negative seconds, and seconds that fall while a training goes on."""
    name = str(description.seconds)
    values = measured[name]
    most = np.fmax.accumulate(grid.spread(values), axis=2)  # up to each epoch, passing over what is missing
    falls = (values < most[grid.row, grid.training, grid.fidelity]) & grid.kept
    for wrong in (values < 0, falls):
        rows = np.flatnonzero(wrong).tolist()
        if rows:
            rule = (
                "be what training from scratch costs up to the epoch, 0 or more and never less than at the epoch before"
            )
            where = lines.place(rows[0], description.sources[name])
            remedy = "" if values[rows[0]] < 0 else f"; {questions.count_from(name)}"
            raise TableError(f"{where}: `seconds` must {rule}, got {values[rows[0]]}{remedy}{lines.several(rows)}")
