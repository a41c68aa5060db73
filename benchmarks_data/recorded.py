"""Tables that this program wrote itself, from a verification or a build, opened by path as benchmarks like any other.

Such a table need not hold every architecture of its space: what is not a row is not valid, and samples, mutations and
neighbours are rows.  How its networks were trained stands in `/about` as JSON, under ``training``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks_data import catalog, schema
from benchmarks_data.oracle import TableOracle
from benchmarks_data.schema import Dataset, Meaning, Table
from benchmarks_data.spaces.enumerated import EnumeratedSpace
from benchmarks_data.table import TableBenchmark
from harness.benchmark import Column
from harness.checks import Archs, BoolArray, FloatArray, UInt64Array, read_only
from harness.errors import HarnessError, TableError, must
from harness.files import replacing
from harness.problem import Constraint, Fidelity, Objective

SUFFIX = ".h5"
ABOUT = ("title", "dataset", "replicates", "licence", "citation", "source", "source_sha256")
_CHUNK = 512  # architectures compared with all rows at once


class RowsSpace(EnumeratedSpace):
    """The part of a space that a table has rows for.

    Samples are uniform over those codings.  Two rows are neighbours if they differ in at most `radius` genes, the
    smallest number at which every row can be reached from every other; a mutation is a neighbour drawn uniformly.

    Parameters
    ----------
    base : EnumeratedSpace
        Formats, keys and encodings are its own.
    present : (codings,) bool
        Which codings have a row.
    """

    def __init__(self, base: EnumeratedSpace, present: BoolArray) -> None:
        super().__init__(base.name, base.cardinalities.tolist())
        self._base = base
        self._present = read_only(present)
        self.encodings = base.encodings  # type: ignore[misc]  # of the class elsewhere; here those of the base
        self.description = f"{base.description} Only the rows of the table are valid."  # type: ignore[misc]  # as above

    def __getattr__(self, name: str) -> Any:
        """Answer with what else the base knows, for example `graph_shape`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._base, name)

    def is_valid(self, archs: Archs) -> BoolArray:
        """Say which rows of genes are in the table: (n, L) to (n,) bool."""
        valid: BoolArray = np.all((archs >= 0) & (archs < self.cardinalities), axis=1)
        valid[valid] = self._present[self.positions(np.asarray(archs)[valid])]
        return valid

    def _forbidden(self, archs: Archs) -> npt.NDArray[np.intp]:
        return np.flatnonzero(~self._present[self.positions(archs)])

    @cached_property
    def radius(self) -> int:
        """Genes in which neighbours may differ."""
        return next(radius for radius in range(self.genes + 1) if self._connected(radius))

    def _connected(self, radius: int) -> bool:
        left = self._valid_codings
        front, left = left[:1], left[1:]
        while len(front) and len(left):
            reached = _differences(front[:_CHUNK], left).min(axis=0) <= radius
            front, left = np.concatenate([front[_CHUNK:], left[reached]]), left[~reached]
        return not len(left)

    def mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        """Return one neighbour of each row, drawn uniformly: (n, L) to (n, L)."""
        rows = self._valid_codings
        if len(rows) < 2:
            raise HarnessError(f"the table of space '{self.name}' has one architecture, nothing can be mutated")
        parents = np.asarray(archs, dtype=self.dtype)
        children = np.empty_like(parents)
        for start in range(0, len(parents), _CHUNK):
            part = slice(start, start + _CHUNK)
            distance = _differences(parents[part], rows)
            lots = rng.random(distance.shape)
            lots[(distance == 0) | (distance > self.radius)] = -1.0
            children[part] = rows[lots.argmax(axis=1)]
        return children

    def neighbours(self, arch: Archs) -> Archs:
        """Return every row within `radius` genes, by coding: (L,) to (k, L)."""
        distance = _differences(np.asarray(arch, dtype=self.dtype)[None], self._valid_codings)[0]
        around: Archs = self._valid_codings[(distance > 0) & (distance <= self.radius)]
        return around

    def key(self, archs: Archs, identity: str = "functional") -> UInt64Array:
        """Return the keys of the base space."""
        return self._base.key(archs, identity)

    def features(self, archs: Archs, encoding: str) -> FloatArray:
        """Return the encoding of the base space."""
        return self._base.features(archs, encoding)

    def format(self, archs: Archs) -> list[str]:
        """Write architectures as the base space does."""
        return self._base.format(archs)

    def parse(self, texts: Sequence[str]) -> Archs:
        """Read architectures as the base space does; whether they are rows is `is_valid`'s to say."""
        return self._base.parse(texts)

    def facts(self) -> Mapping[str, object]:
        """Return the facts of the base space, and how many rows there are."""
        return dict(self._base.facts()) | {"valid": len(self._valid_codings), "neighbour_radius": self.radius}


