"""NAS-Bench-ASR: the import of its pickles."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks_data.file import layout
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.importers import nas_bench_asr
from harness.errors import TableError
from harness.spaces.asr.cells import OPERATIONS
from harness.spaces.asr.space import ASRSpace
from harness.testing.conformance import check_benchmark

SPACE = ASRSpace()
FEW = 300
"""Cells of the files that are damaged, which are read in a thirtieth of the time."""
EPOCHS = 8
"""The published files have 40."""
SEEDS = (1234, 1235, 1236)
DEVICES = ("gtx-1080ti-fp32", "jetson-nano-fp32")
Rows = list[list[Any]]
Content = dict[str, tuple[dict[str, Any], Rows]]


def quiet(what: str, fraction: float) -> None:
    assert 0.0 <= fraction <= 1.0


def nested(arch: list[int]) -> list[list[int]]:
    return [arch[0:2], arch[2:5], arch[5:9]]


@pytest.fixture(scope="module")
def official() -> Content:
    """Return header and rows of each file in the official format, with made-up values."""
    first = np.unique(SPACE.key(SPACE.all_codings), return_index=True)[1]
    archs = SPACE.all_codings[first]
    hashes = SPACE.hashes(archs)
    rng = np.random.default_rng(0)
    space = {"shape": [[6, 2], [6, 2, 2], [6, 2, 2, 2]], "ops": list(OPERATIONS), "nodes": 3}
    files: Content = {}
    for seed in SEEDS:
        curves = rng.uniform(0.2, 1.0, size=(len(archs), EPOCHS + 1))
        header = {
            "dataset_type": "training",
            "version": 1,
            "columns": ["model_hash", "val_per", "test_per", "arch_vec", "model_params"],
            "search_space": space,
            "epochs": EPOCHS,
            "seed": seed,
        }
        order = rng.permutation(len(archs)).tolist()
        rows = [[hashes[i], curves[i, :-1].tolist(), float(curves[i, -1]), nested(archs[i].tolist()), 7] for i in order]
        files[f"nb-asr-e40-{seed}.pickle"] = header, rows
    for place, device in enumerate(DEVICES):
        header = {
            "dataset_type": "benchmarking",
            "version": 1,
            "columns": ["model_hash", "latency"],
            "search_space": space,
            "device": device,
        }
        files[f"nb-asr-bench-{device}.pickle"] = header, [[key, 0.1 * (place + 1)] for key in hashes]
    header = {
        "dataset_type": "static",
        "version": 2,
        "columns": ["model_hash", "params", "flops"],
        "search_space": space,
    }
    files["nb-asr-info.pickle"] = header, [[key, 1_000_000 + i, 2_000_000 + i] for i, key in enumerate(hashes)]
    return files


@pytest.fixture(scope="module")
def few(official: Content) -> Content:
    """Return the same of some cells."""
    kept = {row[0] for row in official["nb-asr-info.pickle"][1][:FEW]}
    return {name: (header, [row for row in rows if row[0] in kept]) for name, (header, rows) in official.items()}


@pytest.fixture(scope="module")
def folder(few: Content, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asr")
    write(folder, few)
    return folder


def write(folder: Path, content: Content) -> list[Path]:
    for name, parts in content.items():
        (folder / name).write_bytes(b"".join(map(pickle.dumps, parts)))
    return [folder / name for name in content]


def with_changed(folder: Path, changed: list[Path]) -> list[Path]:
    """Return the official files, of which those that have changed replace their namesakes."""
    return [path for path in sorted(folder.iterdir()) if path.name not in {new.name for new in changed}] + changed


def convert(*paths: Path, rows: int = FEW) -> layout.Table:
    entry: Any = SimpleNamespace(name="asr-timit", rows=rows, facts={"devices": 2})
    return nas_bench_asr.convert(entry, paths, SPACE, quiet)


@pytest.fixture(scope="module")
def table(official: Content, tmp_path_factory: pytest.TempPathFactory) -> layout.Table:
    return convert(*write(tmp_path_factory.mktemp("all"), official), rows=8_242)


def test_values_of_every_seed_and_epoch_are_kept(official: Content, table: layout.Table) -> None:
    hashes = SPACE.hashes(table.archs)
    assert hashes == sorted(hashes)
    assert len(hashes) == 8_242
    assert table.seeds is not None
    assert np.array_equal(table.seeds[:, 0], np.tile(SEEDS, (8_242, 1)))
    for run, seed in enumerate(SEEDS):
        rows = {row[0]: row for row in official[f"nb-asr-e40-{seed}.pickle"][1]}
        wanted = np.array([rows[key][1] for key in hashes]) * 100.0
        assert np.array_equal(table.columns["valid_per"][1][:, run], wanted)
        wanted = np.array([rows[key][2] for key in hashes]) * 100.0
        assert np.array_equal(table.columns["test_per"][1][:, run, 0], wanted)
    assert {name: column.direction for name, (column, _) in table.columns.items()} == dict.fromkeys(
        table.columns, "minimise"
    )
    assert table.columns["latency_jetson_nano_fp32_seconds"][1].max() == 0.2
    assert table.columns["params_m"][1][0, 0, 0] == 1.0 + 1e-6 * [
        row[0] for row in official["nb-asr-info.pickle"][1]
    ].index(hashes[0])
    assert table.columns["flops_m"][1].shape == (8_242, 1, 1)


def test_it_opens_as_a_benchmark_of_all_epochs(table: layout.Table, tmp_path: Path) -> None:
    layout.write(tmp_path / "asr.h5", table)
    benchmark = TableBenchmark(layout.read_header(tmp_path / "asr.h5"), SPACE)
    check_benchmark(benchmark, np.random.default_rng(0))
    assert [fidelity.continues for fidelity in benchmark.fidelities] == [None, *range(EPOCHS - 1)]
    assert benchmark.objectives[0].direction == "minimise"
    assert not benchmark.has_seconds
    oracle = TableOracle(layout.read_header(tmp_path / "asr.h5", held_out=True), SPACE)
    same = SPACE.parse(["[[5, 0], [5, 0, 0], [0, 0, 0, 0]]", "[[5, 1], [5, 0, 1], [3, 0, 1, 1]]"])
    values = oracle.mean(same, "test_per")
    assert values[0] == values[1]  # both are cells through which nothing flows: one row
    assert "test_per" not in benchmark._header.columns


def test_a_seed_that_lacks_a_cell_has_no_training_of_it(few: Content, folder: Path, tmp_path: Path) -> None:
    name = "nb-asr-e40-1234.pickle"
    header, rows = few[name]
    table = convert(*with_changed(folder, write(tmp_path, {name: (header, rows[1:])})))
    assert table.seeds is not None
    row = SPACE.hashes(table.archs).index(rows[0][0])
    assert table.trainings[row].tolist() == [2]
    assert table.seeds[row].tolist() == [[1235, 1236, -1]]
    assert np.isnan(table.columns["valid_per"][1][row, 2]).all()
    assert np.count_nonzero(table.trainings != 3) == 1


def test_a_device_that_lacks_a_cell_has_nan(few: Content, folder: Path, tmp_path: Path) -> None:
    name = f"nb-asr-bench-{DEVICES[0]}.pickle"
    header, rows = few[name]
    table = convert(*with_changed(folder, write(tmp_path, {name: (header, rows[1:])})))
    assert np.isnan(table.columns["latency_gtx_1080ti_fp32_seconds"][1]).sum() == 1


def test_numpy_scalars_are_read(few: Content, folder: Path, tmp_path: Path) -> None:
    name = "nb-asr-e40-1235.pickle"
    header, rows = few[name]
    changed = [[row[0], [np.float32(0.5)] * EPOCHS, np.float64(0.25), *row[3:]] for row in rows]
    table = convert(*with_changed(folder, write(tmp_path, {name: (header, changed)})))
    assert (table.columns["valid_per"][1][:, 1] == 50.0).all()
    assert (table.columns["test_per"][1][:, 1] == 25.0).all()


class _Payload:
    """A pickle that runs a command when it is loaded by the plain unpickler."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("place", [0, 1])
