"""The table under audit, opened with its held-out columns: what every check looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from benchmarks_data.catalogue.entries import Entry, entries
from benchmarks_data.file.layout import AnyArray, Header
from benchmarks_data.file.trainings import mean_over_trainings
from harness.benchmark import Column
from harness.checks import FloatArray, UInt64Array
from harness.space import SearchSpace

BLOCK = 2**22
"""Values that are looked at together: memory stays bounded for tables of any size."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A table and what the catalogue says of it.

    Attributes
    ----------
    header : Header
        With held-out columns.
    space : SearchSpace
        All of it, not only the rows.
    about : mapping of str to str
    entry : Entry or None
        None for a table that is not in the catalogue.
    siblings : mapping of str to Header
        Other tables of the same source and space.
    """

    header: Header
    space: SearchSpace
    about: Mapping[str, str]
    entry: Entry | None
    siblings: Mapping[str, Header]

    @property
    def columns(self) -> Mapping[str, Column]:
        """Every column by name."""
        return self.header.columns

    @cached_property
    def archs(self) -> AnyArray:
        """Return the architectures: (N, L)."""
        return self.header.array("archs")

    @property
    def rows(self) -> int:
        """N."""
        return len(self.archs)

    @cached_property
    def facts(self) -> dict[str, object]:
        """What the catalogue knows besides; a joined table knows what its base does."""
        if self.entry is None:
            return {}
        base = entries().get(str(self.entry.facts.get("base", "")))
        return {**(base.facts if base else {}), **self.entry.facts}

    @cached_property
    def keys(self) -> UInt64Array:
        """Return the functional key of each row: (N,)."""
        return self.space.key(self.archs)

    def text(self, row: int) -> str:
        """Write the architecture of a row."""
        return self.space.format(self.archs[[row]])[0]

    def values(self, name: str) -> AnyArray:
        """Map a column: (N, R, A)."""
        return self.header.values(name)

    def final(self, name: str) -> FloatArray:
        """Return a column where it was last measured: (N, R)."""
        return np.ascontiguousarray(self.values(name)[:, :, -1])

    def mean(self, name: str) -> FloatArray:
        """Return the mean over trainings where it was last measured: (N,)."""
        return mean_over_trainings(self.final(name)[:, :, None])[:, 0]

    def existing(self, name: str) -> npt.NDArray[np.intp]:
        """Say how many trainings of a column exist at each of its places: (N, A), all 1 for a column without any."""
        values, column = self.values(name), self.columns[name]
        rows, trainings, width = values.shape
        if trainings == 1:
            return np.ones((rows, width), dtype=np.intp)
        counts = self.header.array("index/runs").astype(np.intp)
        if width == 1 and not column.at:
            most: npt.NDArray[np.intp] = counts.max(axis=1)[:, None]
            return most
        meaning = self.header.meaning
        schedules = {place: meaning.schedule_of[fidelity] for fidelity, place in meaning.places(column, width).items()}
        existing: npt.NDArray[np.intp] = counts[:, [schedules[place] for place in range(width)]]
        return existing

    def gaps(self, name: str) -> tuple[int, int, list[int]]:
        """Count values of trainings that exist which are NaN, and infinite ones; and list the rows that have either."""
        values, existing = self.values(name), self.existing(name)
        step = max(1, BLOCK // max(1, values[0].size))
        missing = infinite = 0
        rows: list[int] = []
        for start in range(0, len(values), step):
            block = values[start : start + step]
            there = np.arange(values.shape[1])[:, None] < existing[start : start + step, None, :]
            absent, endless = np.isnan(block) & there, np.isinf(block)
            missing += int(np.count_nonzero(absent))
            infinite += int(np.count_nonzero(endless))
            rows += (np.flatnonzero((absent | endless).any(axis=(1, 2))) + start).tolist()
        return missing, infinite, rows

    @property
    def results(self) -> list[str]:
        """Columns that were evaluated on images of some split."""
        return [name for name, column in self.columns.items() if column.split]
