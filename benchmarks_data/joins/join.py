"""The join of tables: one benchmark whose columns come from several sources, matched by architecture.

A column that the base has already keeps the base's values where the two differ, and the difference is reported.  What
other sources lack is NaN.  A column of results whose split is not told is refused: nobody could say whether it is test.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.index import search
from benchmarks_data.file.layout import Header, Table
from benchmarks_data.joins.fidelities import union
from benchmarks_data.joins.merge import Merge, Other
from benchmarks_data.joins.outcome import Joined
from harness.errors import TableError
from harness.space import SearchSpace

_RESULT = re.compile(r"accuracy|\bacc\b|_acc|loss|error|perplexity", re.IGNORECASE)


def table_of(header: Header) -> Table:
    """Return an opened table as arrays; they stay on disk until they are read.

    Parameters
    ----------
    header : Header
        Opened with its held-out columns, or these are lost.
    """
    seeds = header.array("index/seeds") if "index/seeds" in header.places else None
    index = {
        name.removeprefix("index/"): header.array(name)
        for name in header.places
        if name in ("index/rows", "index/keys", "index/key_rows")
    }
    columns = {name: (column, header.values(name)) for name, column in header.columns.items()}
    return Table(header.meaning, header.array("archs"), index, header.array("index/runs"), columns, {}, seeds)


def other_table(label: str, header: Header, columns: Sequence[str] = ()) -> Other:
    """Return a table as something to join; `columns` names those to take, all if it is empty."""
    table = table_of(header)
    taken = {name: table.columns[name] for name in columns or table.columns}
    return Other(label, table.archs, taken, table.meaning.fidelities, table.trainings, table.seeds)


def join(
    base: Table, others: Sequence[Other], *, name: str, space: SearchSpace, test: str | None = None
) -> tuple[Table, Joined]:
    """Add the columns of other sources to a table.

    Parameters
    ----------
    base : Table
        Its rows, its validation column and its last fidelity are those of the result.
    others : sequence of Other
    name : str
        Of the result.
    space : SearchSpace
        All of it, of both.
    test : str, optional
        Held-out column that reports judge by; the default is the base's.

    Returns
    -------
    Table, Joined

    Raises
    ------
    TableError
        If a source has no architecture of the base, tells one architecture twice, or has a column of results without a
        split or without a fidelity.
    """
    report = Joined()
    merged = union(base.meaning.fidelities, [other.fidelities for other in others])
    width = max(
        values.shape[1]
        for columns in (base.columns, *(other.columns for other in others))
        for _, values in columns.values()
    )
    state = Merge(base, merged, report, width)
    for other in others:
        state.add(_checked(other), _matched(base, other, space, report))
    made = assemble(
        name=name,
        space=space,
        archs=base.archs,
        fidelities=merged,
        columns=state.columns,
        validation=base.meaning.validation or None,
        test=test or base.meaning.test,
        seconds=base.meaning.seconds,
        trainings=state.trainings,
        seeds=state.seeds,
        rows=base.index.get("rows"),
        identity=base.meaning.identity,
        partial=base.meaning.partial,
    )
    return replace(made, about={"joined": report.text()}), report


def _checked(other: Other) -> Other:
    for name, (column, _) in other.columns.items():
        if not column.split and _RESULT.search(name):
            raise TableError(
                f"the column {name} of {other.label} does not say which images it was measured on: it is not joined; "
                "leave it out, or give it a split"
            )
        if column.split and not other.fidelities:
            raise TableError(
                f"the column {name} of {other.label} does not say after which epoch of which schedule it was measured: "
                "give the source its `fidelity`"
            )
    return other


def _matched(base: Table, other: Other, space: SearchSpace, report: Joined) -> npt.NDArray[np.intp]:
    """Return the row of `other` for each row of the base, -1 for none: (N,)."""
    ours, theirs = (space.key(archs, base.meaning.identity) for archs in (base.archs, other.archs))
    known, first, again = np.unique(theirs, return_index=True, return_inverse=True)
    for name, (_, values) in other.columns.items() if len(known) < len(theirs) else ():
        repeated = values[first[again]]
        if not ((values == repeated) | (np.isnan(values) & np.isnan(repeated))).all():
            raise TableError(
                f"{other.label} tells {name} of one architecture twice, differently: {len(theirs) - len(known)} rows "
                f"repeat one, by the {base.meaning.identity} identity of the base"
            )
    rows = search(known, first, ours)
    matched, used = int(np.count_nonzero(rows >= 0)), len(np.unique(rows[rows >= 0]))
    if not matched:
        raise TableError(f"{other.label} has none of the {len(ours)} architectures of {base.meaning.name}")
    report.notes.append(
        f"{other.label}: {matched:,} of {len(ours):,} rows matched by architecture, {len(ours) - matched:,} have no "
        f"value (NaN); {len(known) - used:,} of its {len(known):,} architectures are not in the base."
    )
    return rows
