"""The import of NAS-Bench-301's raw results: one JSON file for each training."""

from __future__ import annotations

import json
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks_data.file import layout
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.importers import nas_bench_301
from harness.errors import TableError
from harness.records import Proposals
from harness.spaces.darts.cells import OPERATIONS
from harness.spaces.darts.costs import auxiliary_params, params
from harness.spaces.darts.space import DARTSSpace
from harness.spaces.rows import RowsSpace
from harness.testing.conformance import check_benchmark, check_space
from tests.harness.spaces.darts.genotypes import DARTS_V1, DARTS_V2, RAW_EXAMPLE

SPACE = DARTSSpace()
ENTRY = SimpleNamespace(name="nb301", facts={})
PREFIX = "NetworkSelectorDatasetInfo:darts:"


def quiet(what: str, fraction: float) -> None:
    assert 0.0 <= fraction <= 1.0


def configuration(arch, *, channels: int = 32, cells: int = 8) -> dict[str, object]:
    """Return a configuration in the official layout; node 2 has no inputs of its own, and only active edges stand."""
    told: dict[str, object] = {f"{PREFIX}init_channels": channels, f"{PREFIX}layers": cells}
    for cell, edges in zip(("normal", "reduce"), SPACE.compact(arch[None])[0], strict=True):
        for node, pair in zip((2, 3, 4, 5), zip(edges[::2], edges[1::2], strict=True), strict=True):
            if node > 2:
                told[f"{PREFIX}inputs_node_{cell}_{node}"] = f"{pair[0][0]}_{pair[1][0]}"
            for source, operation in pair:
                told[f"{PREFIX}edge_{cell}_{(0, 2, 5, 9)[node - 2] + source}"] = OPERATIONS[operation]
    return told


def result(arch, curve=(50.0, 80.0, 90.0), *, test=89.5, budget=4, seconds=300.0, **setting) -> dict[str, object]:
    """Return a result with a learning curve, as the published release has it."""
    return {
        "final_metric_score": -curve[-1],
        "optimized_hyperparamater_config": configuration(arch, **setting),
        "budget": budget,
        "info": [
            {
                "val_accuracy": curve[-1],
                "epochs": len(curve),
                "model_parameters": 1_250_000,
                "train_datapoints": 40_000,
                "val_datapoints": 10_000,
            }
        ],
        "learning_curves": {"Train/train_accuracy": [99.0] * len(curve), "Train/val_accuracy": list(curve)},
        "test_accuracy": test,
        "runtime": seconds,
    }


def folder_of(path, results):
    """Write results of several optimisers: the names repeat from one to the next."""
    for number, content in enumerate(results):
        optimiser = path / ("bananas", "de")[number % 2]
        optimiser.mkdir(parents=True, exist_ok=True)
        (optimiser / f"results_{number // 2}.json").write_text(json.dumps(content))
    return path


def converted(*paths):
    return nas_bench_301.convert(ENTRY, list(paths), SPACE, quiet)


def opened(table, path):
    layout.write(path, table)
    header = layout.read_header(path)
    space = RowsSpace(SPACE, header.array("archs"))
    return TableBenchmark(header, space), TableOracle(layout.read_header(path, held_out=True), space)


def test_the_published_example_is_read(tmp_path):
    arch = SPACE.parse([RAW_EXAMPLE])[0]
    example = result(arch, (97.68,), test=97.54, budget=1500, seconds=365_136, channels=50, cells=20)
    del example["learning_curves"]
    example["info"][0] |= {"epochs": 1488, "model_parameters": 6_369_358}
    (tmp_path / "results_0.json").write_text(json.dumps(example))
    table = converted(tmp_path / "results_0.json")
    assert SPACE.format(table.archs) == SPACE.format(SPACE.parse([RAW_EXAMPLE]))
    (fidelity,) = table.meaning.fidelities
    assert (fidelity.schedule, fidelity.epoch) == (1500, 1488)
    told = {name: values.ravel().tolist() for name, (_, values) in table.columns.items()}
    assert told["valid_accuracy"] == [97.68]
    assert told["test_accuracy"] == [97.54]
    assert told["train_seconds"] == [365_136]
    assert told["params_reported_m"] == [6.369358]
    assert told["params_m"][0] + auxiliary_params(channels=50) / 1e6 == pytest.approx(6.369358)


def test_curves_trainings_and_seconds_are_those_of_the_files(tmp_path):
    archs = SPACE.parse([DARTS_V2, DARTS_V1])
    results = [
        result(archs[0], test=89.0),
        result(archs[1], (40.0, 70.0, 85.0), test=84.0, seconds=150.0),
        result(archs[0], (52.0, 82.0, 92.0), test=91.0, seconds=330.0),
    ]
    benchmark, oracle = opened(converted(folder_of(tmp_path / "raw", results)), tmp_path / "t.h5")
    assert benchmark.name == "nb301"
    assert [(fidelity.schedule, fidelity.epoch, fidelity.continues) for fidelity in benchmark.fidelities] == [
        (4, 1, None),
        (4, 2, 0),
        (4, 3, 1),
    ]
    assert oracle.trainings(archs[:1], "valid_accuracy").tolist() == [[90.0, 92.0]]
    assert oracle.mean(archs, "test_accuracy").tolist() == [90.0, 84.0]
    first = benchmark.query(Proposals.of(archs, 0), noise_seed=None)
    assert first.objectives[:, 0].tolist() == [49.0, 60.0]
    assert first.seconds.tolist() == [105.0, 50.0]
    assert oracle.mean(archs, "params_m") == pytest.approx(params(archs, channels=32, cells=8) / 1e6)
    assert oracle.columns["test_accuracy"].split == "ori-test"
    assert oracle.columns["valid_accuracy"].trained_on == "train40k"


