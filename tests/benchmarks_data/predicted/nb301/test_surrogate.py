"""NAS-Bench-301's surrogate as a benchmark: import of the files, encoding, predictions, and what reports are told."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks_data.predicted import imported as kept
from benchmarks_data.predicted.nb301 import files as nb301_files
from benchmarks_data.predicted.nb301 import model as nb301_model
from benchmarks_data.predicted.nb301 import surrogate as nb301_surrogate
from benchmarks_data.predicted.nb301.files import NAME, Imported, import_files
from benchmarks_data.predicted.nb301.model import Model
from benchmarks_data.predicted.nb301.surrogate import FIDELITIES, SurrogateBenchmark, SurrogateOracle
from harness.errors import HarnessError, TableError
from harness.problem import Constraint
from harness.records import Proposals
from harness.spaces.darts.cells import OPERATIONS, PAIRS
from harness.spaces.darts.costs import params
from harness.spaces.darts.space import DARTSSpace
from harness.testing.conformance import check_benchmark
from tests.harness.spaces.darts.genotypes import DARTS_V2

SPACE = DARTSSpace()
PREFIX = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"


def made_up_encoding() -> dict[str, dict[str, int]]:
    """Return an encoding in the official layout: keys and values in lexicographic order, ``#na#`` = 0."""
    choices = {f"edge_{cell}_{edge}": OPERATIONS for cell in ("normal", "reduce") for edge in range(14)}
    for cell in ("normal", "reduce"):
        for node in (3, 4, 5):
            choices[f"inputs_node_{cell}_{node}"] = tuple(f"{a}_{b}" for a, b in PAIRS[node])
    return {
        PREFIX + name: {"#na#": 0} | {value: code for code, value in enumerate(sorted(choices[name]), start=1)}
        for name in sorted(choices)
    }


class MadeUpSession:
    """Predicts by a formula in the official shapes; its runtime dips at every tenth epoch."""

    def __init__(self, path: str, options: object, providers: list[str]) -> None:
        assert options.intra_op_num_threads == options.inter_op_num_threads == 1
        assert providers == ["CPUExecutionProvider"]

    def get_inputs(self):
        return [SimpleNamespace(name="x_cat"), SimpleNamespace(name="x_cont")]

    def get_outputs(self):
        return [SimpleNamespace(name="output")]

    def run(self, names, given):
        choices, epochs = given["x_cat"], given["x_cont"][:, 0].astype(np.float64)
        assert (choices.dtype, choices.shape[1], given["x_cont"].dtype) == (np.int32, 34, np.float32)
        goodness = choices @ np.arange(1, 35) / 10_000
        accuracy = 0.3 + goodness * (1 - 0.5 / epochs)
        seconds = 50 * epochs - 120 * (epochs % 10 == 0) + 200
        return [np.stack([accuracy, 1 - accuracy, seconds, np.full(len(epochs), 59.5)], axis=1).astype(np.float32)]


@pytest.fixture
def made_up_files(tmp_path):
    """Return three files in the official layout; the model is not one."""
    config_space = {"hyperparameters": [{"name": "epoch", "type": "uniform_int", "lower": 1, "upper": 98}]}
    (tmp_path / "m.onnx").write_bytes(b"made up")
    (tmp_path / "e.json").write_text(json.dumps(made_up_encoding()))
    (tmp_path / "c.json").write_text(json.dumps(config_space))
    return [tmp_path / name for name in ("m.onnx", "e.json", "c.json")]


@pytest.fixture
def imported(made_up_files, tmp_path, monkeypatch):
    runtime = SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=MadeUpSession)
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    with pytest.warns(UserWarning, match="not the .* that was checked"):
        return Imported.open(import_files(made_up_files, tmp_path / "cache"))


@pytest.fixture
def official(shared_data, tmp_path):
    pytest.importorskip("onnxruntime")
    folder = shared_data / "nb301_yahpo_surrogate"
    names = ("config_space_v2.json", "model_v2.onnx", "encoding_v2.json")
    return Imported.open(import_files([folder / name for name in names], tmp_path / "cache"), check_content=True)


@pytest.mark.data
def test_predictions_are_the_published_ones(official):
    model = Model(official)
    archs = SPACE.parse([DARTS_V2] * 3)
    row = "5 5 0 2 0 0 5 5 0 7 5 0 0 7 4 4 4 7 0 0 0 4 7 4 0 7 0 0 1 1 2 3 2 5"
    assert " ".join(map(str, model.encode(archs)[0])) == row
    wanted = [[0.632659, 1.002145, 262.849], [0.892435, 0.340118, 3118.353], [0.928769, 0.273077, 5225.771]]
    assert np.allclose(model.predict(archs, np.array([1, 50, 98])), wanted, rtol=1e-4)
    told = SurrogateBenchmark(official).query(Proposals(archs, np.array([0, 49, 97]), np.arange(3)), noise_seed=None)
    assert np.allclose(told.objectives[:, 0], [36.7341, 10.7565, 7.1231], atol=1e-3)
    assert np.allclose(told.seconds, [262.849, 3118.353, 5225.771], rtol=1e-4)


