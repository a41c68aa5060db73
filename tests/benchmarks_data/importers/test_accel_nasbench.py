"""Accel-NASBench: the import of result files."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks_data.file import layout
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.importers import accel_nasbench
from harness.errors import HarnessError, TableError
from harness.spaces.mnasnet.space import VALUES, VARIABLES, MnasNetSpace
from harness.spaces.rows import RowsSpace
from harness.testing.conformance import check_benchmark, check_space

SPACE = MnasNetSpace()


def quiet(what: str, fraction: float) -> None:
    assert 0.0 <= fraction <= 1.0


def entry(rows: int, results: int) -> Any:
    return SimpleNamespace(name="accel-imagenet", rows=rows, facts={"results": results})


def result(seed: int) -> dict[str, Any]:
    """Return a result in the official format; the network depends on `seed` modulo 50, the numbers on `seed`."""
    arch = SPACE.sample(1, np.random.default_rng(seed % 50))[0]
    rng = np.random.default_rng(1000 + seed)
    values = {name: VALUES[name][code] for name, code in zip(VARIABLES, arch.tolist(), strict=True)}
    top1 = float(rng.uniform(40.0, 67.0))
    platforms = {
        platform: {
            f"{platform.partition('_')[0]}_mean": float(rng.uniform(1.0, 9_000.0)),
            f"{platform.partition('_')[0]}_std": None
            if "zcu" in platform or "vck" in platform
            else float(rng.random()),
        }
        for platform in accel_nasbench.PLATFORMS
    }
    return {
        "architecture": values,
        "metrics": {"val_top1": top1, "val_top5": top1 + 20.0, "train_time": float(rng.uniform(1e3, 3e3))},
        "model_info": {"macs": 100.0 + seed % 50, "params": 2.0 + seed % 50},
        "platform_perf": platforms,
    }


def write(folder: Path, results: dict[int, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for number, content in results.items():
        (folder / f"result_{number}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def convert(path: Path, rows: int, results: int) -> layout.Table:
    return accel_nasbench.convert(entry(rows, results), [path], SPACE, quiet)


def test_numbers_stay_what_they_were(tmp_path: Path) -> None:
    results = {number: result(number) for number in range(40)}
    table = convert(write(tmp_path / "all", results), 40, 40)
    assert table.meaning.partial
    assert table.meaning.test is None
    assert not any(column.held_out for column, _ in table.columns.values())
    for name, where, key in (
        ("valid_top1", "metrics", "val_top1"),
        ("valid_top5", "metrics", "val_top5"),
        ("train_seconds", "metrics", "train_time"),
        ("macs_m", "model_info", "macs"),
        ("params_m", "model_info", "params"),
    ):
        assert table.columns[name][1][:, 0, 0].tolist() == [results[row][where][key] for row in range(40)]
    for platform in accel_nasbench.PLATFORMS:
        column, values = table.columns[platform]
        kind = platform.partition("_")[0]
        assert values[:, 0, 0].tolist() == [
            results[row]["platform_perf"][platform][f"{kind}_mean"] for row in range(40)
        ]
        assert (column.unit, column.direction) == (
            ("ms", "minimise") if kind == "latency" else ("images/s", "maximise")
        )
        assert (f"{platform}_std" in table.columns) == ("zcu" not in platform and "vck" not in platform)


def test_a_network_that_was_trained_twice_is_one_row_of_two_runs(tmp_path: Path) -> None:
    numbers = [3, 4, 10, 53, 104]  # 53 is the network of 3, 104 that of 4
    table = convert(write(tmp_path / "all", {number: result(number) for number in numbers}), 3, 5)
    assert table.trainings.tolist() == [[2], [2], [1]]
    accuracy = table.columns["valid_top1"][1][:, :, 0]
    assert accuracy[0].tolist() == [result(3)["metrics"]["val_top1"], result(53)["metrics"]["val_top1"]]
    assert accuracy[1].tolist() == [result(4)["metrics"]["val_top1"], result(104)["metrics"]["val_top1"]]
    assert np.isnan(accuracy[2, 1])
    assert table.columns["macs_m"][1].shape == (3, 1, 1)


def test_a_missing_measurement_is_nan(tmp_path: Path) -> None:
    content = result(0)
    content["platform_perf"]["throughput_tpuv2"] = {"throughput_mean": None, "throughput_std": None}
    table = convert(write(tmp_path / "all", {0: content, 1: result(1)}), 2, 2)
    assert np.isnan(table.columns["throughput_tpuv2"][1][:, 0, 0]).tolist() == [True, False]


def test_it_is_searched_on_its_rows(tmp_path: Path) -> None:
    layout.write(tmp_path / "accel.h5", convert(write(tmp_path / "all", {n: result(n) for n in range(60)}), 50, 60))
    header = layout.read_header(tmp_path / "accel.h5", held_out=True)
    space = RowsSpace(SPACE, header.array("archs"))
    check_space(space, np.random.default_rng(0))
    benchmark = TableBenchmark(header, space, objectives=["valid_top1", "latency_zcu102"])
    check_benchmark(benchmark, np.random.default_rng(0))
    assert benchmark.has_seconds
    oracle = TableOracle(header, space)
    assert oracle.test is None
    with pytest.raises(HarnessError, match="be in the table"):
        oracle.mean(SPACE.sample(1, np.random.default_rng(99)), "valid_top1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: json.dumps(content)[:-20], r"result_0\.json is not whole JSON"),
        (lambda content: [], "is not a result of this format"),
        (lambda content: content | {"metrics": {}}, "KeyError: 'val_top1'"),
        (lambda content: content | {"architecture": {}}, "have exactly the variables"),
        (lambda content: content | {"model_info": {"macs": "many", "params": 1}}, "ValueError"),
        (lambda content: content | {"platform_perf": {"latency_zcu102": None}}, "KeyError|TypeError"),
        (lambda content: content | {"metrics": {"val_top1": 0.6, "val_top5": 0.5, "train_time": 1}}, "in percent"),
    ],
)
def test_a_wrong_result_is_refused_and_named(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(TableError, match=r"result_0\.json.*" + message if "JSON" not in message else message):
        convert(write(tmp_path / "all", {0: change(result(0)), 1: result(1)}), 2, 2)


def test_wrong_numbers_of_results_and_networks_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "all", {number: result(number) for number in (3, 4, 53)})
    with pytest.raises(TableError, match="must hold 4 results, got 3"):
        convert(path, 2, 4)
    with pytest.raises(TableError, match="must hold results of 3 networks, got 2"):
        convert(path, 3, 3)


def test_other_costs_of_the_same_network_are_refused(tmp_path: Path) -> None:
    other = result(53) | {"model_info": {"macs": 1.0, "params": 2.0}}
    with pytest.raises(TableError, match="one number of macs for a network, row 0 has several"):
        convert(write(tmp_path / "all", {3: result(3), 53: other}), 1, 2)


@pytest.mark.data
def test_official_results_give_the_known_answers(shared_data: Path) -> None:
    table = convert(shared_data / "official_samples" / "accel_nasbench", 3, 3)
    known = {
        "valid_top1": 59.368,
        "valid_top5": 82.636,
        "train_seconds": 2660.431460380554,
        "macs_m": 415.361072,
        "params_m": 2.50116,
        "latency_zcu102": 5.023423633627983,
        "throughput_a100": 7034.935468125287,
    }
    assert {name: table.columns[name][1][0, 0, 0] for name in known} == known


@pytest.mark.data
def test_a_whole_archive_of_5138_results_equals_the_shared_table(shared_data: Path, tmp_path: Path) -> None:
    """The archive is written here from the shared table, in the official format."""
    with np.load(shared_data / "accel_nasbench.npz") as file:
        shared = dict(file)
    keys = [key.decode() for key in shared["arch_keys"]]

    def number(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    with tarfile.open(tmp_path / "anb_dataset_jsons.tar.gz", "w:gz") as archive:
        for row, arch in enumerate(shared["arch"].tolist()):
            content = {
                "architecture": {k: bool(v) if k.endswith("se") else v for k, v in zip(keys, arch, strict=True)},
                "metrics": {name: float(shared[name][row]) for name in ("val_top1", "val_top5", "train_time")},
                "model_info": {name: float(shared[name][row]) for name in ("macs", "params")},
                "platform_perf": {
                    platform: {
                        f"{platform.partition('_')[0]}_{what}": number(
                            shared.get(f"{platform}__{what}", np.full(5_138, np.nan))[row]
                        )
                        for what in ("mean", "std")
                    }
                    for platform in accel_nasbench.PLATFORMS
                },
            }
            write(tmp_path / "one", {row: content})
            path = tmp_path / "one" / f"result_{row}.json"
            archive.add(path, f"anb_dataset_jsons/{path.name}")
            path.unlink()
    table = convert(tmp_path / "anb_dataset_jsons.tar.gz", 5_125, 5_138)
    assert int(table.trainings.sum()) == 5_138
    assert np.nanmax(table.columns["valid_top1"][1]) == pytest.approx(67.052, abs=1e-4)
    assert SPACE.is_valid(table.archs).all()
    missing = {
        name: int(np.isnan(values).sum()) - 5_125 + 13  # the second run of 5,112 rows does not exist
        for name, (_, values) in table.columns.items()
        if name in accel_nasbench.PLATFORMS
    }
    assert missing == {
        "throughput_a100": 0,
        "throughput_3090": 3,
        "throughput_tpuv2": 37,
        "throughput_tpuv3": 44,
        "throughput_zcu102": 2,
        "throughput_vck190": 2,
        "latency_zcu102": 2,
        "latency_vck190": 2,
    }
