"""Protocols under which a table of test results alone is searched: some trainings are told, the others judge."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np

from benchmarks_data.catalogue.entries import Protocol
from benchmarks_data.file.layout import AnyArray, Header
from benchmarks_data.file.trainings import mean_over_trainings
from harness.errors import TableError, must

MARK = "@"
"""Between the name of a table and that of a protocol, as in ``macro-cifar10@run0-signal``."""


def under(protocol: Protocol, name: str, header: Header, *, held_out: bool) -> Header:
    """Divide the trainings of a table: a signal that strategies may be told, and what judges them.

    Parameters
    ----------
    protocol : Protocol
    name : str
        Of the table under the protocol.
    header : Header
        Opened with its held-out columns.
    held_out : bool
        Whether the result may know them; for an Oracle.

    Returns
    -------
    Header
        Its validation column is the mean of the signal trainings, ``signal_`` and the column's name; the column itself
        keeps the other trainings alone, and trainings are counted as those.  What else strategies may be told by
        training is the mean of the signal trainings as well: there is one answer, and none to choose.  The digest
        covers the division.

    Raises
    ------
    TableError
        If the column or the trainings do not exist, or a training is in both parts.
    """
    objective = protocol.objective
    if objective not in header.columns:
        raise TableError(must(f"objective of {name}", f"be a column, one of {', '.join(header.columns)}", objective))
    values = header.values(objective)
    chosen = (*protocol.signal_runs, *protocol.held_out_runs)
    inside = all(0 <= training < values.shape[1] for training in chosen)
    if len(set(chosen)) < len(chosen) or not inside or not protocol.signal_runs or not protocol.held_out_runs:
        raise TableError(must(f"runs of {name}", f"be different ones of {values.shape[1]}, some in each part", chosen))
    signal = f"signal_{objective}"
    column = header.columns[objective]
    signal_column = replace(
        column,
        name=signal,
        held_out=False,
        description=f"Mean of the runs {list(protocol.signal_runs)}: {protocol.text}",
    )
    judged = replace(column, description=f"{column.description} Of the runs {list(protocol.held_out_runs)} alone.")
    columns = {key: known for key, known in header.columns.items() if held_out or not known.held_out}
    derived = {signal: _signal(values, protocol)}
    counts = header.array("index/runs")
    if held_out:
        columns[objective] = judged
        derived[objective] = values[:, list(protocol.held_out_runs)]
        present = [counts > training for training in protocol.held_out_runs]
        derived["index/runs"] = np.stack(present).sum(axis=0).astype(np.uint8)
    else:
        by_training = {key: stored for key in columns if (stored := header.values(key)).shape[1] > 1}
        derived |= {key: _signal(stored, protocol) for key, stored in by_training.items()}
        derived["index/runs"] = np.ones_like(counts)
    division = [header.digest, name, objective, protocol.signal_runs, protocol.held_out_runs]
    return replace(
        header,
        meaning=replace(header.meaning, name=name, validation=signal, test=objective),
        digest=hashlib.sha256(json.dumps(division).encode()).hexdigest(),
        columns=columns | {signal: signal_column},
        places={key: place for key, place in header.places.items() if key != "index/seeds"},
        derived=derived,
    )


def _signal(values: AnyArray, protocol: Protocol) -> AnyArray:
    """Return the mean of the signal trainings: (N, R, A) to (N, 1, A)."""
    return mean_over_trainings(values[:, list(protocol.signal_runs)])[:, None]