@pytest.mark.data
@pytest.mark.parametrize(
    ("operation", "code", "wanted"),
    [(3, 5, [0.927728, 0.276075, 5517.713]), (2, 7, [0.881453, 0.420796, 2271.372])],
)
def test_predictions_of_uniform_cells_are_the_published_ones(official, operation, code, wanted):
    model = Model(official)
    arch = np.zeros((1, 22), dtype=np.uint8)
    arch[:, SPACE.cardinalities == 7] = operation
    cell = "5 5 5 0 0 0 5 5 0 5 5 0 0 5".replace("5", str(code))
    assert " ".join(map(str, model.encode(arch)[0])) == f"{cell} {cell} 1 1 1 1 1 1"
    assert np.allclose(model.predict(arch, np.array([98])), [wanted], rtol=1e-4)


@pytest.mark.data
def test_the_official_files_keep_the_rules_of_a_benchmark(official):
    check_benchmark(SurrogateBenchmark(official), np.random.default_rng(0))
    wanted = dict(zip(("model.onnx", "encoding.json", "config_space.json"), nb301_files.PINNED.values(), strict=True))
    assert official.about["sha256"] == wanted


@pytest.mark.data
def test_the_reference_is_better_than_any_draw(official):
    oracle = SurrogateOracle(official)
    drawn = oracle.mean(SPACE.sample(5000, np.random.default_rng(5)), "valid_accuracy")
    assert 94.0 < oracle.optimum("valid_accuracy").value < 100.0
    assert drawn.max() < oracle.optimum("valid_accuracy").value


def test_the_benchmark_keeps_the_rules(imported):
    benchmark = SurrogateBenchmark(
        imported,
        objectives=["valid_accuracy", "valid_cross_entropy", "macs_m"],
        constraints=[Constraint("params_m", "<=", 1.0)],
    )
    check_benchmark(benchmark, np.random.default_rng(0))


def test_inputs_have_the_order_and_codes_of_the_file(imported):
    archs = SPACE.sample(50, np.random.default_rng(0))
    encoded = Model(imported).encode(archs)
    for row, compact in zip(encoded, SPACE.compact(archs), strict=True):
        wanted = {name: "#na#" for name in made_up_encoding()}
        for cell, edges in zip(("normal", "reduce"), compact, strict=True):
            for node, pair in zip((2, 3, 4, 5), zip(edges[::2], edges[1::2], strict=True), strict=True):
                for source, operation in pair:
                    wanted[f"{PREFIX}edge_{cell}_{(0, 2, 5, 9)[node - 2] + source}"] = OPERATIONS[operation]
                if node > 2:
                    wanted[f"{PREFIX}inputs_node_{cell}_{node}"] = f"{pair[0][0]}_{pair[1][0]}"
        assert row.tolist() == [made_up_encoding()[name][value] for name, value in wanted.items()]


def test_units_are_those_of_the_columns(imported):
    benchmark = SurrogateBenchmark(
        imported, objectives=["valid_accuracy", "valid_cross_entropy"], constraints=[Constraint("params_m", "<=", 1.0)]
    )
    archs = SPACE.sample(4, np.random.default_rng(0))
    told = benchmark.query(Proposals.of(archs, 97), noise_seed=None)
    predicted = Model(imported).predict(archs, np.full(4, 98))
    assert np.allclose(told.objectives, np.stack([100 - 100 * predicted[:, 0], predicted[:, 1]], axis=1))
    assert np.allclose(told.constraints[:, 0], params(archs, channels=32, cells=8) / 1e6 - 1.0)


def test_a_longer_training_never_costs_less(imported):
    benchmark = SurrogateBenchmark(imported)
    archs = np.repeat(SPACE.sample(2, np.random.default_rng(0)), 98, axis=0)
    told = benchmark.query(Proposals(archs, np.tile(np.arange(98), 2), np.zeros(196, int)), noise_seed=None)
    seconds = told.seconds.reshape(2, 98)
    assert (np.diff(seconds, axis=1) >= 0).all()
    predicted = np.array([50 * epoch - 120 * (epoch % 10 == 0) + 200 for epoch in range(1, 99)])
    wanted = [predicted[epoch - 1 :].min() for epoch in range(1, 99)]
    assert np.allclose(seconds, wanted)
    assert seconds[0, -1] == predicted[-1]