def _differences(archs: Archs, rows: Archs) -> npt.NDArray[np.int64]:
    """Return in how many genes architectures differ: (n, L), (N, L) to (n, N)."""
    differ = [archs[:, gene, None] != rows[None, :, gene] for gene in range(rows.shape[1])]
    counted: npt.NDArray[np.int64] = np.sum(differ, axis=0)
    return counted


def write(
    path: Path,
    *,
    name: str,
    space: str,
    epochs: int,
    archs: Archs,
    values: Mapping[str, npt.NDArray[Any]],
    about: Mapping[str, str],
    training: Mapping[str, Any] | None = None,
    trained_on: str = "",
) -> None:
    """Write trained architectures as a table, whole or not at all.

    Parameters
    ----------
    path : Path
    name, space : str
        Of the benchmark and of its search space.
    epochs : int
        Of the training; the table has its end as its one fidelity.
    archs : (n, L) integers
        All different.
    values : mapping of str to (n, s) or (n,) arrays
        By run, NaN where a training failed: ``valid_accuracy`` and ``test_accuracy`` in percent, ``train_seconds``.
        By row: ``params`` and ``macs``.  The test is held out.
    about : mapping of str to str
        Texts of `ABOUT`.
    training : mapping, optional
        How to train them again, as plain JSON data.
    trained_on : str
        Which images the models saw; validation and test are of the same models.

    Raises
    ------
    TableError
        If rows repeat, or arrays do not fit each other.
    """
    known = catalog.space(space)
    archs = np.ascontiguousarray(archs, dtype=known.dtype)
    places = known.positions(archs)
    if len(np.unique(places)) != len(archs) or not known.is_valid(archs).all():
        raise TableError(must("archs", f"be different architectures of the space '{space}'", archs.tolist()))
    accuracy = np.asarray(values["valid_accuracy"], dtype=np.float64)
    order = np.argsort(np.isnan(accuracy), axis=1, kind="stable")  # runs that are there come first
    rows = np.full(known.codings, -1, dtype=np.int32)
    rows[places] = np.arange(len(archs))
    table = Table(
        meaning=Meaning(
            name=name,
            space=space,
            fidelities=(Fidelity(f"epoch {epochs} of {epochs}", epochs, epochs),),
            validation="valid_accuracy",
            test="test_accuracy",
            seconds="train_seconds",
        ),
        archs=archs,
        rows=rows,
        runs=np.count_nonzero(~np.isnan(accuracy), axis=1).astype(np.uint8),
        columns=_columns(values, order, trained_on),
        about={key: about.get(key, "") for key in ABOUT} | ({"training": json.dumps(training)} if training else {}),
    )
    with replacing(path) as temporary:
        schema.write(temporary, table)


