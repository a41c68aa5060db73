"""Hardware figures: three kinds of files give the same cells, and what is wrong is named."""

from __future__ import annotations

import csv
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks_data.importers.columns import hw_nas_bench
from harness.errors import TableError
from harness.spaces.nats_size.space import SizeSpace
from harness.spaces.nb201.operations import CODINGS
from harness.spaces.nb201.space import NB201Space
from harness.spaces.nb201.texts import NASLIB_OPERATIONS, NASLIB_PLACES

SPACE = NB201Space()


def quiet(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(0).random(CODINGS) + 0.5


def write_pickle(path: Path, content: Any) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


def write_csv(path: Path, values: np.ndarray, order: np.ndarray) -> Path:
    archs = hw_nas_bench.official_archs(SPACE)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["net", "raspi4_latency", "eyeriss_energy"])
        for row in order:
            key = [0] * 6
            for gene, place in enumerate(NASLIB_PLACES):
                key[place] = NASLIB_OPERATIONS.index(int(archs[row, gene]))
            writer.writerow([str(tuple(key)), repr(float(values[row])), repr(float(2 * values[row]))])
    return path


def test_the_order_is_the_official_index() -> None:
    archs = hw_nas_bench.official_archs(SPACE)
    # known_answers, section 1.1
    assert SPACE.format(archs[:1]) == [
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    ]
    assert archs[1462].tolist() == [3] * 6


def test_the_pickle_has_each_data_set(tmp_path: Path, values: np.ndarray) -> None:
    content = {
        "nasbench201": {
            "cifar10": {
                "raspi4_latency": values.tolist(),
                "fpga_energy": [np.float64(v) for v in values],
                "config": [{}],
            },
            "ImageNet16-120": {"eyeriss_arithmetic_intensity": (2 * values).tolist()},
        },
        "fbnet": {"raspi4_latency": {"add": 1.0}},
    }
    path = write_pickle(tmp_path / "HW.pickle", content)
    archs, columns = hw_nas_bench.read_columns([path], SPACE, quiet)
    assert archs.shape == (CODINGS, 6)
    assert {name: (column.unit, column.direction) for name, (column, _) in columns.items()} == {
        "raspi4_latency_ms_cifar10": ("ms", "minimise"),
        "fpga_energy_mj_cifar10": ("mJ", "minimise"),
        "eyeriss_arithmetic_intensity_imagenet16_120": ("operations/byte", "maximise"),
    }
    np.testing.assert_array_equal(columns["raspi4_latency_ms_cifar10"][1][:, 0, 0], values)
    _, one = hw_nas_bench.read_columns([path], SPACE, quiet, dataset="ImageNet16-120")
    assert set(one) == {"eyeriss_arithmetic_intensity"}
    with pytest.raises(TableError, match="unknown data set"):
        hw_nas_bench.read_columns([path], SPACE, quiet, dataset="mnist")


def test_rows_of_the_csv_are_put_in_order_by_their_key(tmp_path: Path, values: np.ndarray) -> None:
    order = np.random.default_rng(1).permutation(CODINGS)
    path = write_csv(tmp_path / "hw_cifar10.csv", values, order)
    archs, columns = hw_nas_bench.read_columns([path], SPACE, quiet)
    np.testing.assert_array_equal(archs, hw_nas_bench.official_archs(SPACE))
    np.testing.assert_array_equal(columns["raspi4_latency_ms"][1][:, 0, 0], values)
    np.testing.assert_array_equal(columns["eyeriss_energy_mj"][1][:, 0, 0], 2 * values)


def test_several_files_join_and_the_same_twice_does_not(tmp_path: Path, values: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    devices = [tmp_path / "raspi4.pt", tmp_path / "gold_6226.pt"]
    for path in devices:
        torch.save(values.tolist(), path)
    _, columns = hw_nas_bench.read_columns(devices, SPACE, quiet)
    assert set(columns) == {"raspi4_latency_ms", "gold_6226_latency_ms"}
    np.testing.assert_array_equal(columns["gold_6226_latency_ms"][1][:, 0, 0], values)
    with pytest.raises(TableError, match="both tell raspi4_latency_ms"):
        hw_nas_bench.read_columns([devices[0], devices[0]], SPACE, quiet)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"nasbench201": {"cifar10": {"raspi4_latency": [1.0, 2.0]}}}, "must have 15625 rows"),
        ({"nasbench201": {"cifar10": {"raspi4_latency": [-2.0] * CODINGS}}}, "row 0 must not be negative"),
        ({"nasbench201": {"cifar10": {"raspi4_latency": ["x"] * CODINGS}}}, "must be numbers"),
        ({"nasbench201": {"cifar10": {"raspi4_price": [1.0] * CODINGS}}}, "unknown metric 'raspi4_price'"),
        ({"other": 1}, "no HW-NAS-Bench file"),
        ([1], "no HW-NAS-Bench file"),
    ],
)
def test_pickles_of_another_layout_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(TableError, match=message):
        hw_nas_bench.read_columns([write_pickle(tmp_path / "HW.pickle", content)], SPACE, quiet)


class _Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_a_forbidden_global_never_runs(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "HW.pickle", {"nasbench201": _Payload(tmp_path / "ran")})
    with pytest.raises(TableError, match=r"names the global"):
        hw_nas_bench.read_columns([path], SPACE, quiet)
    assert not (tmp_path / "ran").exists()


def test_other_bad_input_is_named(tmp_path: Path, values: np.ndarray) -> None:
    with pytest.raises(TableError, match=r"end in \.pickle, \.csv, \.pt"):
        hw_nas_bench.read_columns([tmp_path / "x.json"], SPACE, quiet)
    with pytest.raises(TableError, match="`space` must be nb201"):
        hw_nas_bench.read_columns([tmp_path / "x.pt"], SizeSpace(), quiet)
    with pytest.raises(TableError, match=r"hw\.csv cannot be read: No such file"):
        hw_nas_bench.read_columns([tmp_path / "hw.csv"], SPACE, quiet)
    order = np.arange(CODINGS)
    order[5] = 6
    path = write_csv(tmp_path / "hw.csv", values, order)
    with pytest.raises(TableError, match="must name each of the 15625 cells once"):
        hw_nas_bench.read_columns([path], SPACE, quiet)
    path.write_text("net,a\n1,2\n")
    with pytest.raises(TableError, match="must have a column net and metrics"):
        hw_nas_bench.read_columns([path], SPACE, quiet)


@pytest.mark.data
def test_official_latencies_and_their_copy_agree(shared_data: Path) -> None:
    path = shared_data / "official_samples" / "help" / "raspi4.pt"
    archs, columns = hw_nas_bench.read_columns([path], SPACE, quiet)
    values = columns["raspi4_latency_ms"][1][:, 0, 0]
    assert values[0] == 10.481976820010459
    with np.load(shared_data / "hwnasbench_nb201.npz") as copy:
        np.testing.assert_allclose(values, copy["cifar10__raspi4_latency"], rtol=1e-6)
    with np.load(shared_data / "nb201_tss.npz") as tss:
        np.testing.assert_array_equal(archs, tss["op_codes"])
