"""Result files: one write-once HDF5 file per shard, and one manifest per experiment.

Files are written under a temporary name, synced and renamed, so a killed run leaves only whole files.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from harness.benchmark import Benchmark
from harness.checks import FloatArray
from harness.errors import DamagedError, ResultError
from harness.experiments.spec import Shard, Spec, from_dict
from harness.files import replacing
from harness.problem import Fidelity, Objective
from harness.records import Trace

FORMAT = "nas-harness cell 1"
MANIFEST = "experiment.json"


@dataclass(frozen=True)
class ShardResult:
    """What a shard leaves behind.

    Attributes
    ----------
    shard : Shard
    traces : tuple of Trace
        One for each replicate of the shard, in order.
    stopped : tuple of str
        Why each run ended, see `harness.search.loop.Block`.
    overhead_seconds : (R,) float64
        Real seconds spent by the strategy (proposing, learning), in equal shares where replicates were served as one
        batch; not part of any digest.
    """

    shard: Shard
    traces: tuple[Trace, ...]
    stopped: tuple[str, ...]
    overhead_seconds: FloatArray


@dataclass(frozen=True)
class Run:
    """One strategy on one benchmark with one random stream.

    Attributes
    ----------
    benchmark, label : str
    replicate : int
    trace : Trace
    stopped : str
    overhead_seconds : float
    """

    benchmark: str
    label: str
    replicate: int
    trace: Trace
    stopped: str
    overhead_seconds: float


@dataclass(frozen=True)
class BenchmarkFacts:
    """What a report needs to know of a benchmark without opening its table.

    Attributes
    ----------
    name, table_digest : str
    objectives : tuple of Objective
    has_seconds : bool
    fidelities : tuple of Fidelity
        The last is the full one.
    """

    name: str
    table_digest: str
    objectives: tuple[Objective, ...]
    has_seconds: bool
    fidelities: tuple[Fidelity, ...] = (Fidelity("full", 1, 1),)

    @classmethod
    def of(cls, benchmark: Benchmark) -> BenchmarkFacts:
        """Return the facts of an open benchmark."""
        return cls(benchmark.name, benchmark.digest, benchmark.objectives, benchmark.has_seconds, benchmark.fidelities)


@dataclass(frozen=True)
class Results:
    """An experiment's results, whole or in part.

    Attributes
    ----------
    spec : Spec
    benchmarks : mapping of str to BenchmarkFacts
    runs : tuple of Run
        In the order benchmark, strategy, replicate of the spec.
    missing : tuple of (benchmark, label, first, stop)
        Shards of the spec without a result, or with a damaged one.
    folder : Path or None
    """

    spec: Spec
    benchmarks: Mapping[str, BenchmarkFacts]
    runs: tuple[Run, ...]
    missing: tuple[tuple[str, str, int, int], ...] = ()
    folder: Path | None = None

    def __repr__(self) -> str:
        missing = f", {len(self.missing)} shards missing" if self.missing else ""
        what = f"{len(self.runs)} runs of {list(self.labels)} on {list(self.benchmarks)}"
        return f"Results({self.spec.name!r}: {what}{missing})"

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the strategies, in the order of the spec."""
        return tuple(strategy.label for strategy in self.spec.strategies)

    def of(self, benchmark: str, label: str) -> tuple[Run, ...]:
        """Return the runs of one strategy on one benchmark, by replicate."""
        return tuple(run for run in self.runs if run.benchmark == benchmark and run.label == label)


def shard_path(folder: Path, shard: Shard) -> Path:
    """Return where the result of a shard lies."""
    return folder / f"{shard.digest}.h5"


def write_shard(folder: Path, result: ShardResult) -> Path:
    """Write the result of a shard, whole or not at all."""
    path = shard_path(folder, result.shard)
    merged = Trace.concatenate(result.traces)
    columns: dict[str, npt.NDArray[Any]] = {f"trace/{name}": getattr(merged, name) for name in Trace._names}
    columns["offsets"] = np.cumsum([0] + [len(trace) for trace in result.traces], dtype=np.int64)
    columns["overhead_seconds"] = result.overhead_seconds
    stopped = json.dumps(result.stopped)
    # Made in memory and written in one piece: HDF5 does not survive a full disk.
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["digest"] = result.shard.digest
        file.attrs["cell"] = json.dumps(result.shard.as_dict(), sort_keys=True)
        file.attrs["stopped"] = stopped
        file.attrs["sha256"] = _sha256(columns, stopped)
        for name, column in columns.items():
            file[name] = column
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return path


