"""Test accuracies of NAS-Bench-201 by training: columns for its cells.

``nb2_test_acc_cf10.p`` (MeCo; Jiang, Wang & Bie, NeurIPS 2023) is a plain pickle ``{operations: [accuracy, …]}`` with
the test accuracy on CIFAR-10 of each model of 200 epochs that was trained on all 50,000 images.  Where a cell has
three, they are of the seeds 777, 888 and 999, in this order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks_data.file.index import first_row
from benchmarks_data.file.layout import Columns
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import check_count, layout, named, score, single
from benchmarks_data.importers.safe import unpickle
from harness.checks import Archs
from harness.errors import TableError, must
from harness.space import SearchSpace
from harness.spaces.nb201.operations import CODINGS

_MOST = 3


def read_columns(
    paths: Sequence[Path], space: SearchSpace, progress: Progress, *, dataset: str | None = None
) -> tuple[Archs, Columns]:
    """Read the file.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        One file.
    space : SearchSpace
        NAS-Bench-201's.
    progress : callable
    dataset : str, optional
        ``"cifar10"``, the only one that the file has.

    Returns
    -------
    archs : (15625, 6) uint8
        In the order of the file.
    columns : mapping of str to (Column, (15625, 3, 1) float64)
        ``test_accuracy``, held out; NaN where a training was not made.

    Raises
    ------
    TableError
        If the file is cut, of another layout, or does not name each cell once.
    """
    path = single(paths, "`paths` must be one file 'nb2_test_acc_cf10.p'")
    if space.name != "nb201" or dataset not in (None, "cifar10"):
        raise TableError(must("dataset", "be cifar10, of the space nb201", f"{dataset} of {space.name}"))
    progress(f"reading {path.name}", 0.1)
    records = unpickle.load(path, unpickle.NO_GLOBALS)
    check_count(path, records, CODINGS, "cells")
    with layout(f"{path} must map six operations to a list of accuracies"):
        genes = np.array(list(records), dtype=np.int64)
        archs = genes.astype(space.dtype)
        runs = [[float(value) for value in values] for values in records.values()]
    if genes.shape != (CODINGS, space.genes) or genes.min() < 0 or not space.is_valid(genes).all():
        raise TableError(f"{path} must name each of the {CODINGS} cells by six operations, 0 to 4")
    counts = np.array([len(values) for values in runs])
    if (row := first_row((counts < 1) | (counts > _MOST))) is not None:
        raise TableError(f"{path}: row {row} must have 1 to {_MOST} accuracies, it has {counts[row]}")
    filled = np.full((CODINGS, _MOST), np.nan)
    filled[np.arange(_MOST) < counts[:, None]] = np.concatenate(runs)
    outside = np.any((filled < 0) | (filled > 100), axis=1)
    if (row := first_row(np.asarray(outside))) is not None:
        raise TableError(f"{path}: row {row} has {filled[row].tolist()}, which are no percents")
    text = "MeCo: test accuracy after 200 epochs, by training, of models trained on all 50,000 images."
    return archs, named((score("test_accuracy", "ori-test", "train50k", text), filled[:, :, None]))