def test_there_is_one_schedule_and_each_epoch_continues_the_one_before(imported):
    assert SurrogateBenchmark(imported).fidelities == FIDELITIES
    assert {fidelity.schedule for fidelity in FIDELITIES} == {100}
    assert [fidelity.epoch for fidelity in FIDELITIES] == list(range(1, 99))
    assert [fidelity.continues for fidelity in FIDELITIES] == [None, *range(97)]


def test_noise_seeds_change_nothing(imported):
    benchmark = SurrogateBenchmark(imported)
    proposals = Proposals.of(SPACE.sample(5, np.random.default_rng(0)), 10)
    told = [
        benchmark.query(proposals, noise_seed=seeds).objectives
        for seeds in (None, np.arange(5, dtype=np.uint64), np.full(5, 9, dtype=np.uint64))
    ]
    assert np.array_equal(told[0], told[1])
    assert np.array_equal(told[0], told[2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training": 1}, "`training` must be at most 0, got 1"),
        ({"objectives": []}, "at least one column"),
        ({"objectives": ["test_accuracy"]}, "unknown column of nb301-surrogate 'test_accuracy'"),
        ({"constraints": [Constraint("size", "<=", 1.0)]}, "unknown column of nb301-surrogate 'size'"),
    ],
)
def test_what_it_has_not_is_refused(imported, settings, message):
    with pytest.raises(HarnessError, match=message):
        SurrogateBenchmark(imported, **settings)


def test_a_gene_or_a_fidelity_out_of_range_is_refused(imported):
    benchmark = SurrogateBenchmark(imported)
    with pytest.raises(HarnessError, match="genes below"):
        benchmark.query(Proposals.of(np.full((1, 22), 8, dtype=np.uint8), 0), noise_seed=None)
    with pytest.raises(HarnessError, match=r"range\(98\)"):
        benchmark.query(Proposals.of(np.zeros((1, 22), dtype=np.uint8), 98), noise_seed=None)


def test_reports_are_told_of_reference_architectures(imported):
    oracle = SurrogateOracle(imported)
    assert oracle.test is None
    assert not any(column.held_out for column in oracle.columns.values())
    values = oracle.values("valid_accuracy")
    assert values.shape == (10_020,)
    assert np.array_equal(values, oracle.mean(oracle.archs, "valid_accuracy"))
    best = oracle.optimum("valid_accuracy")
    assert best.value == values.max() == values[best.row]
    around = oracle.mean(SPACE.neighbours(best.arch), "valid_accuracy")
    assert (around <= best.value).all()
    assert oracle.trainings(oracle.archs[:3], "params_m").shape == (3, 1)
    assert oracle.optimum("params_m").value == oracle.values("params_m").min()
    assert np.array_equal(SurrogateOracle(imported).archs, oracle.archs)


