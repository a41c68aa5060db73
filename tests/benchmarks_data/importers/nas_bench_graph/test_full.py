"""The import of NAS-Bench-Graph's full files: one pickle for each of three trainings, all epochs."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks_data.file import layout
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.importers.nas_bench_graph import full
from harness.errors import TableError
from harness.records import Proposals
from harness.spaces.graph.space import GraphSpace
from harness.testing.conformance import check_benchmark

SPACE = GraphSpace("graph-proteins", ("gcn", "sage", "arma", "fc", "skip"))
KEYS = np.unique(SPACE.key(SPACE.all_codings[SPACE.is_valid(SPACE.all_codings)])).tolist()
ENTRY = SimpleNamespace(name="graph-full-proteins", facts={"metric": "ROC-AUC"})
EPOCHS = 3


def quiet(what: str, fraction: float) -> None:
    assert 0.0 <= fraction <= 1.0


def records(run: int) -> dict[int, dict[str, object]]:
    """Return one file's content in the official layout, with numbers that tell where they come from."""
    content = {}
    for row in np.random.default_rng(run).permutation(len(KEYS)).tolist():
        train, valid, test = (0.1 * kind + 0.2 * run / 3 + row / 10_000 for kind in (1, 2, 3))
        grown = [(epoch + 1) / EPOCHS for epoch in range(EPOCHS)]
        content[KEYS[row]] = {
            "dur": [[train * g, valid * g, test * g, 1.0, 2.0, 3.0, 0.99] for g in grown],
            "latency": np.float64(0.001 * (row + 1) * (run + 1)),
            "para": 0.5 + row,
        }
    return content


def written(folder, contents):
    paths = []
    for run, content in enumerate(contents):
        paths.append(folder / f"proteins{run}.bench")
        paths[-1].write_bytes(pickle.dumps(content, protocol=4))
    return paths


def converted(folder, contents):
    return full.convert(ENTRY, written(folder, contents), SPACE, quiet)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return converted(tmp_path_factory.mktemp("full"), [records(run) for run in range(3)])


def test_every_training_and_epoch_stands_in_its_place(table):
    assert table.archs.shape == (2021, 5)
    assert SPACE.key(table.archs).tolist() == KEYS
    for kind, name in ((1, "train_accuracy"), (2, "valid_accuracy"), (3, "test_accuracy")):
        values = table.columns[name][1]
        ends = 0.1 * kind + 0.2 * np.arange(3)[None] / 3 + np.arange(2021)[:, None] / 10_000
        wanted = 100 * ends[:, :, None] * np.arange(1, 4) / 3
        assert np.allclose(values, wanted, atol=1e-9)
    assert table.columns["test_accuracy"][0].held_out
    assert table.columns["test_accuracy"][0].split == "x-test"
    assert not table.columns["valid_accuracy"][0].held_out


def test_epochs_are_one_schedule(table):
    told = [(fidelity.schedule, fidelity.epoch, fidelity.continues) for fidelity in table.meaning.fidelities]
    assert told == [(3, 1, None), (3, 2, 0), (3, 3, 1)]
    assert (table.trainings == 3).all()


def test_costs_are_kept_by_training_only_where_trainings_differ(table):
    assert table.columns["latency_seconds"][1].shape == (2021, 3, 1)
    assert table.columns["params_m"][1].ravel().tolist() == [0.5 + row for row in range(2021)]


def test_the_table_can_be_searched(table, tmp_path):
    layout.write(tmp_path / "t.h5", table)
    benchmark = TableBenchmark(layout.read_header(tmp_path / "t.h5"), SPACE)
    check_benchmark(benchmark, np.random.default_rng(0))
    told = benchmark.query(Proposals.of(table.archs[:1], 0), noise_seed=None)
    assert told.objectives[0, 0] == pytest.approx(100 - 100 * (0.2 + 0.2 / 3) / 3)
    oracle = TableOracle(layout.read_header(tmp_path / "t.h5", held_out=True), SPACE)
    assert oracle.mean(table.archs[:1], "test_accuracy") == pytest.approx([100 * (0.3 + 0.2 / 3)])


def test_a_shorter_training_is_missing_at_the_end(tmp_path):
    contents = [records(0), records(1)]
    contents[1][KEYS[7]]["dur"].pop()
    values = converted(tmp_path, contents).columns["valid_accuracy"][1]
    assert np.isnan(values[7, 1]).tolist() == [False, False, True]
    assert not np.isnan(values[8]).any()


def test_costs_that_a_record_lacks_are_left_out(tmp_path):
    contents = [records(0)]
    del contents[0][KEYS[3]]["latency"]
    assert "latency_seconds" not in converted(tmp_path, contents).columns


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop(KEYS[5]), "exactly the 2021 networks of the space, got 2020"),
        (lambda content: content.update({99_999: content[KEYS[0]]}), "exactly the 2021 networks"),
        (lambda content: content[KEYS[5]].pop("dur"), "must tell 'dur'"),
        (lambda content: content[KEYS[5]].update(dur=[[0.5, 0.5, 0.5]]), f"7 values for each epoch.*{KEYS[5]}"),
        (lambda content: content[KEYS[5]].update(dur=[]), f"7 values for each epoch.*{KEYS[5]}"),
        (lambda content: content[KEYS[5]].update(dur=[[0.5] * 7, [0.5]]), f"another layout under {KEYS[5]}"),
        (lambda content: content[KEYS[5]]["dur"][0].__setitem__(1, 81.0), "performances as fractions, has .* to 81.0"),
        (lambda content: content[KEYS[5]].update(para="many"), "costs of another layout"),
    ],
)
def test_a_file_of_another_layout_is_named(tmp_path, change, message):
    contents = [records(0), records(1)]
    change(contents[1])
    with pytest.raises(TableError, match=message) as caught:
        converted(tmp_path, contents)
    assert "proteins1.bench" in str(caught.value)


def test_a_pickle_that_names_other_globals_is_not_read(tmp_path):
    path = tmp_path / "proteins0.bench"
    path.write_bytes(pickle.dumps(SimpleNamespace(a=1)))
    with pytest.raises(TableError, match="names the global"):
        full.convert(ENTRY, [path], SPACE, quiet)
