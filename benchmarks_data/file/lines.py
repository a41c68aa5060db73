"""The lines of a table as a data frame: architectures in the field's own strings, columns, fidelities, trainings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmarks_data.file import recorded
from benchmarks_data.file.layout import Header
from benchmarks_data.file.trainings import mean_over_trainings
from harness.checks import FloatArray, IntArray, integer
from harness.errors import HarnessError, unknown

if TYPE_CHECKING:
    import pandas as pd

ARCHITECTURE = "architecture"
_OWN = (ARCHITECTURE, "fidelity", "training", "trainings", "seed")
EVERY = "all"
"""The fidelity that stands for all of them."""


def lines(
    header: Header,
    *,
    columns: Sequence[str] | None = None,
    top: int | None = None,
    by: str | None = None,
    fidelity: str | None = None,
    trainings: bool = False,
) -> pd.DataFrame:
    """Return a table, or a part of it, as a data frame; values are as published, missing ones NaN.

    Parameters
    ----------
    header : Header
        Opened with its held-out columns.
    columns : sequence of str, optional
        All of them by default, held-out ones too.
    top : int, optional
        Only the best rows, best first; rows without a value are never among them, ties go to the first row.
    by : str, optional
        Column that says which are best, by its mean over the trainings at the fidelity; the default is the validation
        column.  Without `top` all rows are sorted by it.
    fidelity : str, optional
        Label of one, or ``"all"``; the default is, for each column, the last at which it was measured.
    trainings : bool
        A line for each training instead of the mean over those that exist.

    Returns
    -------
    pandas.DataFrame
        ``architecture``, then ``fidelity`` where one was asked for, ``training`` (from 0) and, where the table knows
        it, ``seed`` where trainings were, else ``trainings`` (how many there are), then the columns.

    Raises
    ------
    HarnessError
        If a column or fidelity is unknown, a column was not measured at the fidelity, or nothing says what is best.
    """
    names = list(header.columns if columns is None else dict.fromkeys(columns))
    for name in [*names, *([by] if by else [])]:
        if name not in header.columns:
            raise HarnessError(unknown(f"column of {header.meaning.name}", name, header.columns))
    last = len(header.meaning.fidelities) - 1
    rows = _chosen(header, top, by, last if fidelity in (None, EVERY) else _fidelity(header, fidelity))
    texts = np.array(recorded.whole_space_of(header).format(header.array("archs")[rows]), dtype=object)
    wanted: list[int | None] = [None]
    if fidelity is not None:
        wanted = [*range(last + 1)] if fidelity == EVERY else [_fidelity(header, fidelity)]
    parts = [_part(header, rows, texts, names, place, trainings) for place in wanted]
    import pandas as pd  # it takes longer to import than the rest of the command

    return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)


def _fidelity(header: Header, label: str | None) -> int:
    labels = [fidelity.label for fidelity in header.meaning.fidelities]
    if label not in labels:
        raise HarnessError(unknown(f"fidelity of {header.meaning.name}", str(label), [*labels, EVERY]))
    return labels.index(label)


def _chosen(header: Header, top: int | None, by: str | None, fidelity: int) -> IntArray:
    """Return the rows to write, in order."""
    rows = np.arange(len(header.array("archs")))
    if top is None and by is None:
        return rows
    name = by or header.meaning.validation
    if not name:
        raise HarnessError(f"{header.meaning.name} has no validation column: say by `--by COLUMN` which rows are best")
    values = mean_over_trainings(_values(header, name, fidelity)[:, :, None])[:, 0]
    rising = values if header.columns[name].direction == "minimise" else -values
    order = np.argsort(rising, kind="stable")  # NaN comes last
    if top is None:
        return order
    return order[: min(integer("top", top, low=1), np.count_nonzero(~np.isnan(values)))]


def _values(header: Header, name: str, fidelity: int | None) -> FloatArray:
    """Return a column at a fidelity, or at the last at which it was measured: (N, R)."""
    values = header.values(name)
    if fidelity is None:
        return values[:, :, -1]
    places = header.meaning.places(header.columns[name], values.shape[2])
    if fidelity in places:
        return values[:, :, places[fidelity]]
    return np.full(values.shape[:2], np.nan)


def _part(
    header: Header,
    rows: IntArray,
    texts: npt.NDArray[np.object_],
    names: Sequence[str],
    fidelity: int | None,
    trainings: bool,
) -> dict[str, npt.NDArray[np.generic]]:
    """Return the columns of the frame for one fidelity."""
    meaning = header.meaning
    schedule = meaning.schedule_of[-1 if fidelity is None else fidelity]
    counts = header.array("index/runs")[rows, schedule].astype(np.int64)
    label = [] if fidelity is None else [("fidelity", meaning.fidelities[fidelity].label)]
    values = {name: _values(header, name, fidelity)[rows] for name in names}
    if not trainings:
        means = {_heading(name): mean_over_trainings(column[:, :, None])[:, 0] for name, column in values.items()}
        return _with_labels({ARCHITECTURE: texts, "trainings": counts} | means, label)
    place, training = np.nonzero(np.arange(max(counts.max(initial=0), 1)) < counts[:, None])
    told: dict[str, npt.NDArray[np.generic]] = {ARCHITECTURE: texts[place], "training": training}
    if "index/seeds" in header.places:
        told["seed"] = header.array("index/seeds")[rows[place], schedule, training]
    for name, column in values.items():
        told[_heading(name)] = column[place, training if column.shape[1] > 1 else 0]
    return _with_labels(told, label)


def _heading(column: str) -> str:
    """Return the heading of a column, another than those that every frame has."""
    return f"column {column}" if column in _OWN else column


def _with_labels(
    columns: dict[str, npt.NDArray[np.generic]], labels: Sequence[tuple[str, str]]
) -> dict[str, npt.NDArray[np.generic]]:
    """Return columns with constant ones behind the architecture."""
    architecture = columns.pop(ARCHITECTURE)
    constant = {name: np.full(len(architecture), text, dtype=object) for name, text in labels}
    return {ARCHITECTURE: architecture, **constant, **columns}
