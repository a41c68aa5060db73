"""Questions to a table of one's own: numbers that contradict what its description says of them.

Each is an error with its remedy, before anything is written.  A description answers in ``[columns.NAME]`` by another
unit or direction, by ``seconds`` (what they count from), or by ``certain = true``: it is as meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from benchmarks_data.file.trainings import mean_over_trainings
from benchmarks_data.plausibility import numbering, scales
from benchmarks_data.plausibility import seconds as clock
from harness.benchmark import Column
from harness.checks import Archs, FloatArray, IntArray
from harness.errors import TableError, clipped, must
from harness.space import SearchSpace

ANSWERS = ("seconds", "certain")
"""Keys of a column in a description by which questions are answered."""
CUMULATED = clock.KINDS[0]
_LISTED = 3


@dataclass(frozen=True)
class Answers:
    """What a description says that is only asked for where numbers look otherwise.

    Attributes
    ----------
    seconds : str
        What seconds count from, one of `clock.KINDS`.
    stated : bool
        Whether the description says so.
    certain : frozenset of str
        Columns that are as meant, whatever they look like.
    """

    seconds: str = CUMULATED
    stated: bool = False
    certain: frozenset[str] = frozenset()


class _Lines(Protocol):
    @property
    def source(self) -> str: ...

    def place(self, row: int, column: str | None = None) -> str: ...


class _Grid(Protocol):
    @property
    def archs(self) -> Archs: ...

    @property
    def epochs(self) -> IntArray: ...


class _Description(Protocol):
    @property
    def columns(self) -> Mapping[str, Column]: ...

    @property
    def sources(self) -> Mapping[str, str]: ...

    @property
    def seconds(self) -> str | None: ...

    @property
    def answers(self) -> Answers: ...


def answers_of(tables: Mapping[str, Any], seconds: str | None) -> Answers:
    """Read the answers in the tables ``[columns.NAME]`` of a description; `seconds` is the column of that role.

    Raises
    ------
    TableError
        If an answer is none, or ``seconds`` is said of another column.
    """
    for name, fields in tables.items():
        kind, certain = fields.get("seconds"), fields.get("certain", False)
        if kind is not None and kind not in clock.KINDS:
            raise TableError(must(f"seconds of [columns.{name}]", f"be one of {', '.join(clock.KINDS)}", kind))
        if kind is not None and name != seconds:
            rule = f"be said of the column that `seconds` names, which is {seconds or 'not given'}"
            raise TableError(must(f"seconds of [columns.{name}]", rule, kind))
        if not isinstance(certain, bool):
            raise TableError(must(f"certain of [columns.{name}]", "be true or false", certain))
    kind = tables[seconds].get("seconds") if seconds is not None else None
    sure = frozenset(name for name, fields in tables.items() if fields.get("certain"))
    return Answers(kind or CUMULATED, kind is not None, sure)


def misplaced(role: str, name: str) -> str:
    """Return a remedy where a description says under `seconds` what they count from; else ""."""
    if role != "seconds" or name not in clock.KINDS:
        return ""
    return f' `seconds` names the column; what its values count from is said there: [columns.NAME] seconds = "{name}".'


def check_unit(column: Column) -> None:
    """Refuse a column of what an evaluation costs that is not in seconds; says the factor where it is known."""
    if column.unit == "s":
        return
    factor = clock.IN_SECONDS.get(column.unit.lower())
    remedy = "" if factor is None else f": multiply the values by {factor:g}"
    rule = f"be 's'{remedy}; `seconds` is what an evaluation costs"
    raise TableError(must(f"unit of {column.name}", rule, column.unit))


def asked(
    description: _Description,
    space: SearchSpace,
    lines: _Lines,
    measured: Mapping[str, FloatArray],
    values: Mapping[str, FloatArray],
    grid: _Grid,
) -> dict[str, FloatArray]:
    """Ask what is contradictory, and return the values with seconds that count from the start of each training.

    Parameters
    ----------
    description : Description
    space : SearchSpace
    lines : Lines
        Of the data: where a single value stands.
    measured : mapping of str to (n,) float64
        By column of the table, the values of the lines.
    values : mapping of str to (N, R, F) float64
        The same in their places.
    grid : Grid
        ``archs``, (N, L) integers, and ``epochs``, (F,) int64.

    Raises
    ------
    TableError
        Counts the questions, and says the first few with their remedies.
    """
    answers = description.answers
    questions = [*_of_results(description, space, lines, measured, values, grid.archs)]
    name = description.seconds
    if name is not None and name not in answers.certain and not answers.stated:
        questions += _of_seconds(name, description.sources[name], lines, values[name], grid.epochs.tolist())
    questions = [question for question in questions if question[0] not in answers.certain]
    if questions:
        shown = "; ".join(text for _, text in questions[:_LISTED])
        more = f"; and {len(questions) - _LISTED} more" if len(questions) > _LISTED else ""
        columns = ", ".join(f"[columns.{column}]" for column in dict.fromkeys(column for column, _ in questions))
        raise TableError(f"{shown}{more}. If it is as meant, write `certain = true` under {columns}")
    if name is None or answers.seconds == CUMULATED:
        return dict(values)
    if (measured[name] < 0).any():
        row = int(np.flatnonzero(measured[name] < 0)[0])
        raise TableError(f"{lines.place(row, description.sources[name])}: `seconds` must be 0 or more")
    return {**values, name: clock.cumulated(values[name], grid.epochs.tolist(), answers.seconds)}


def _of_results(
    description: _Description,
    space: SearchSpace,
    lines: _Lines,
    measured: Mapping[str, FloatArray],
    values: Mapping[str, FloatArray],
    archs: Archs,
) -> Iterator[tuple[str, str]]:
    """Yield contradictions of results with the column's name."""
    found: list[scales.Question | None] = []
    final = {}
    for name, column in description.columns.items():
        if not column.split:
            continue
        source = description.sources[name]
        found.append(scales.of_unit(column, measured[name]))
        found.append(scales.of_name(column, source))
        found.append(scales.of_curve(column, values[name]))
        last = values[name][:, :, -1:]
        final[name] = (column, mean_over_trainings(last)[:, 0])
    found += scales.of_pairs(final)
    found += _of_idle_cells(space, final, archs)
    for question in filter(None, found):
        source = description.sources[question.column]
        where = lines.source
        if question.beyond is not None and question.beyond.any():
            where = lines.place(int(np.flatnonzero(question.beyond)[0]), source)
        yield question.column, f"{where}: {question.column} {question.text}: {question.remedy}"