def test_renamed_nodes_are_trainings_of_one_row(tmp_path):
    arch = SPACE.sample(1, np.random.default_rng(0))[0]
    arch[[2, 5, 8]] = 0  # nodes 2 to 5 all read 0 and 1, and can trade places
    other = arch.copy()
    other[[0, 1, 3, 4]] = arch[[3, 4, 0, 1]]
    assert not np.array_equal(arch, other)
    table = converted(folder_of(tmp_path, [result(arch), result(other, (1.0, 2.0, 3.0))]))
    assert table.archs.tolist() == [arch.tolist()]
    assert table.trainings.tolist() == [[2]]
    assert table.columns["valid_accuracy"][1][0, :, -1].tolist() == [90.0, 3.0]


def test_only_rows_can_be_searched(tmp_path):
    archs = SPACE.sample(12, np.random.default_rng(0))
    table = converted(folder_of(tmp_path / "raw", [result(arch) for arch in archs]))
    assert table.meaning.partial
    benchmark, _ = opened(table, tmp_path / "t.h5")
    check_space(benchmark.space, np.random.default_rng(0))
    check_benchmark(benchmark, np.random.default_rng(0))


def test_a_training_that_broke_off_is_missing_later_and_cost_all_its_time(tmp_path):
    archs = SPACE.parse([DARTS_V2, DARTS_V1])
    results = [result(archs[0]), result(archs[1], (40.0, 70.0), test=float("nan"), seconds=100.0)]
    benchmark, oracle = opened(converted(folder_of(tmp_path / "raw", results)), tmp_path / "t.h5")
    told = benchmark.query(Proposals(archs[[1, 1]], np.array([1, 2]), np.zeros(2, int)), noise_seed=None)
    assert told.objectives[:, 0].tolist()[0] == 30.0
    assert np.isnan(told.objectives[1, 0])
    assert told.seconds.tolist() == [100.0, 100.0]
    assert np.isnan(oracle.mean(archs, "test_accuracy")[1])


def test_epochs_told_one_by_one_are_a_curve(tmp_path):
    arch = SPACE.parse([DARTS_V2])[0]
    told = result(arch)
    del told["learning_curves"]
    told["info"] = [told["info"][0] | {"epochs": epoch, "val_accuracy": 10.0 * epoch} for epoch in (1, 2, 4)]
    table = converted(folder_of(tmp_path, [told]))
    assert [fidelity.epoch for fidelity in table.meaning.fidelities] == [1, 2, 4]
    assert table.columns["valid_accuracy"][1].ravel().tolist() == [10.0, 20.0, 40.0]


def test_an_archive_says_the_same_as_its_folder(tmp_path):
    archs = SPACE.sample(6, np.random.default_rng(0))
    folder = folder_of(tmp_path / "raw", [result(arch, (1.0, 2.0, 3.0 + n)) for n, arch in enumerate(archs)])
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
        for file in sorted(folder.rglob("*.json"), reverse=True):
            archive.write(file, file.relative_to(tmp_path))
    one, two = converted(folder), converted(tmp_path / "raw.zip")
    assert np.array_equal(one.archs, two.archs)
    assert np.array_equal(one.columns["valid_accuracy"][1], two.columns["valid_accuracy"][1])


def without(key):
    def change(told):
        del told["optimized_hyperparamater_config"][PREFIX + key]

    return change


def setting(key, value):
    def change(told):
        told["optimized_hyperparamater_config"][PREFIX + key] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("edge_normal_0"), "`edge_normal_0` must be an operation, for node 2 of the normal cell reads 0"),
        (setting("edge_reduce_1", "none"), "no operation 'none'; 'darts-none' has it"),
        (
            setting("inputs_node_normal_3", "0_3"),
            "`inputs_node_normal_3` must name the two earlier nodes that it reads, as '0_1', got '0_3'",
        ),
        (setting("inputs_node_normal_3", "0_0"), "two different nodes before it"),
        (setting("inputs_node_normal_5", "0_1_2"), "`inputs_node_normal_5` must name the two earlier nodes"),
        (setting("init_channels", 16), "must be trained as .*results_0.json"),
        (lambda told: told.update(budget=5), "must be trained as"),
        (lambda told: told.update(budget=2), "results after epochs 1 to 2"),
        (lambda told: told.update(info=[]), "IndexError"),
        (lambda told: told["learning_curves"].update({"Train/val_accuracy": []}), "results after epochs 1 to 4"),
        (lambda told: told["info"][0].pop("train_datapoints"), "train_datapoints"),
    ],
)
def test_a_file_of_another_layout_is_named(tmp_path, change, message):
    archs = SPACE.parse([DARTS_V2, DARTS_V1])
    results = [result(arch) for arch in archs]
    change(results[1])
    with pytest.raises(TableError, match=message) as caught:
        converted(folder_of(tmp_path, results))
    assert "de/results_0.json" in str(caught.value)


def test_a_cut_file_and_an_empty_folder_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(TableError, match=r"no file results_\*\.json"):
        converted(tmp_path / "empty")
    folder = folder_of(tmp_path / "raw", [result(SPACE.parse([DARTS_V2])[0])])
    path = folder / "bananas" / "results_0.json"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(TableError, match=r"bananas/results_0\.json is not whole JSON"):
        converted(folder)


def test_a_damaged_archive_is_refused(tmp_path):
    path = tmp_path / "raw.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("raw/results_0.json", json.dumps(result(SPACE.parse([DARTS_V2])[0])))
    data = bytearray(path.read_bytes())
    data[60:120] = bytes(60)
    path.write_bytes(data)
    with pytest.raises(TableError, match=r"raw\.zip is not a whole folder, zip or tar"):
        converted(path)