def test_a_forbidden_global_is_named_and_never_runs(few: Content, folder: Path, tmp_path: Path, place: int) -> None:
    ran = tmp_path / "ran"
    parts: list[Any] = [few["nb-asr-e40-1234.pickle"][0], []]
    parts[place] = [_Payload(ran)]
    evil = write(tmp_path, {"nb-asr-e40-1234.pickle": (parts[0], parts[1])})
    with pytest.raises(TableError, match=r"e40-1234\.pickle was not read: .*names the global '\w+\.system'"):
        convert(*with_changed(folder, evil))
    assert not ran.exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "is not two whole pickles"),
        (lambda data: pickle.dumps({"dataset_type": "training"}), "is not two whole pickles"),
        (lambda data: data + b"x", r"goes on after its two pickles, at byte \d+"),
        (lambda data: b"", "is not two whole pickles"),
        (lambda data: pickle.dumps([1]) + pickle.dumps([]), "must begin with the header"),
        (lambda data: pickle.dumps({"dataset_type": "x"}) + pickle.dumps([]), "must begin with the header"),
    ],
)
def test_a_damaged_file_is_refused(
    folder: Path, tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    path = tmp_path / "nb-asr-e40-1235.pickle"
    path.write_bytes(damage((folder / path.name).read_bytes()))
    with pytest.raises(TableError, match=r"e40-1235\.pickle.*" + message):
        convert(path)


def same(rows: Rows) -> Rows:
    return rows


def first(place: int, value: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [[*rows[0][:place], value, *rows[0][place + 1 :]], *rows[1:]]


@pytest.mark.parametrize(
    ("name", "header", "rows", "message"),
    [
        ("nb-asr-e40-1235.pickle", {"seed": 1234}, same, r"seeds \(1234, 1235, 1236\), got \(1234, 1234, 1236\)"),
        ("nb-asr-e40-1235.pickle", {"epochs": 10}, same, "one version and one number of epochs"),
        ("nb-asr-e40-1235.pickle", {"columns": ["model_hash", "test_per"]}, same, "must have the columns model_hash"),
        ("nb-asr-e40-1235.pickle", {"search_space": {"ops": ["linear"]}}, same, "must be of the operations"),
        ("nb-asr-e40-1235.pickle", {}, lambda rows: [*rows, rows[0]], "must not repeat a cell"),
        ("nb-asr-e40-1235.pickle", {}, lambda rows: 3, "another layout"),
        ("nb-asr-e40-1235.pickle", {}, first(0, "0" * 32), "under its own hash"),
        ("nb-asr-e40-1235.pickle", {}, first(3, [[1, 0]]), "must read"),
        ("nb-asr-e40-1235.pickle", {}, lambda rows: [rows[0][:2], *rows[1:]], "another layout"),
        ("nb-asr-e40-1235.pickle", {}, first(1, [0.5] * (EPOCHS - 1)), f"must have {EPOCHS} validation PERs"),
        ("nb-asr-e40-1235.pickle", {}, first(1, 0.5), f"must have {EPOCHS} validation PERs"),
        ("nb-asr-bench-jetson-nano-fp32.pickle", {"device": DEVICES[0]}, same, "each of a device of its own"),
        ("nb-asr-info.pickle", {}, lambda rows: [[rows[0][0], "big", 3], *rows[1:]], "another layout"),
    ],
)
def test_wrong_content_is_refused(
    few: Content,
    folder: Path,
    tmp_path: Path,
    name: str,
    header: dict[str, Any],
    rows: Callable[[Rows], Rows],
    message: str,
) -> None:
    changed = write(tmp_path, {name: (few[name][0] | header, rows(few[name][1]))})
    with pytest.raises(TableError, match=message):
        convert(*with_changed(folder, changed))


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("nb-asr-e40-1236.pickle", r"got \(1234, 1235\)"),
        ("nb-asr-bench-jetson-nano-fp32.pickle", "2 files must have latencies"),
        ("nb-asr-info.pickle", "exactly one file must have static information"),
    ],
)
def test_a_missing_file_is_never_dropped_in_silence(folder: Path, missing: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        convert(*(path for path in folder.iterdir() if path.name != missing))


def test_a_wrong_number_of_cells_is_refused(few: Content, tmp_path: Path) -> None:
    lost = few["nb-asr-info.pickle"][1][0][0]
    short = {name: (header, [row for row in rows if row[0] != lost]) for name, (header, rows) in few.items()}
    with pytest.raises(TableError, match=f"must hold {FEW} cells, got {FEW - 1}"):
        convert(*write(tmp_path, short))