def read_shard(path: Path) -> ShardResult:
    """Read the result of a shard.

    Raises
    ------
    DamagedError
        If the file is damaged, of another format or not what its name says.
    OSError
        If it cannot be opened at all.
    """
    with path.open("rb"):
        pass  # a file that may not be read is not a damaged one
    try:
        with h5py.File(path, "r", locking=False) as file:
            attributes = dict(file.attrs)
            if attributes.get("format") != FORMAT:
                raise DamagedError(f"{path}: not a result file of this version ('{FORMAT}')")
            names = [*(f"trace/{name}" for name in Trace._names), "offsets", "overhead_seconds"]
            columns = {name: file[name][()] for name in names}
        if attributes["sha256"] != _sha256(columns, attributes["stopped"]):
            raise DamagedError(f"{path}: damaged result file (its numbers changed); delete it and run again")
        shard = Shard.from_dict(json.loads(attributes["cell"]))
        if not attributes["digest"] == shard.digest == path.stem:
            raise DamagedError(f"{path}: the file is not the result its name says; delete it and run again")
        merged = Trace(**{name: columns[f"trace/{name}"] for name in Trace._names})
        stopped = tuple(json.loads(attributes["stopped"]))
    except DamagedError:
        raise
    except Exception as error:  # damaged bytes can raise nearly anything from HDF5
        raise DamagedError(f"{path}: damaged result file ({error}); delete it and run again") from error
    traces = tuple(merged.take(slice(a, b)) for a, b in pairwise(columns["offsets"]))
    return ShardResult(shard, traces, stopped, columns["overhead_seconds"])


def _sha256(columns: Mapping[str, npt.NDArray[Any]], stopped: str) -> str:
    """Return the SHA-256 of all columns, with their types and shapes, and of why the runs stopped."""
    digest = hashlib.sha256(stopped.encode())
    for name in sorted(columns):
        column = np.ascontiguousarray(columns[name])
        digest.update(f"{name} {column.dtype.str} {column.shape}".encode())
        digest.update(column.data)
    return digest.hexdigest()


def write_manifest(
    folder: Path, spec: Spec, benchmarks: Mapping[str, BenchmarkFacts], shards: Mapping[str, Any]
) -> None:
    """Write which shards make up an experiment.

    Parameters
    ----------
    folder : Path
    spec : Spec
    benchmarks : mapping of str to BenchmarkFacts
    shards : mapping of (label, Shard) pairs by digest
        In the order of the spec.
    """
    data = {
        "format": FORMAT,
        "spec": spec.as_dict(),
        "benchmarks": [
            {
                "name": facts.name,
                "table_digest": facts.table_digest,
                "objectives": [vars(objective) for objective in facts.objectives],
                "fidelities": [vars(fidelity) for fidelity in facts.fidelities],
                "has_seconds": facts.has_seconds,
            }
            for facts in benchmarks.values()
        ],
        "cells": [
            {"label": label, "benchmark": shard.benchmark, "first": shard.first, "stop": shard.stop, "digest": digest}
            for digest, (label, shard) in shards.items()
        ],
    }
    with replacing(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(data, indent=1), encoding="utf-8")


def read_results(folder: str | Path) -> Results:
    """Read an experiment's results, complete or not."""
    folder = Path(folder)
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ResultError(f"no results in '{folder}': '{MANIFEST}' is missing; give a folder made by `run`") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ResultError(f"{folder / MANIFEST}: damaged ({error}); run the spec again to rewrite it") from None
    if data.get("format") != FORMAT:
        raise ResultError(f"{folder / MANIFEST}: not of this version ('{FORMAT}'); run the spec again to rewrite it")
    runs: list[Run] = []
    missing = []
    for entry in data["cells"]:
        path = folder / f"{entry['digest']}.h5"
        try:
            found = read_shard(path)  # its table may have been named by another path then
            runs += shard_runs(entry["label"], replace(found, shard=replace(found.shard, benchmark=entry["benchmark"])))
        except (FileNotFoundError, DamagedError):  # the same spec computes either again
            missing.append((entry["benchmark"], entry["label"], entry["first"], entry["stop"]))
    facts = [
        BenchmarkFacts(
            item["name"],
            item["table_digest"],
            tuple(Objective(**objective) for objective in item["objectives"]),
            item["has_seconds"],
            tuple(Fidelity(**fidelity) for fidelity in item["fidelities"]),
        )
        for item in data["benchmarks"]
    ]
    return Results(
        from_dict(data["spec"], str(folder / MANIFEST)),
        {item.name: item for item in facts},
        tuple(runs),
        tuple(missing),
        folder,
    )


def shard_runs(label: str, result: ShardResult) -> list[Run]:
    """Return the runs of a shard under the label that the spec gives its strategy."""
    shard = result.shard
    columns = zip(result.traces, result.stopped, result.overhead_seconds, strict=True)
    return [
        Run(shard.benchmark, label, shard.first + index, trace, stopped, float(overhead))
        for index, (trace, stopped, overhead) in enumerate(columns)
    ]