def _columns(
    values: Mapping[str, npt.NDArray[Any]], order: npt.NDArray[np.intp], trained_on: str
) -> dict[str, tuple[Column, Dataset]]:
    def by_run(name: str) -> Dataset:
        given = np.asarray(values[name], dtype=np.float64)
        if given.shape != order.shape:
            raise TableError(must(name, f"have shape {order.shape}", given.shape))
        return np.take_along_axis(given, order, axis=1)[:, :, None]

    def millions(name: str) -> Dataset:
        return (np.asarray(values[name], dtype=np.float64) / 1e6).reshape(len(order), 1, 1)

    def accuracy(name: str, split: str, held_out: bool, words: str) -> Column:
        return Column(name, "percent", "maximise", split, trained_on, held_out, 100.0, words)

    valid = accuracy("valid_accuracy", "x-valid", False, "Validation accuracy after the last epoch, by run.")
    test = accuracy("test_accuracy", "x-test", True, "Test accuracy of the same models, by run.")
    return {
        "valid_accuracy": (valid, by_run("valid_accuracy")),
        "test_accuracy": (test, by_run("test_accuracy")),
        "train_seconds": (
            Column("train_seconds", "s", "minimise", description="Real training seconds, by run."),
            by_run("train_seconds"),
        ),
        "params_m": (
            Column("params_m", "M", "minimise", description="Trainable parameters, counted on the network."),
            millions("params"),
        ),
        "macs_m": (
            Column("macs_m", "M", "minimise", description="Multiply-adds of convolutions and classifier."),
            millions("macs"),
        ),
    }


def space_of(header: schema.Header) -> EnumeratedSpace:
    """Return the space of a table: all of it, or what the table has rows for."""
    base = catalog.space(header.meaning.space)
    present = header.array("index/rows") >= 0
    whole = bool(present[base.is_valid(base.all_codings)].all())
    return base if whole else RowsSpace(base, present)


def open_benchmark(
    name: str,
    *,
    objectives: Sequence[str | Objective] | None = None,
    constraints: Sequence[Constraint] = (),
    replicate: int | None = None,
    verify: bool = False,
) -> TableBenchmark:
    """Open a table by its path as a benchmark, named after the path, so that it can be opened again by name.

    Parameters
    ----------
    name : str
        Path of the file.
    objectives, constraints, replicate
        As in `benchmarks_data.catalog.open_benchmark`.
    verify : bool
        Compare the whole content with its SHA-256.
    """
    path = Path(name)
    if verify:
        schema.verify(path)
    header = schema.read_header(path)
    opened = TableBenchmark(
        header, space_of(header), objectives=objectives, constraints=constraints, replicate=replicate
    )
    opened.name = str(name)
    return opened


def open_oracle(name: str) -> TableOracle:
    """Open a table by its path with its held-out columns."""
    header = schema.read_header(Path(name), held_out=True)
    opened = TableOracle(header, space_of(header))
    opened.name = str(name)
    return opened


def describe(name: str) -> dict[str, Any]:
    """Say what a table is, as plain data; see `benchmarks_data.catalog.describe`.

    Raises
    ------
    HarnessError
        If the name is no path of a table.
    """
    if not name.endswith(SUFFIX):
        raise HarnessError(must("name", f"be the path of a table ('…{SUFFIX}')", name))
    path = Path(name)
    header = schema.read_header(path, held_out=True)
    about = schema.read_about(path)
    counts, of_rows = np.unique(header.array("index/runs"), return_counts=True)
    described = space_of(header)
    return {
        "kind": "benchmark",
        "name": name,
        **{key: about.get(key, "") for key in ("title", "dataset")},
        "rows": len(header.array("archs")),
        "runs": {str(count): int(rows) for count, rows in zip(counts, of_rows, strict=True)},
        "replicates": about.get("replicates", ""),
        "columns": [asdict(column) for column in header.columns.values()],
        "fidelities": [fidelity.label for fidelity in header.meaning.fidelities],
        "has_seconds": header.meaning.seconds is not None,
        "validation": header.meaning.validation,
        "test": header.meaning.test,
        **{key: about.get(key, "") for key in ("licence", "citation", "source", "source_sha256")},
        "training": json.loads(about["training"]) if "training" in about else None,
        "sha256": header.digest,
        "path": str(path),
        "bytes": path.stat().st_size,
        "space": {"kind": "space", "name": described.name, **described.facts()},
    }
