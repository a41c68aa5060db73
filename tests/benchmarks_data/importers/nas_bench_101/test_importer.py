"""The import of NAS-Bench-101: framing, messages, hashes, and what a table of them answers."""

from __future__ import annotations

import base64
import csv
import gzip
import json
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks_data.file import layout
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.importers.nas_bench_101 import importer
from benchmarks_data.importers.nas_bench_101.metrics import read_metrics
from benchmarks_data.importers.safe import tfrecord
from harness.errors import HarnessError, TableError
from harness.records import Proposals
from harness.spaces.nb101.space import NB101Space
from harness.spaces.rows import RowsSpace
from harness.testing.conformance import check_benchmark, check_space

SPACE = NB101Space()
CELLS = {
    "043721b9c7fe8c5fad811d47d83132ec": ("0100", "input,output", 882_570),
    "b49ac8c578b4561d79ac7087988f1c61": ("010001000", "input,conv3x3-bn-relu,output", 10_177_674),
    "d1269d9156ddc027c40473008192958a": ("010001000", "input,conv1x1-bn-relu,output", 1_920_138),
}
HASHES = list(CELLS)
OFFICIAL = "official_samples/nb101_tfrecord"


def crc32c(data: bytes) -> int:
    """Divide bit by bit, as the definition says."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def framed(content: bytes) -> bytes:
    head = struct.pack("<Q", len(content))
    return head + masked(head) + content + masked(content)


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def evaluation(*values: float, extra: bytes = b"") -> bytes:
    body = b"".join(struct.pack("<Bd", number << 3 | 1, value) for number, value in enumerate(values, start=1)) + extra
    return b"\x0a" + varint(len(body)) + body


def message(epochs: int, accuracy: float, parameters: int, *, extra: bytes = b"", evaluations: int = 3) -> bytes:
    """Return a ModelMetrics message; training takes ten seconds an epoch, evaluations a hundred in all."""
    parts = [
        evaluation(at, 10.0 * at, accuracy, accuracy / 2, accuracy / 4, extra=extra)
        for at in (0.0, epochs / 2, float(epochs))
    ]
    total = struct.pack("<Bd", 3 << 3 | 1, 10.0 * epochs + 100.0)
    return b"".join(parts[:evaluations]) + b"\x10" + varint(parameters) + total + extra


def record(module_hash: str, epochs: int = 108, accuracy: float = 0.5, **changes: Any) -> list[Any]:
    adjacency, operations, parameters = CELLS[module_hash]
    told = message(epochs, accuracy, changes.pop("parameters", parameters), **changes)
    return [module_hash, epochs, adjacency, operations, base64.encodebytes(told).decode()]


def three_runs(epochs: tuple[int, ...] = (108,)) -> list[list[Any]]:
    """Return the runs of all cells, accuracies .1 .2 .3, .4 .5 .6, .7 .8 .9, less a bit for shorter schedules."""
    return [
        record(told, length, 0.3 * cell + 0.1 * run + 0.1 - 0.05 * (length < 108))
        for length in epochs
        for run in range(3)
        for cell, told in enumerate(HASHES)
    ]


def convert(path: Path, records: list[Any], rows: int = 3, **facts: Any) -> layout.Table:
    path.write_bytes(b"".join(framed(json.dumps(told).encode()) for told in records))
    return imported(path, rows, **facts)


def imported(path: Path, rows: int, **facts: Any) -> layout.Table:
    entry = SimpleNamespace(name="nb101", rows=rows, facts=facts)
    return importer.convert(entry, [path], SPACE, quiet)


def quiet(what: str, fraction: float) -> None:
    assert 0.0 <= fraction <= 1.0


def opened(table: layout.Table, path: Path) -> tuple[TableBenchmark, TableOracle]:
    layout.write(path, table)
    return (
        TableBenchmark(layout.read_header(path), SPACE),
        TableOracle(layout.read_header(path, held_out=True), SPACE),
    )


@given(st.binary(max_size=300))
def test_checksums_are_those_of_the_definition(data: bytes) -> None:
    assert struct.pack("<I", tfrecord.masked_crc32c(data)) == masked(data)


def test_the_check_value_of_the_checksum() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_records_come_back_with_where_they_end(tmp_path: Path, contents: list[bytes]) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"".join(map(framed, contents)))
    ends = np.cumsum([16 + len(content) for content in contents]).tolist()
    assert list(tfrecord.records(path)) == list(zip(ends, contents, strict=True))


def test_a_file_cut_anywhere_but_between_records_is_refused(tmp_path: Path) -> None:
    whole = framed(b"first") + framed(b"second one")
    path = tmp_path / "a.tfrecord"
    boundary = len(framed(b"first"))
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        if length in (0, boundary):
            assert len(list(tfrecord.records(path))) == (length > 0)
            continue
        with pytest.raises(TableError, match=rf"cut short.* byte {boundary if length > boundary else 0}\b"):
            list(tfrecord.records(path))


def test_any_changed_byte_is_found(tmp_path: Path) -> None:
    whole = framed(b"first") + framed(b"second one")
    path = tmp_path / "a.tfrecord"
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(TableError, match="another checksum"):
            list(tfrecord.records(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"nowhere\.tfrecord could not be read"):
        imported(tmp_path / "nowhere.tfrecord", 3)


def test_a_message_is_decoded() -> None:
    metrics = read_metrics(message(108, 0.8, 2_694_282))
    assert (metrics.parameters, metrics.total_seconds) == (2_694_282, 1_180.0)
    assert metrics.evaluations == [
        [0.0, 0.0, 0.8, 0.4, 0.2],
        [54.0, 540.0, 0.8, 0.4, 0.2],
        [108.0, 1_080.0, 0.8, 0.4, 0.2],
    ]


@pytest.mark.parametrize(
    "extra",
    [
        struct.pack("<Bd", 6 << 3 | 1, 3.0),  # EC-NAS: energy where the official message has a path
        bytes([6 << 3 | 2, 4]) + b"path",
        bytes([7 << 3 | 5, 0, 0, 0, 0]),
        bytes([0x98, 0x01]) + varint(2**63),  # field 19, a varint
        bytes([9 << 3 | 2, 3]) + bytes([0x0A, 0x01, 0x00]),  # a nested message that looks like an evaluation
    ],
)
def test_fields_that_are_not_known_are_skipped(extra: bytes) -> None:
    assert read_metrics(message(36, 0.5, 7, extra=extra)) == read_metrics(message(36, 0.5, 7))


def test_a_message_cut_short_is_refused() -> None:
    whole = message(4, 0.5, 300)
    for length in range(len(whole) - 9):
        with pytest.raises(ValueError, match=r"cut short|does not end|does not say"):
            read_metrics(whole[:length])
    with pytest.raises(ValueError, match="wire type 3"):
        read_metrics(whole + b"\x0b")


def test_a_table_answers_what_the_records_say(tmp_path: Path) -> None:
    table = convert(tmp_path / "a.tfrecord", three_runs((4, 12, 36, 108)), epochs=[4, 12, 36, 108])
    benchmark, oracle = opened(table, tmp_path / "nb101.h5")
    assert [(f.schedule, f.epoch, f.continues) for f in benchmark.fidelities] == [
        (n, n, None) for n in (4, 12, 36, 108)
    ]
    archs = SPACE.parse([f"{adjacency} {operations}" for adjacency, operations, _ in CELLS.values()])
    told = benchmark.query(Proposals(archs, np.array([3, 3, 0]), np.arange(3)), noise_seed=None)
    assert told.objectives[:, 0] == pytest.approx([100 - 10.0, 100 - 25.0, 100 - 37.5])
    assert told.seconds.tolist() == [1_080.0, 1_080.0, 40.0]
    assert oracle.trainings(archs, "test_accuracy")[1] == pytest.approx([10.0, 12.5, 15.0])
    assert oracle.mean(archs, "halfway_train_accuracy") == pytest.approx([20.0, 50.0, 80.0])
    assert oracle.mean(archs, "total_seconds").tolist() == [1_180.0] * 3
    assert oracle.mean(archs, "params_m").tolist() == [0.88257, 10.177674, 1.920138]
    assert np.array_equal(oracle.values("params_m"), oracle.values("params_reported_m"))
    held_out = {name for name, column in oracle.columns.items() if column.held_out}
    assert held_out == {"test_accuracy", "halfway_test_accuracy"}
    with pytest.raises(HarnessError, match="held out"):
        TableBenchmark(layout.read_header(tmp_path / "nb101.h5"), SPACE, objectives=["test_accuracy"])


def test_every_coding_of_a_cell_finds_its_row(tmp_path: Path) -> None:
    _, oracle = opened(convert(tmp_path / "a.tfrecord", three_runs()), tmp_path / "nb101.h5")
    loose = SPACE.parse(["010001000 input,conv1x1-bn-relu,output"])
    loose[0, [1, 2, 8]] = [0, 1, 1]  # edges to vertices that lead nowhere, and between such
    moved = np.zeros((1, 26), dtype=np.uint8)
    moved[0, [4, 20]] = 1  # by way of vertex 5
    moved[0, 25] = 1
    assert oracle.rows(np.concatenate([loose, moved])).tolist() == [2, 2]
    with pytest.raises(HarnessError, match="be in the table nb101"):
        oracle.rows(SPACE.parse(["010001000 input,maxpool3x3,output"]))


def test_one_cell_in_two_drawings_is_one_row(tmp_path: Path) -> None:
    records = three_runs()
    records[1][2:4] = ["0101000000010000", "input,maxpool3x3,conv3x3-bn-relu,output"]
    records[1][2] = "0010000000010000"  # the first inner vertex hangs on nothing
    table = convert(tmp_path / "a.tfrecord", records)
    assert len(table.archs) == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({0: "b" * 32}, "record 4 must have the module hash of its cell, b49ac8c"),
        ({2: "000001000"}, "record 4 must be a valid cell"),
        ({2: "010101000"}, "record 4.*above the diagonal"),
        ({2: 7}, "record 4 is no NAS-Bench-101 record"),
        ({3: "input,conv5x5,output"}, "record 4.*unknown operation 'conv5x5'"),
        ({3: None}, "record 4 is no NAS-Bench-101 record"),
        ({1: 54}, "record 4.*4, 12, 36, 108"),
        ({1: 36}, "record 4.*last evaluation must be after epoch 36, got 108"),
        ({1: "108"}, "record 4 is no NAS-Bench-101 record"),
        ({4: "AAAA"}, "record 4 is no NAS-Bench-101 record"),
        ({4: base64.encodebytes(message(108, 0.5, 1, evaluations=2)).decode()}, "record 4.*3 evaluations, got 2"),
        ({4: base64.encodebytes(message(108, 1.5, 10_177_674)).decode()}, "must be a fraction"),
        ({4: base64.encodebytes(message(108, 0.5, 5)).decode()}, "must report the parameters of the other runs"),
    ],
)
def test_a_wrong_record_is_named(tmp_path: Path, change: dict[int, Any], told: str) -> None:
    records = three_runs()
    for place, value in change.items():
        records[4][place] = value
    with pytest.raises(TableError, match=told):
        convert(tmp_path / "a.tfrecord", records)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1, 2, 3]", b"\xff", b'["a", 108, "0100", "input,output"]'])
def test_content_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(framed(json.dumps(record(HASHES[0])).encode()) + framed(content))
    with pytest.raises(TableError, match="record 1 is no NAS-Bench-101 record"):
        imported(path, 3)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    path, runs = tmp_path / "a.tfrecord", three_runs()
    with pytest.raises(TableError, match=rf"3 runs of 108 epochs of the cell {HASHES[2]}, got 2"):
        convert(path, runs[:-1])
    assert convert(path, runs[:3], runs=1).columns["valid_accuracy"][1].shape == (3, 1, 1)
    with pytest.raises(TableError, match="must hold 423624 cells, got 3 in 9 records"):
        convert(path, runs, rows=423_624)
    with pytest.raises(TableError, match=r"runs of \[4, 12, 36, 108\] epochs, got \[108\]"):
        convert(path, runs, epochs=[4, 12, 36, 108])
    with pytest.raises(TableError, match="holds no record"):
        convert(path, [], rows=0)
    assert len(convert(path, runs, rows=0).archs) == 3
    with pytest.raises(TableError, match="be one TFRecord file"):
        importer.convert(SimpleNamespace(), [path, path], SPACE, quiet)


@pytest.mark.data
def test_the_first_official_record(tmp_path: Path, shared_data: Path) -> None:
    path = shared_data / OFFICIAL / "nc_epochs_4_spec_3V9E.tfrecord"
    assert len(list(tfrecord.records(path))) == 21
    benchmark, oracle = opened(imported(path, 7), tmp_path / "nb101.h5")
    arch = SPACE.parse(["011001000 input,conv3x3-bn-relu,output"])
    first = {name: oracle.trainings(arch, name)[0, 0] for name in ("valid_accuracy", "test_accuracy", "train_seconds")}
    assert first["valid_accuracy"] == pytest.approx(50.66105723381042, abs=1e-8)
    assert first["test_accuracy"] == pytest.approx(50.62099099159241, abs=1e-8)
    assert first["train_seconds"] == 76.44700622558594
    assert oracle.trainings(arch, "total_seconds")[0, 0] == 121.50970959663391
    told = benchmark.query(Proposals.of(arch), noise_seed=None)
    assert told.objectives[0, 0] == pytest.approx(100.0 - oracle.mean(arch, "valid_accuracy")[0])


@pytest.mark.data
def test_extended_official_records(tmp_path: Path, shared_data: Path) -> None:
    """Every final value of the extended files stands among those published of them as text."""
    path = shared_data / OFFICIAL / "energy_4V9E_part.tfrecord"
    _, oracle = opened(imported(path, 90, epochs=[4, 12, 36, 108]), tmp_path / "nb101.h5")
    assert np.array_equal(oracle.values("params_m"), oracle.values("params_reported_m"))
    rows = dict(zip(SPACE.module_hashes(oracle.archs), range(90), strict=True))
    header = layout.read_header(tmp_path / "nb101.h5", held_out=True)
    schedules = [fidelity.epoch for fidelity in header.meaning.fidelities]
    checked = 0
    with gzip.open(shared_data / "ecnas_nb101_subspaces.csv.gz", "rt") as file:
        for told in csv.DictReader(file):
            if told["file"] != "energy_4V9E" or told["module_hash"] not in rows:
                continue
            at = rows[told["module_hash"]], slice(None), schedules.index(int(told["epochs"]))
            for column, name, scale in (
                ("valid_accuracy", "final_val_acc", 100.0),
                ("test_accuracy", "final_test_acc", 100.0),
                ("halfway_train_accuracy", "half_train_acc", 100.0),
                ("train_seconds", "final_time", 1.0),
            ):
                runs = header.values(column)[at]
                assert np.abs(runs - scale * float(told[name])).min() < 1e-4
                checked += 1
    assert checked >= 4 * 90
    three = shared_data / OFFICIAL / "nc_carbon_3V9E.tfrecord"
    assert len(imported(three, 7, epochs=[4, 36, 108]).archs) == 7


@pytest.mark.data
def test_an_official_table_that_is_partial_keeps_the_rules(tmp_path: Path, shared_data: Path) -> None:
    path = shared_data / OFFICIAL / "energy_4V9E_part.tfrecord"
    opened(imported(path, 90), tmp_path / "nb101.h5")
    header = layout.read_header(tmp_path / "nb101.h5")
    space = RowsSpace(SPACE, header.array("archs"))
    check_benchmark(TableBenchmark(header, space), np.random.default_rng(0))
    check_space(space, np.random.default_rng(0))
