"""Parts that converters share: checks of what a file holds, and columns of scores and costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks_data.file.layout import AnyArray
from benchmarks_data.file.meaning import TEST_SPLITS
from harness.benchmark import Column
from harness.checks import FloatArray, IntArray
from harness.errors import TableError, reason

Places = npt.NDArray[np.intp]
BLOCK = 2**20
"""Values that are compared together: memory stays bounded for tables of any size."""


def single(paths: Sequence[Path], rule: str) -> Path:
    """Return the one file that a table is made from; raises TableError, with the rule, if there are more or none."""
    if len(paths) != 1:
        raise TableError(f"{rule}, got {[path.name for path in paths]}")
    return paths[0]


def csv_rows(path: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    """Return the header of a CSV file, and its lines by column; raises TableError if it is not read."""
    from benchmarks_data.importers.own.reading.read import read_lines  # pandas, which columns of scores need not

    lines = read_lines(path)
    names = list(lines.columns)
    return names, [dict(zip(names, row, strict=True)) for row in zip(*lines.columns.values(), strict=True)]


@contextmanager
def layout(rule: str) -> Iterator[None]:
    """Let what content of another layout raises become a TableError: the rule, and what was raised."""
    try:
        yield
    except TableError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, StopIteration) as error:
        raise TableError(f"{rule}: {type(error).__name__}: {reason(error)}") from None


def check_count(path: Path, records: Any, count: int, noun: str = "rows") -> None:
    """Refuse what a file holds where it is no dictionary of `count` entries; raises TableError."""
    if not isinstance(records, dict) or len(records) != count:
        held = f"{len(records)} {noun}" if isinstance(records, dict) else f"a {type(records).__name__}"
        raise TableError(f"{path} must hold {count} {noun}, got {held}")


def score(
    name: str,
    split: str,
    trained_on: str,
    description: str,
    at: tuple[int, ...] = (),
    *,
    unit: str = "percent",
    direction: str = "maximise",
    best: float | None = 100.0,
) -> Column:
    """Return a column of results, accuracies by default; those that were measured on test images are held out."""
    return Column(name, unit, direction, split, trained_on, split in TEST_SPLITS, best, description, at)


def named(*pairs: tuple[Column, AnyArray]) -> dict[str, tuple[Column, AnyArray]]:
    """Return columns and their values by name."""
    return {column.name: (column, values) for column, values in pairs}


def cost(
    name: str, unit: str, description: str, *, direction: str = "minimise", device: str = "", batch: int = 0
) -> Column:
    """Return a column that is no result: of no split, told to strategies."""
    return Column(name, unit, direction, description=description, device=device, batch=batch)


def millions(counts: FloatArray | IntArray) -> AnyArray:
    """Return counts of each row in millions, as a column that has neither trainings nor epochs: (N,) to (N, 1, 1)."""
    return (counts / 1e6)[:, None, None]


def closed_form(params: FloatArray | IntArray, macs: FloatArray | IntArray) -> dict[str, tuple[Column, AnyArray]]:
    """Return the columns of parameters and multiply-adds, from counts in closed form: (N,) each."""
    return named(
        (cost("params_m", "M", "Trainable parameters, computed in closed form."), millions(params)),
        (cost("macs_m", "M", "Multiply-adds of convolutions and classifier, computed in closed form."), millions(macs)),
    )


def grouped(keys: npt.NDArray[Any]) -> tuple[Places, Places, Places]:
    """Group what is the same, in order of first appearance.

    Parameters
    ----------
    keys : (n,) or (n, L)

    Returns
    -------
    first : (N,)
        Where each group begins.
    group, place : (n,)
        Of each key, its group, and how many of the group come before it.
    """
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    group = np.argsort(order)[group.reshape(-1)]
    together = np.argsort(group, kind="stable")
    place = np.empty(len(keys), dtype=np.intp)
    place[together] = np.arange(len(keys)) - np.searchsorted(group[together], group[together])
    return first[order], group, place


def once(values: AnyArray) -> AnyArray:
    """Keep one value of a column whose trainings all repeat it, (N, R, A) to (N, 1, A); otherwise all."""
    rows = max(1, BLOCK // max(1, values[0].size))
    for start in range(0, len(values), rows):
        part = values[start : start + rows]
        if not ((part == part[:, :1]) | np.isnan(part)).all():
            return values
    return np.ascontiguousarray(values[:, :1])
