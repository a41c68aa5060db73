"""The assembly of a table from arrays: every rule that a table keeps is checked here, once, for all converters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from benchmarks_data.file import index
from benchmarks_data.file.layout import AnyArray, Columns, Table
from benchmarks_data.file.meaning import TEST_SPLITS, Meaning, check_held_out
from harness.benchmark import Column
from harness.checks import Archs, BoolArray, arch_matrix
from harness.errors import TableError, must, unknown
from harness.problem import DIRECTIONS, Fidelity
from harness.space import SearchSpace

SPLITS = ("", "train", "x-valid", *TEST_SPLITS)


def assemble(
    *,
    name: str,
    space: SearchSpace,
    archs: Archs,
    fidelities: Sequence[Fidelity],
    columns: Columns,
    validation: str | None,
    test: str | None,
    seconds: str | None,
    trainings: npt.ArrayLike | None = None,
    seeds: npt.ArrayLike | None = None,
    rows: npt.ArrayLike | None = None,
    about: Mapping[str, str] | None = None,
    identity: str = "functional",
    partial: bool | None = None,
) -> Table:
    """Put a table together and check it.

    Parameters
    ----------
    name : str
        Of the benchmark.
    space : SearchSpace
        One that has a method ``definition`` is stored with the table; see `Meaning.space_definition`.
    archs : (N, L) integers
        Valid architectures, one for each row.
    fidelities : sequence of Fidelity
        F of them, every (schedule, epoch) at which anything was measured, the one that reports judge by last.
    columns : mapping of str to (Column, (N, R, A) array)
        R is the number of trainings, or 1 where trainings do not differ; A the number of fidelities in `Column.at`;
        where that is empty F, or 1 for what does not change in training.  NaN where a value is missing.
    validation : str or None
        Column of the default objective, of the split x-valid; None: the table can be searched under a protocol only.
    test : str or None
        Held-out column that reports judge by.
    seconds : str or None
        Column of what an evaluation costs, from scratch: in a training, later epochs never cost less.
    trainings : (N, S) integers, optional
        How many trainings exist in each row, in each of the S schedules (in order of first appearance in `fidelities`);
        they come first along R.  By default counted from what is missing in the validation column, or, where that was
        not measured in a schedule, in the columns that were.
    seeds : (N, S, R) integers, optional
        The seed of each training, -1 where absent or unlabelled.
    rows : (codings,) integers, optional
        Row of each coding, -1 for none: for spaces of at most 2**20 codings whose index is none of the identities.
    about : mapping of str to str, optional
        For people; see `benchmarks_data.file.layout.Table`.
    identity : {"functional", "string", "exact"}
        Architectures that are the same in this sense share a row; "exact" where the table tells equal ones apart.
    partial : bool, optional
        Whether valid architectures of the space are missing.  By default found out for spaces of at most 2**20 codings,
        and taken for no otherwise.

    Raises
    ------
    TableError
        Names the column, row or fidelity that breaks a rule.
    """
    archs = _checked_archs(space, archs)
    meaning = Meaning(
        name=name,
        space=space.name,
        fidelities=_checked_fidelities(fidelities),
        validation=validation or "",
        test=test,
        seconds=seconds,
        identity=identity,
        space_definition=definition() if (definition := getattr(space, "definition", None)) else "",
    )
    checked = {key: _checked_column(key, meaning, len(archs), *item) for key, item in columns.items()}
    _check_named(meaning, checked)
    most = _most_trainings(checked)
    counted = (
        _counted(meaning, checked, most)
        if trainings is None
        else _checked_trainings(meaning, trainings, len(archs), most)
    )
    _check_absent(meaning, checked, counted)
    _check_seconds(meaning, checked)
    entries = index.build(space, archs, identity=identity) if rows is None else index.checked_rows(space, archs, rows)
    if partial is None:
        partial = "rows" in entries and _lacks(space, entries["rows"])
    return Table(
        meaning=replace(meaning, partial=partial),
        archs=archs,
        index=entries,
        trainings=counted,
        columns=checked,
        about=dict(about or {}),
        seeds=None if seeds is None else _checked_seeds(seeds, counted, most),
    )


def _checked_archs(space: SearchSpace, archs: Archs) -> Archs:
    matrix = arch_matrix("archs", archs, space.genes)
    if not len(matrix):
        raise TableError(must("archs", "have at least one row", matrix.shape))
    if (row := index.first_row(~space.is_valid(matrix))) is not None:
        rule = f"be architectures of the space '{space.name}': row {row} is not"
        raise TableError(must("archs", rule, matrix[row].tolist()))
    return np.ascontiguousarray(matrix, dtype=space.dtype)


def _checked_fidelities(fidelities: Sequence[Fidelity]) -> tuple[Fidelity, ...]:
    known = tuple(fidelities)
    if not known:
        raise TableError(must("fidelities", "name at least one", []))
    if len({(fidelity.training, fidelity.epoch) for fidelity in known}) < len(known):
        raise TableError(must("fidelities", "differ in schedule, epoch or scale", [item.label for item in known]))
    for place, fidelity in enumerate(known):
        before = fidelity.continues
        if before is None:
            continue
        fits = 0 <= before < place and known[before].training == fidelity.training
        if not fits or known[before].epoch >= fidelity.epoch:
            rule = f"be an earlier epoch of the same schedule, before fidelity {place} ('{fidelity.label}')"
            raise TableError(must("continues", rule, before))
    return known


def _checked_column(
    name: str, meaning: Meaning, rows: int, column: Column, values: AnyArray
) -> tuple[Column, AnyArray]:
    """Check one column and return its values as contiguous float64."""
    if column.name != name:
        raise TableError(must(f"column {name}", "have its own name", column.name))
    if column.direction not in DIRECTIONS:
        raise TableError(must(f"direction of {name}", f"be one of {', '.join(DIRECTIONS)}", column.direction))
    if column.split not in SPLITS:
        raise TableError(unknown(f"split of {name}", column.split, SPLITS))
    check_held_out(column)
    array = np.ascontiguousarray(values, dtype=np.float64)
    fidelities = len(meaning.fidelities)
    if any(not 0 <= a < fidelities for a in column.at) or list(column.at) != sorted(set(column.at)):
        raise TableError(must(f"at of {name}", f"rise within 0 to {fidelities - 1}", column.at))
    widths = (len(column.at),) if column.at else (1, fidelities)
    if array.ndim != 3 or array.shape[0] != rows or array.shape[1] < 1 or array.shape[2] not in widths:
        rule = f"have shape ({rows}, runs, {' or '.join(map(str, widths))})"
        raise TableError(must(f"column {name}", rule, array.shape))
    return column, array


def _check_named(meaning: Meaning, columns: Columns) -> None:
    """Check that validation, test and seconds are columns, and of the right kind."""
    for role, name in (("validation", meaning.validation), ("test", meaning.test), ("seconds", meaning.seconds)):
        if not name:
            continue
        if name not in columns:
            raise TableError(unknown(f"{role} column", name, columns))
        column = columns[name][0]
        if column.held_out != (role == "test"):
            state = "held out" if role == "test" else "not held out"
            raise TableError(must(f"{role} column {name}", f"be {state}", f"held_out={column.held_out}"))
        if role == "validation" and column.split != "x-valid":
            raise TableError(must(f"validation column {name}", "be of the split 'x-valid'", column.split))


def _most_trainings(columns: Columns) -> int:
    """Return R; columns have it or 1."""
    widths = {name: values.shape[1] for name, (_, values) in columns.items() if values.shape[1] > 1}
    if len(set(widths.values())) > 1:
        raise TableError(must("columns", "have the same number of runs, or one", widths))
    return max(widths.values(), default=1)


def _measured(meaning: Meaning, columns: Columns, schedule: int) -> Iterator[tuple[str, AnyArray, list[int]]]:
    """Yield every column measured in a schedule, with its places along the last axis."""
    for name, (column, values) in columns.items():
        width = values.shape[2]
        places = meaning.places(column, width)
        inside = {place for fidelity, place in places.items() if meaning.schedule_of[fidelity] == schedule}
        if inside:
            yield name, values, sorted(inside)


def _counted(meaning: Meaning, columns: Columns, most: int) -> AnyArray:
    """Count the trainings of each row and schedule: (N, S)."""
    counts = []
    for schedule, epochs in enumerate(meaning.schedules):
        present = _present_trainings(meaning, columns, schedule, most)
        if (row := index.first_row(present[:, 1:] & ~present[:, :-1])) is not None:
            gap = f"row {row} has {present[row].tolist()} in the schedule of {epochs} epochs"
            raise TableError(f"runs that are there must come first, {gap}; order them or give `trainings`")
        counts.append(present.sum(axis=1))
    return np.stack(counts, axis=1).astype(np.uint8)


def _present_trainings(meaning: Meaning, columns: Columns, schedule: int, most: int) -> BoolArray:
    """Say which trainings of a schedule have any value in the columns that tell: (N, R)."""
    measured = list(_measured(meaning, columns, schedule))
    changing = [item for item in measured if not _is_constant(columns[item[0]])] or measured
    by_training = [item for item in changing if item[1].shape[1] == most] or changing
    chosen = [item for item in by_training if item[0] == meaning.validation] or by_training
    present: BoolArray = np.logical_or.reduce([_present(values, places) for _, values, places in chosen])
    return present


def _is_constant(item: tuple[Column, AnyArray]) -> bool:
    """Say whether a column does not change in training."""
    column, values = item
    return values.shape[2] == 1 and not column.at


def _present(values: AnyArray, places: list[int]) -> BoolArray:
    present: BoolArray = np.zeros(values.shape[:2], dtype=bool)
    for place in places:
        present |= ~np.isnan(values[:, :, place])
    return present


def _checked_trainings(meaning: Meaning, trainings: npt.ArrayLike, rows: int, most: int) -> AnyArray:
    counts = np.asarray(trainings)
    shape = (rows, len(meaning.schedules))
    if counts.shape != shape or counts.dtype.kind not in "ui":
        raise TableError(
            must("trainings", f"be integers of shape {shape}: rows, schedules", f"{counts.dtype} {counts.shape}")
        )
    if counts.min() < 0 or counts.max() > most:
        raise TableError(must("trainings", f"lie in 0 to {most}", [int(counts.min()), int(counts.max())]))
    return counts.astype(np.uint8)


def _check_absent(meaning: Meaning, columns: Columns, trainings: AnyArray) -> None:
    """Refuse results at the end of trainings that are said not to exist: they would enter means, and never be drawn.

    A training that failed on the way may have values before its end, and a cost.
    """
    for schedule in range(trainings.shape[1]):
        for name, values, places in _measured(meaning, columns, schedule):
            if values.shape[1] == 1 or not columns[name][0].split:
                continue
            count = trainings.max(axis=1) if _is_constant(columns[name]) else trainings[:, schedule]
            absent = np.arange(values.shape[1]) >= count[:, None]
            if (row := index.first_row(~np.isnan(values[:, :, places[-1]]) & absent)) is not None:
                excess = f"row {row} has more than its {count[row]}"
                raise TableError(f"the column {name} must be NaN where a run is absent, {excess}")


def _check_seconds(meaning: Meaning, columns: Columns) -> None:
    """Refuse seconds that fall in the course of a training: what continues it would be charged less than nothing."""
    if meaning.seconds is None:
        return
    column, values = columns[meaning.seconds]
    places = meaning.places(column, values.shape[2])
    latest: dict[int, AnyArray] = {}  # by fidelity, the last seconds known of each training, (N, R)
    for fidelity, known in enumerate(meaning.fidelities):
        before = np.full(values.shape[:2], np.nan) if known.continues is None else latest[known.continues]
        if fidelity not in places:
            latest[fidelity] = before
            continue
        now = values[:, :, places[fidelity]]
        fallen = np.argwhere(now < before)
        if len(fallen):
            row, training = fallen[0]
            raise TableError(
                f"the column {meaning.seconds} must not fall in the course of a training: run {training} of row {row} "
                f"has {now[row, training]:g} s at '{known.label}' after {before[row, training]:g} s"
            )
        latest[fidelity] = np.where(np.isnan(now), before, now) if np.isnan(now).any() else now


def _checked_seeds(seeds: npt.ArrayLike, trainings: AnyArray, most: int) -> AnyArray:
    labels = np.asarray(seeds)
    shape = (*trainings.shape, most)
    if labels.shape != shape or labels.dtype.kind not in "ui":
        raise TableError(must("seeds", f"be integers of shape {shape}", f"{labels.dtype} {labels.shape}"))
    absent = np.arange(most) >= trainings[:, :, None]
    if (row := index.first_row((labels >= 0) & absent)) is not None:
        raise TableError(must("seeds", f"be -1 where a run is absent (row {row})", labels[row].tolist()))
    ordered = np.sort(labels, axis=2)
    if (row := index.first_row((ordered[:, :, 1:] == ordered[:, :, :-1]) & (ordered[:, :, 1:] >= 0))) is not None:
        raise TableError(must("seeds", f"name each run of a row once (row {row})", labels[row].tolist()))
    return labels.astype(np.int32)


def _lacks(space: SearchSpace, rows: AnyArray) -> bool:
    absent = np.flatnonzero(rows < 0).astype(np.uint64)
    return bool(len(absent)) and bool(space.is_valid(space.decode(absent)).any())
