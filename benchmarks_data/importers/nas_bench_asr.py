"""NAS-Bench-ASR from its pickles: phoneme error rates of three training seeds, latency on devices, parameters.

Each file is two consecutive pickles, a header and a list of rows: ``training`` (one file for each seed) has
``[model_hash, 40 validation PERs, test PER, architecture, …]``, ``benchmarking`` (one for each device) ``[model_hash,
seconds]``, ``static`` ``[model_hash, params]`` and, from version 2, FLOPs.  PER is an error rate: lower is
better.  Fractions become percent here.  The published test PER belongs to the epoch with the lowest validation PER.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.layout import AnyArray, Table
from benchmarks_data.file.problem import epochs_of
from benchmarks_data.files import Progress
from benchmarks_data.importers.parts import cost, layout, named, score
from benchmarks_data.importers.safe import unpickle
from harness.benchmark import Column
from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, TableError, reason, shown
from harness.spaces.asr.cells import OPERATIONS, flatten
from harness.spaces.asr.space import ASRSpace

SEEDS = (1234, 1235, 1236)
_COLUMNS = {
    "training": ("model_hash", "val_per", "test_per"),
    "benchmarking": ("model_hash", "latency"),
    "static": ("model_hash", "params"),
}
_VECTOR = 2
"""Place of the architecture in what follows the hash of a training row."""
_PERCENT = 100.0


@dataclass(frozen=True)
class _File:
    """A file as it was read: the header, and what follows the hash in each row."""

    path: Path
    header: Mapping[str, Any]
    rows: Mapping[str, Sequence[Any]]


def convert(entry: Entry, paths: Sequence[Path], space: ASRSpace, progress: Progress) -> Table:
    """Read the table; rows are sorted by hash.

    Parameters
    ----------
    entry : Entry
    paths : sequence of pathlib.Path
        All six files, or the folder that holds them.
    space : ASRSpace
    progress : Progress

    Raises
    ------
    TableError
        If a file is missing, damaged, of other settings, names what it may not, repeats a cell, or its cells are not
        those of the space.
    """
    listed = [file for path in paths for file in (sorted(path.glob("*.pickle")) if path.is_dir() else [path])]
    files: dict[str, list[_File]] = {kind: [] for kind in _COLUMNS}
    for place, path in enumerate(listed):
        progress(f"reading {path.name}", 0.8 * place / len(listed))
        file = _read(path)
        files[file.header["dataset_type"]].append(file)
    training = _by_seed(files["training"])
    devices = _by_device(files["benchmarking"], int(entry.facts["devices"]))
    if len(files["static"]) != 1:
        raise TableError(f"exactly one file must have static information (nb-asr-info), got {len(files['static'])}")
    progress("checking the cells", 0.9)
    hashes, archs = _cells(training, entry, space)
    epochs = int(training[0].header["epochs"])
    curves, seeds = _curves(training, hashes, epochs)
    return assemble(
        name=entry.name,
        space=space,
        archs=archs,
        fidelities=epochs_of(epochs),
        columns=_accuracies(curves, epochs) | _costs(hashes, devices, files["static"][0]),
        validation="valid_per",
        test="test_per",
        seconds=None,
        trainings=np.count_nonzero(seeds >= 0, axis=1)[:, None],
        seeds=seeds[:, None, :],
    )


def _read(path: Path) -> _File:
    """Read both pickles of a file and check what does not depend on the others."""
    with unpickle.explained(str(path), "is not two whole pickles"), path.open("rb") as file:
        header, rows = (unpickle.Restricted(file, unpickle.NUMPY_SCALARS).load() for _ in range(2))
        if file.read(1):
            raise TableError(f"it goes on after its two pickles, at byte {file.tell() - 1}")
    kind = header.get("dataset_type") if isinstance(header, dict) else None
    if kind not in _COLUMNS:
        raise TableError(f"{path} must begin with the header of a NAS-Bench-ASR file, got {shown(header)}")
    wanted = _COLUMNS[kind]
    if tuple(header.get("columns", ()))[: len(wanted)] != wanted:
        raise TableError(f"{path} must have the columns {', '.join(wanted)}, got {header.get('columns')}")
    if tuple(header.get("search_space", {}).get("ops", ())) != OPERATIONS:
        raise TableError(f"{path} must be of the operations {', '.join(OPERATIONS)}, got {header.get('search_space')}")
    cells: dict[str, Sequence[Any]] = {}
    with layout(f"{path} has rows of another layout"):
        for key, *rest in rows:
            if cells.setdefault(str(key), rest) is not rest:
                raise TableError(f"{path} must not repeat a cell, {key} is there twice")
    return _File(path, header, cells)


def _by_seed(files: Sequence[_File]) -> list[_File]:
    seeds = sorted(int(file.header.get("seed", -1)) for file in files)
    if tuple(seeds) != SEEDS:
        raise TableError(f"the training files must be those of the seeds {SEEDS}, got {tuple(seeds)}")
    if len({(file.header.get("epochs"), str(file.header.get("version"))) for file in files}) > 1:
        raise TableError("the training files must be of one version and one number of epochs")
    return sorted(files, key=lambda file: int(file.header["seed"]))


def _by_device(files: Sequence[_File], count: int) -> dict[str, _File]:
    devices = {re.sub(r"\W+", "_", str(file.header.get("device"))).lower(): file for file in files}
    if len(devices) != len(files) or len(devices) != count:
        raise TableError(f"{count} files must have latencies, each of a device of its own, got {sorted(devices)}")
    return dict(sorted(devices.items()))


def _cells(training: Sequence[_File], entry: Entry, space: ASRSpace) -> tuple[list[str], Archs]:
    """Return the hashes of all cells, sorted, and a coding of each, after checking that they belong together."""
    vectors: dict[str, list[int]] = {}
    for file in training:
        try:
            codings = {key: flatten(row[_VECTOR]) for key, row in file.rows.items()}
        except (HarnessError, IndexError) as error:
            raise TableError(f"{file.path} has rows of another layout: {reason(error)}") from None
        computed = space.hashes(np.array(list(codings.values()), dtype=space.dtype).reshape(len(codings), space.genes))
        for key, vector, mine in zip(codings, codings.values(), computed, strict=True):
            if mine != key:
                raise TableError(f"{file.path} must store a cell under its own hash: {vector} is {mine}, not {key}")
        vectors = codings | vectors
    if len(vectors) != entry.rows:
        raise TableError(f"the training files must hold {entry.rows} cells, got {len(vectors)}")
    hashes = sorted(vectors)
    return hashes, np.array([vectors[key] for key in hashes], dtype=space.dtype)


def _curves(training: Sequence[_File], hashes: Sequence[str], epochs: int) -> tuple[FloatArray, FloatArray]:
    """Return validation PERs and, last, the test PER, (N, R, epochs + 1) percent; and seeds (N, R), -1 where absent."""
    values = np.full((len(hashes), len(training), epochs + 1), np.nan)
    seeds = np.full((len(hashes), len(training)), -1)
    for row, key in enumerate(hashes):
        there = [file for file in training if key in file.rows]  # trainings that are there come first
        for place, file in enumerate(there):
            valid, test = file.rows[key][:2]
            try:
                values[row, place] = np.array([*valid, test], dtype=np.float64) * _PERCENT
            except (TypeError, ValueError) as error:
                raise TableError(f"{file.path} must have {epochs} validation PERs for {key}: {reason(error)}") from None
            seeds[row, place] = file.header["seed"]
    return values, seeds


def _accuracies(curves: FloatArray, epochs: int) -> dict[str, tuple[Column, AnyArray]]:
    rate: dict[str, Any] = {"direction": "minimise", "best": None}
    valid = score("valid_per", "x-valid", "full", "Validation phoneme error rate by epoch and seed.", **rate)
    text = "Test phoneme error rate of the epoch with the lowest validation error, by seed."
    test = score("test_per", "ori-test", "full", text, (epochs - 1,), **rate)
    return named((valid, curves[:, :, :-1]), (test, curves[:, :, -1:]))


def _costs(hashes: Sequence[str], devices: Mapping[str, _File], static: _File) -> dict[str, tuple[Column, AnyArray]]:
    columns = [(cost("params_m", "M", "Trainable parameters, as reported."), _looked_up(static, hashes, 0) / 1e6)]
    if "flops" in static.header["columns"]:
        flops = cost("flops_m", "M", "FLOPs, as reported; the source does not name its counter.")
        columns.append((flops, _looked_up(static, hashes, 1) / 1e6))
    for device, file in devices.items():
        latency = cost(f"latency_{device}_seconds", "s", f"Inference on {device}, as reported.", device=device)
        columns.append((latency, _looked_up(file, hashes, 0)))
    return named(*columns)


def _looked_up(file: _File, hashes: Sequence[str], place: int) -> AnyArray:
    """Return one number of each cell, (N, 1, 1), NaN where the file does not have the cell."""
    with layout(f"{file.path} has rows of another layout"):
        numbers = [file.rows[key][place] if key in file.rows else np.nan for key in hashes]
        return np.array(numbers, dtype=np.float64)[:, None, None]
