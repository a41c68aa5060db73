"""Fidelities of a joined table: one list for several tables, and where each of their columns was measured in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from benchmarks_data.file.layout import AnyArray
from harness.benchmark import Column
from harness.errors import TableError
from harness.problem import Fidelity

Place = tuple[int, int]
"""Schedule and epoch."""


def place_of(fidelity: Fidelity) -> Place:
    """Return what tells fidelities apart."""
    return fidelity.schedule, fidelity.epoch


def union(base: Sequence[Fidelity], others: Sequence[Sequence[Fidelity]]) -> tuple[Fidelity, ...]:
    """Merge fidelities, by schedule and epoch; the last one of `base` stays the last.

    Raises
    ------
    TableError
        If another list goes further than the end of the base's final schedule.
    """
    last = place_of(base[-1])
    known: dict[Place, Fidelity] = {}
    before: dict[Place, Place] = {}
    for listed in (base, *others):
        for fidelity in listed:
            known.setdefault(place_of(fidelity), fidelity)
            if fidelity.continues is not None:
                before.setdefault(place_of(fidelity), place_of(listed[fidelity.continues]))
    order = sorted(known, key=lambda place: (place[0] == last[0], *place))
    if order[-1] != last:
        raise TableError(
            f"a joined table ends where its base does, at {base[-1].label}, not at {known[order[-1]].label}"
        )
    index = {place: number for number, place in enumerate(order)}
    return tuple(replace(known[place], continues=index.get(before.get(place, (-1, -1)))) for place in order)


def moved(
    column: Column,
    values: AnyArray,
    own: Sequence[Fidelity],
    merged: Sequence[Fidelity],
    *,
    changes: bool,
) -> tuple[Column, AnyArray]:
    """Say of a column where it was measured among the merged fidelities.

    Parameters
    ----------
    column : Column
        Its `at` counts among `own`.
    values : (N, R, A) float64
    own, merged : sequence of Fidelity
    changes : bool
        Whether a column that is told once is of the last of `own`, rather than unchanging in training.

    Returns
    -------
    Column, (N, R, A) float64
    """
    width = values.shape[2]
    if column.at:
        places = [place_of(own[fidelity]) for fidelity in column.at]
    elif width > 1:
        places = [place_of(fidelity) for fidelity in own]
    elif changes:
        places = [place_of(own[-1])]
    else:
        return column, values
    index = {place_of(fidelity): number for number, fidelity in enumerate(merged)}
    at = np.array([index[place] for place in places])
    order = np.argsort(at)
    everywhere = len(at) == len(merged) and (width > 1 or len(merged) == 1)
    kept = () if everywhere else tuple(at[order].tolist())
    same = np.array_equal(order, np.arange(width))
    return replace(column, at=kept), values if same else values[:, :, order]


def measured(column: Column, values: AnyArray, merged: Sequence[Fidelity]) -> Mapping[int, int]:
    """Say where a moved column was measured: fidelity to place along A; {-1: 0} for what does not change."""
    if column.at:
        return {fidelity: place for place, fidelity in enumerate(column.at)}
    if values.shape[2] == 1 and len(merged) > 1:
        return {-1: 0}
    return {fidelity: fidelity for fidelity in range(values.shape[2])}
