"""Findings of an audit, as plain data: what each column is, what is there, and what was found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from harness.benchmark import Column
from harness.checks import FloatArray

SEVERITIES = ("fault", "caution", "fact")
"""What is wrong; what a careful reader must know before using it; what is so."""
LISTED = 20
"""Rows that a finding lists; the rest are counted."""


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes
    ----------
    severity : {"fault", "caution", "fact"}
    topic : str
        What it is about: "rows", "runs", "splits", …
    sentence : str
    remedy : str
        What to do about it; "" where nothing is to be done.
    numbers : mapping
        The figures behind the sentence, plain JSON data.
    rows : tuple of mapping
        The first `LISTED` rows that it is about.
    """

    severity: str
    topic: str
    sentence: str
    remedy: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class ColumnFacts:
    """What one column is and holds.

    Attributes
    ----------
    name, unit, direction, split, trained_on, held_out, description
        As in `harness.benchmark.Column`.
    words : str
        What it really is, in words.
    runs : int
        Trainings along it; 1 where they do not differ.
    measured : tuple of str
        For each schedule, after which epochs; "" where it was not.
    missing, infinite : int
        Values of trainings that exist which are NaN or infinite.
    lowest, mean, highest : float or None
        Of its last fidelity, over rows and trainings; None where there is no finite value.
    distinct : int
        Different values of its last fidelity.
    """

    name: str
    unit: str
    direction: str
    split: str
    trained_on: str
    held_out: bool
    description: str
    words: str
    runs: int
    measured: tuple[str, ...]
    missing: int
    infinite: int
    lowest: float | None
    mean: float | None
    highest: float | None
    distinct: int


def facts_of(
    column: Column,
    words: str,
    runs: int,
    measured: tuple[str, ...],
    missing: int,
    infinite: int,
    final: FloatArray,
) -> ColumnFacts:
    """Put together what a column is and what its values are where it was last measured; see `ColumnFacts`."""
    finite = final[np.isfinite(final)]
    return ColumnFacts(
        name=column.name,
        unit=column.unit,
        direction=column.direction,
        split=column.split,
        trained_on=column.trained_on,
        held_out=column.held_out,
        description=column.description,
        words=words,
        runs=runs,
        measured=measured,
        missing=missing,
        infinite=infinite,
        lowest=float(finite.min()) if len(finite) else None,
        mean=float(finite.mean()) if len(finite) else None,
        highest=float(finite.max()) if len(finite) else None,
        distinct=len(np.unique(finite)),
    )


@dataclass(frozen=True)
class ScheduleFacts:
    """What one training schedule of a table holds.

    Attributes
    ----------
    label : str
    epochs : str
        At which anything was measured.
    runs : mapping of str to int
        How many rows have how many trainings.
    seeds : mapping of str to int
        How many rows have a training of each seed; empty where they are not labelled.
    """

    label: str
    epochs: str
    runs: Mapping[str, int]
    seeds: Mapping[str, int]


@dataclass(frozen=True)
class Audit:
    """What is known of a table, or of a public extract, after looking at all of it.

    Attributes
    ----------
    name, title, dataset, source, licence, citation : str
    space : str
    rows : int
    total : int or None
        Architectures of the space, one for each function where that is known; None where it is not.
    sha256 : str
        Of the content; of an extract, of the file.
    schedules : tuple of ScheduleFacts
    columns : tuple of ColumnFacts
    findings : tuple of Finding
        The worst first.
    """

    name: str
    title: str
    dataset: str
    source: str
    licence: str
    citation: str
    space: str
    rows: int
    total: int | None
    sha256: str
    schedules: tuple[ScheduleFacts, ...]
    columns: tuple[ColumnFacts, ...]
    findings: tuple[Finding, ...]

    def count(self, severity: str) -> int:
        """Return how many findings have a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data; a number that JSON cannot write is None."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def ranges(numbers: list[int]) -> str:
    """Write rising integers as ranges.

    >>> ranges([1, 2, 3, 7, 9, 10])
    '1-3, 7, 9-10'
    """
    parts = []
    start = 0
    for place, number in enumerate(numbers):
        if place + 1 == len(numbers) or numbers[place + 1] != number + 1:
            first = numbers[start]
            parts.append(str(first) if first == number else f"{first}-{number}")
            start = place + 1
    return ", ".join(parts) if len(parts) <= 8 else f"{len(numbers)} epochs, {numbers[0]} to {numbers[-1]}"
