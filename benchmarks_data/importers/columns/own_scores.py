"""Zero-cost scores that this project computed: columns from the compact file of `nas-harness table score`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks_data.file.layout import AnyArray, Columns
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import cost, layout, named, single
from harness.benchmark import Column
from harness.checks import Archs
from harness.errors import TableError, reason
from harness.files.arrays import ArraysError, read_npz
from harness.files.reading import parse_json
from harness.space import SearchSpace

PREFIX = "zc_"


def read_columns(
    paths: Sequence[Path], space: SearchSpace, progress: Progress, *, dataset: str | None = None
) -> tuple[Archs, Columns]:
    """Read a file of scores.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        One file that `nas-harness table score` wrote.
    space : SearchSpace
    progress : callable
    dataset : str, optional
        Of no use: a file is of one data set.

    Returns
    -------
    archs : (N, L) integers
    columns : mapping of str to (Column, (N, 1, 1) float64)
        ``zc_<proxy>``, the mean over initial weights, and ``zc_<proxy>_seconds``, what that took: one value for all,
        the mean over architectures.

    Raises
    ------
    TableError
        If the file is damaged or of another layout.
    """
    path = single(paths, "`paths` must be one file of scores")
    progress(f"reading {path.name}", 0.1)
    try:
        arrays = read_npz(path)
    except (OSError, ArraysError) as error:
        raise TableError(f"{path} is damaged: {reason(error)}") from error
    columns: list[tuple[Column, AnyArray]] = []
    with layout(f"{path} must be a file of `nas-harness table score`"):
        about = parse_json(str(arrays.pop("about")), str(path), TableError)
        archs = arrays.pop("archs")
        inits, batch = len(about["inits"]), about["setting"]["batch"]
        for name, values in arrays.items():
            known = about["proxies"][name]
            machine = known.get("machine", about["machine"])
            how = f"mean over {inits} initial weights, one minibatch of {batch}"
            text = f"Zero-cost proxy {name}: {known['text']}; {how}; higher is meant to be better."
            column = cost(PREFIX + name, "", text, direction="maximise")
            columns.append((column, values.astype(np.float64).reshape(len(archs), 1, 1)))
            text = f"CPU time of {name}, from {inits} initial weights, on {machine}; the mean over rows."
            time = cost(f"{PREFIX}{name}_seconds", "s", text)
            columns.append((time, np.full((len(archs), 1, 1), float(known["seconds"]))))
    return archs, named(*columns)
