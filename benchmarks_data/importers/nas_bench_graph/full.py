"""NAS-Bench-Graph from its full files: three trainings of each network, measured after every epoch.

There is one file for each training, ``<dataset>0.bench`` to ``<dataset>2.bench``: a pickle ``{hash: {"dur": [[train,
valid, test, train loss, valid loss, test loss, best], …], …}}`` with one list for each epoch, performances as
fractions.  The last epoch is what reports judge by; the values of the light files are others.

Losses are left out, and so is "best": the source does not say by which split it was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.layout import AnyArray, Table
from benchmarks_data.file.problem import epochs_of
from benchmarks_data.files import Progress
from benchmarks_data.importers.nas_bench_graph.light import networks, percent
from benchmarks_data.importers.parts import cost, score
from benchmarks_data.importers.safe import unpickle
from harness.benchmark import Column
from harness.checks import FloatArray, UInt64Array
from harness.errors import TableError, reason
from harness.spaces.graph.space import GraphSpace

_FIELDS = 7
_SPLITS = {"train_accuracy": "train", "valid_accuracy": "x-valid", "test_accuracy": "x-test"}
_COSTS = {"latency": ("latency_seconds", "s"), "para": ("params_m", "M")}


def convert(entry: Entry, paths: Sequence[Path], space: GraphSpace, progress: Progress) -> Table:
    """Read the table of one dataset; rows are sorted by hash, trainings are in the order of the files.

    Files are read one after the other, and each record is dropped once it was copied.

    Raises
    ------
    TableError
        If a file is not what this version knows, or its networks are not those of the space.
    """
    keys = networks(space)
    curves: list[FloatArray] = []
    costs: list[Mapping[str, FloatArray]] = []
    for training, path in enumerate(paths):
        progress(f"reading {path.name}", 0.1 + 0.6 * training / len(paths))
        records = unpickle.load(path, unpickle.NUMPY_SCALARS)
        costs.append(_costs(path, records, keys))
        curves.append(_curves(path, records, keys))
    progress("putting runs together", 0.7)
    epochs = max(curve.shape[2] for curve in curves)
    return assemble(
        name=entry.name,
        space=space,
        archs=space.parse([str(key) for key in keys]),
        fidelities=epochs_of(epochs),
        columns=_columns(curves, costs, epochs, str(entry.facts["metric"])),
        validation="valid_accuracy",
        test="test_accuracy",
        seconds=None,
    )


def _columns(
    curves: Sequence[FloatArray], costs: Sequence[Mapping[str, FloatArray]], epochs: int, metric: str
) -> dict[str, tuple[Column, AnyArray]]:
    """Put the trainings of each column side by side; a cost that trainings do not change is kept once."""
    columns: dict[str, tuple[Column, AnyArray]] = {}
    for place, (name, split) in enumerate(_SPLITS.items()):
        values = np.full((curves[0].shape[1], len(curves), epochs), np.nan)
        for training, curve in enumerate(curves):
            values[:, training, : curve.shape[2]] = curve[place]
        text = f"{split.removeprefix('x-').capitalize()} {metric} after the epoch."
        columns[name] = score(name, split, "full", text), values
    for field, (name, unit) in _COSTS.items():
        if all(field in each for each in costs):
            reported = np.stack([each[field] for each in costs], axis=1)[:, :, None]
            same = bool((reported == reported[:, :1]).all())
            column = cost(name, unit, f"As reported under '{field}'.")
            columns[name] = column, reported[:, :1] if same else reported
    return columns


def _curves(path: Path, records: dict[Any, Any], keys: UInt64Array) -> FloatArray:
    """Return train, validation and test performance in percent: (3, N, E), NaN after the end of a shorter training.

    Empties `records`.
    """
    longest = max(len(record["dur"]) for record in records.values())
    curves = np.full((len(_SPLITS), len(keys), longest), np.nan)
    for row, key in enumerate(keys.tolist()):
        try:
            epochs = np.array(records.pop(key)["dur"], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TableError(f"{path} has another layout under {key}: {reason(error)}") from error
        if epochs.ndim != 2 or epochs.shape[1] != _FIELDS:
            raise TableError(f"{path} must have {_FIELDS} values for each epoch, has {epochs.shape} under {key}")
        curves[:, row, : len(epochs)] = epochs[:, : len(_SPLITS)].T
    if (curves < 0).any() or (curves > 1).any():
        raise TableError(f"{path} must have performances as fractions, has {np.nanmin(curves)} to {np.nanmax(curves)}")
    return percent(curves)


def _costs(path: Path, records: Any, keys: UInt64Array) -> dict[str, FloatArray]:
    """Check that a file has the networks of the space, and return the costs that all its records have: (N,) each."""
    if not isinstance(records, dict) or set(records) != set(keys.tolist()):
        held = f"{len(records)} of them" if isinstance(records, dict) else f"a {type(records).__name__}"
        raise TableError(f"{path} must hold exactly the {len(keys)} networks of the space, got {held}")
    if not all(isinstance(record, dict) and isinstance(record.get("dur"), list) for record in records.values()):
        raise TableError(f"{path} must tell 'dur', a list of epochs, for every network")
    fields = [field for field in _COSTS if all(field in record for record in records.values())]
    try:
        return {field: np.array([float(records[key][field]) for key in keys.tolist()]) for field in fields}
    except (TypeError, ValueError) as error:
        raise TableError(f"{path} has costs of another layout: {reason(error)}") from error
