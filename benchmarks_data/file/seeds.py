"""Training seeds as a fidelity: the full training of an architecture repeated, level k telling the mean of k runs.

``NAME@seeds`` is a table under this view.  Its levels are 1, 2, … m runs at the end of the full training, m the number
that every row has; level k continues level k - 1 by one more run, which costs as much as the first.  The order in which
the runs of an architecture come is drawn by the noise seed, among all orders.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from itertools import permutations

import numpy as np
import numpy.typing as npt

from benchmarks_data.file.layout import AnyArray, Header
from benchmarks_data.file.trainings import mean_over_trainings
from harness.benchmark import Column
from harness.errors import TableError
from harness.problem import Fidelity

KEY = "seeds"
"""What stands behind the ``@`` of a name."""
MOST = 4
"""Runs of which all orders are told apart; of more, the orders that begin with each run in turn."""


def repeated(name: str, header: Header) -> Header:
    """Return a table whose fidelities are numbers of training runs.

    Parameters
    ----------
    name : str
        Of the table under this view.
    header : Header

    Returns
    -------
    Header
        Columns that have training runs tell, at level k, the mean over the first k runs of an order, and the orders
        stand where the runs stood; seconds add up.  Columns that were not measured at the end of the full training are
        left out, and test results are the mean over all m runs.

    Raises
    ------
    TableError
        If some row has fewer than two runs of the full training.
    """
    meaning = header.meaning
    last = len(meaning.fidelities) - 1
    counts = header.array("index/runs")[:, meaning.schedule_of[last]]
    runs = int(counts.min())
    if runs < 2:
        few = int((counts < 2).sum())
        raise TableError(
            f"'{name}' needs two training runs or more in every row of the full training"
            f" ({meaning.fidelities[last].label}), and {few:,} of {len(counts):,} rows have fewer; search the table by"
            " its own fidelities"
        )
    turned = [np.roll(range(runs), -first) for first in range(runs)]
    orders = np.array([*permutations(range(runs))] if runs <= MOST else turned)
    full = meaning.fidelities[last]
    fidelities = tuple(
        Fidelity(
            f"{count} run{'s' if count > 1 else ''} of {full.label}",
            runs * full.epoch,
            count * full.epoch,
            count - 2 if count > 1 else None,
        )
        for count in range(1, runs + 1)
    )
    columns: dict[str, Column] = {}
    derived: dict[str, AnyArray] = {"index/runs": np.full((len(counts), 1), len(orders), dtype=np.uint8)}
    for key, column in header.columns.items():
        values = header.values(key)
        place = meaning.places(column, values.shape[2]).get(last)
        if place is None:
            continue
        final, changes = values[:, :, place], values.shape[2] > 1 or bool(column.at)
        if column.held_out or not (changes or key == meaning.seconds):
            columns[key] = replace(column, at=(runs - 1,) if column.held_out else ())
            derived[key] = mean_over_trainings(final[:, :runs, None])[:, None]
            continue
        columns[key] = replace(column, at=())
        derived[key] = _levels(final, orders, adds=key == meaning.seconds)
    return replace(
        header,
        meaning=replace(meaning, name=name, fidelities=fidelities),
        digest=hashlib.sha256(json.dumps([header.digest, KEY, runs]).encode()).hexdigest(),
        columns=columns,
        places={key: place for key, place in header.places.items() if key != "index/seeds"},
        derived=derived,
    )


def _levels(final: AnyArray, orders: npt.NDArray[np.int64], *, adds: bool) -> AnyArray:
    """Return sums, or means, over the first k runs of each order: (N, R) to (N, orders, m); R is 1 for one for all."""
    if final.shape[1] == 1:
        counts = np.arange(1, orders.shape[1] + 1) if adds else np.ones(orders.shape[1])
        return np.asarray(final[:, :, None] * counts)
    sums = np.cumsum(final[:, orders], axis=2)
    return sums if adds else sums / np.arange(1, orders.shape[1] + 1)