def _of_idle_cells(
    space: SearchSpace, final: Mapping[str, tuple[Column, FloatArray]], archs: Archs
) -> Iterator[scales.Question]:
    """Ask whether cells that compute nothing are the best by the direction: an error called accuracy."""
    if space.name not in numbering.NOTHING_COMPUTED:
        return
    keys = space.key(archs)
    for name, (column, values) in final.items():
        if column.unit.lower() not in (*scales.PERCENT, *scales.FRACTION):
            continue
        idle = numbering.idle_cells(space, keys, values, column.direction)
        if idle is not None and idle.beaten >= 1 - numbering.LOW:
            text = f"is {column.direction}d, and cells that compute nothing beat {idle.beaten:.0%} of the others by it"
            other = "minimise" if column.direction == "maximise" else "maximise"
            remedy = f"write direction '{other}', or look whether the architectures are numbered as '{space.name}' does"
            yield scales.Question(name, text, remedy)


def count_from(name: str) -> str:
    """Return the remedy for seconds that do not count from the start of a training."""
    return (
        f"where they count from elsewhere, say so under [columns.{name}]: "
        'seconds = "per_epoch" (a line tells those of its own epoch), "since_previous" (those since the line before), '
        '"restarting" (the clock begins anew when a training is taken up again)'
    )


def _of_seconds(
    name: str, source: str, lines: _Lines, values: FloatArray, epochs: list[int]
) -> Iterator[tuple[str, str]]:
    """Ask what seconds count from, and whether they are seconds."""
    few, of = clock.stalled(values, epochs)
    where = f"{lines.source}, column '{clipped(source)}'"
    if few > of / 2:
        what = (
            f"must be what training from scratch costs up to the epoch; they hardly grow in {few:,} of {of:,} trainings"
        )
        yield name, f"{where}: `seconds` {what}: {count_from(name)}"
    unit = clock.other_unit(source)
    if unit:
        factor = clock.IN_SECONDS[unit]
        yield (
            name,
            f"{where}: its name speaks of '{unit}' and its unit is 's': multiply by {factor:g} if it is '{unit}'",
        )
