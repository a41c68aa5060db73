"""Tables of one's own that are another table and some columns more, computed on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks_data.file import layout, recorded
from benchmarks_data.file.layout import Columns, Header
from benchmarks_data.joins.join import join, table_of
from benchmarks_data.joins.merge import Other
from harness.errors import TableError, must
from harness.files.whole import check_place, replacing
from harness.training.recipe import TrainingSetup


def setup_of(header: Header) -> TrainingSetup:
    """Return how the networks of a table are built and trained, as the table or the catalogue says.

    Raises
    ------
    TableError
        If neither does: then nobody knows which networks they are.
    """
    from benchmarks_data import facts
    from benchmarks_data.catalogue.entries import entries

    name = header.meaning.name
    told = facts.of_table(header, name, entries().get(name)).get("training")
    if not told:
        raise TableError(
            f"the table {name} does not say how its networks were trained, so none can be built and measured; tables "
            "that do are micro-mnist1d, nb201-cifar10, and those that `verify` and `table build` write"
        )
    return TrainingSetup.from_dict(told)


def check_path(path: Path, header: Header) -> None:
    """Refuse a path that no table can have, or that is the table's own."""
    if path.suffix != recorded.SUFFIX:
        raise TableError(must("--out", "end in .h5, so that its name is read as a path", str(path)))
    if path.exists() and path.samefile(header.path):
        raise TableError(must("--out", "be another file than the table that is measured", str(path)))
    check_place(path)


def write(
    path: Path, header: Header, columns: Columns, *, suffix: str, label: str, title: str, about: Mapping[str, str]
) -> None:
    """Write a table with columns added, under a name of its own; the other stays as it is.

    Parameters
    ----------
    path : Path
        A file ending in ``.h5``.
    header : Header
        Of the table, opened with its held-out columns.
    columns : mapping of str to (Column, (N, 1, 1) float64)
        In the order of its rows.
    suffix : str
        Behind the table's name, to make that of the result.
    label, title : str
        Of what is added, for people; `title` stands behind the table's title.
    about : mapping of str to str
        What the result says of the columns, beside what the table says of itself.

    Raises
    ------
    TableError
        If the path is that of the table, or the table does not say how it was trained.
    """
    check_path(path, header)
    other = Other(label, np.asarray(header.array("archs")), columns, ())
    name = header.meaning.name
    table, _ = join(table_of(header), [other], name=f"{name}-{suffix}", space=recorded.whole_space_of(header))
    told = layout.read_about(header.path)
    if "training" not in told:
        told["training"] = json.dumps(setup_of(header).as_dict())
    told["title"] = f"{told.get('title') or name}, {title}"
    with replacing(path) as temporary:
        layout.write(temporary, layout.Table(**{**vars(table), "about": {**told, **about}}))


def default_path(name: str, suffix: str) -> Path:
    """Return where a table goes where nothing is said: the current folder."""
    from harness.names import read

    return Path(f"{Path(read(name).own).stem}-{suffix}{recorded.SUFFIX}")