def test_without_onnxruntime_the_extra_is_named(imported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(HarnessError, match=r"pip install 'nas-harness\[surrogate-benchmarks\]'"):
        SurrogateBenchmark(imported)


def test_it_opens_by_name_from_the_cache(imported, tmp_path, monkeypatch):
    monkeypatch.setattr(nb301_surrogate.files, "cache_folder", lambda: tmp_path / "tables")
    assert nb301_surrogate.describe(NAME)["imported"] is False
    with pytest.raises(TableError, match=f"nas-harness data import {NAME}"):
        nb301_surrogate.open_benchmark(NAME)
    imported.folder.rename(tmp_path / "moved")
    (tmp_path / "tables").mkdir()
    (tmp_path / "moved").rename(tmp_path / "tables" / NAME)
    benchmark, oracle = nb301_surrogate.open_benchmark(NAME, check_content=True), nb301_surrogate.open_oracle(NAME)
    assert benchmark.name == oracle.name == NAME
    assert benchmark.digest == oracle.digest == imported.digest
    told = nb301_surrogate.describe(NAME)
    assert (told["surrogate"], told["imported"], told["test"]) == (True, True, None)
    with pytest.raises(HarnessError, match="unknown surrogate benchmark 'nb302'"):
        nb301_surrogate.describe("nb302")


def test_files_are_recorded_with_their_sums(imported, made_up_files):
    assert imported.about["files"] == {"model.onnx": "m.onnx", "encoding.json": "e.json", "config_space.json": "c.json"}
    sums = {name: kept.files.sha256(imported.folder / name) for name in imported.about["sha256"]}
    assert imported.about["sha256"] == sums


@pytest.mark.parametrize(("name", "verify"), [("model.onnx", True), ("encoding.json", False)])
def test_a_changed_file_is_found(imported, name, verify):
    with (imported.folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(TableError, match=f"{name} is not the file that was imported"):
        Imported.open(imported.folder, check_content=verify)


def test_other_models_have_other_digests(imported, made_up_files, tmp_path):
    made_up_files[0].write_bytes(b"another")
    with pytest.warns(UserWarning, match="checked"):
        other = Imported.open(import_files(made_up_files, tmp_path / "other"))
    assert other.digest != imported.digest


@pytest.mark.filterwarnings("ignore:.*that was checked")
def test_files_that_do_not_fit_are_refused(made_up_files, tmp_path):
    model, encoding, config_space = made_up_files
    folder = tmp_path / "cache"
    with pytest.raises(TableError, match=r"config_space_v2\.json was not given"):
        import_files([model, encoding], folder)
    with pytest.raises(TableError, match=r"both are encoding_v2\.json"):
        import_files([model, encoding, encoding, config_space], folder)
    with pytest.raises(TableError, match="there is no file"):
        import_files([tmp_path / "absent.onnx"], folder)
    (tmp_path / "licence.txt").write_text("Apache")
    with pytest.raises(TableError, match=r"licence\.txt: no file of nb301-surrogate"):
        import_files([tmp_path / "licence.txt"], folder)
    assert not folder.exists()


@pytest.mark.filterwarnings("ignore:.*that was checked")
def test_a_folder_is_imported_whatever_else_lies_in_it(made_up_files, tmp_path):
    given = tmp_path / "given"
    given.mkdir()
    for path, name in zip(made_up_files, nb301_files.OFFICIAL.values(), strict=True):
        (given / name).write_bytes(path.read_bytes())
    (given / "LICENSE").write_text("Apache")
    wanted = Imported.open(import_files(made_up_files, tmp_path / "one"), check_content=True).digest
    assert Imported.open(import_files([given], tmp_path / "two"), check_content=True).digest == wanted
    assert Imported.open(import_files(sorted(given.iterdir()), tmp_path / "three"), check_content=True).digest == wanted
    (given / "model.onnx").write_bytes(b"that of the version before")
    assert Imported.open(import_files([given], tmp_path / "four"), check_content=True).digest == wanted
    (given / "model_v2.onnx").unlink()
    (given / "encoding_v2.json").unlink()
    with pytest.raises(TableError, match=r"encoding_v2\.json was not given.*LICENSE: no file of"):
        import_files([given], tmp_path / "five")


@pytest.mark.filterwarnings("ignore:.*that was checked")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda codes: codes.pop(f"{PREFIX}edge_normal_0"), "34 choices"),
        (lambda codes: codes[f"{PREFIX}edge_normal_0"].pop("skip_connect"), "must name"),
        (lambda codes: codes[f"{PREFIX}inputs_node_reduce_4"].update({"3_4": 7}), "must name"),
    ],
)
def test_an_encoding_of_another_space_is_refused(made_up_files, tmp_path, monkeypatch, change, message):
    monkeypatch.setattr(nb301_model, "_onnxruntime", SimpleNamespace)
    codes = made_up_encoding()
    change(codes)
    made_up_files[1].write_text(json.dumps(codes))
    imported = Imported.open(import_files(made_up_files, tmp_path / "cache"))
    with pytest.raises(TableError, match=message):
        Model(imported)


@pytest.mark.filterwarnings("ignore:.*that was checked")
def test_bytes_that_are_no_model_are_refused(made_up_files, tmp_path):
    pytest.importorskip("onnxruntime")
    imported = Imported.open(import_files(made_up_files, tmp_path / "cache"))
    with pytest.raises(TableError, match="not a model that onnxruntime reads"):
        Model(imported)


@pytest.mark.filterwarnings("ignore:.*that was checked")
def test_an_import_that_fails_leaves_the_one_before(made_up_files, tmp_path, monkeypatch):
    folder = import_files(made_up_files, tmp_path / "cache")
    digest = Imported.open(folder, check_content=True).digest
    made_up_files[0].write_bytes(b"another")
    copy = kept.shutil.copyfile
    for failing in ("m.onnx", "e.json", "c.json"):

        def full(source, target, failing=failing):
            if source.name == failing:
                raise OSError(28, "No space left on device")
            return copy(source, target)

        monkeypatch.setattr(kept.shutil, "copyfile", full)
        with pytest.raises(TableError, match=r"cannot import nb301-surrogate to .*No space left.*_HOME"):
            import_files(made_up_files, folder)
        assert Imported.open(folder, check_content=True).digest == digest
        assert not list(folder.glob(".*.unfinished"))
    monkeypatch.setattr(kept.shutil, "copyfile", copy)
    assert Imported.open(import_files(made_up_files, folder), check_content=True).digest != digest


@pytest.mark.filterwarnings("ignore:.*that was checked")
def test_a_folder_that_cannot_be_written_is_named(made_up_files):
    with pytest.raises(TableError, match="cannot import nb301-surrogate to /proc/none"):
        import_files(made_up_files, Path("/proc/none"))
