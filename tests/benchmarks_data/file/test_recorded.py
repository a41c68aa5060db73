"""Tables that the program wrote itself: round trip, partial spaces, opening as a benchmark like any other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks_data import provider
from benchmarks_data.file import layout, recorded
from benchmarks_data.provider import PROVIDER
from harness.errors import HarnessError, TableError
from harness.experiments.schema import from_dict
from harness.problem import Budget
from harness.records import Proposals
from harness.search.loop import make_problem, run_block
from harness.spaces.rows import RowsSpace
from harness.strategy import Strategy
from harness.testing.conformance import check_benchmark, check_space

TRAINING = {"network": "nb201", "recipe": "micro", "dataset": "digits", "margin_percent": 1.0}


def write(path: Path, archs, **changes):
    """Write a table of three runs a row; the second run of row 0 failed."""
    n = len(archs)
    valid = 80.0 + np.arange(3 * n, dtype=float).reshape(n, 3)
    valid[0, 1] = np.nan
    values = {
        "valid_accuracy": valid,
        "test_accuracy": valid - 1.0,
        "train_seconds": valid / 10.0,
        "params": np.arange(n) + 1000,
        "macs": np.arange(n) + 5_000_000,
    }
    facts = {"name": "made-up", "space": "nb201", "epochs": 20, "archs": archs, "about": {"title": "Made up"}}
    recorded.write(path, **facts | {"values": values | changes.pop("values", {}), "training": TRAINING} | changes)
    return path


@pytest.fixture(scope="module")
def archs():
    return provider.space("nb201").sample(12, np.random.default_rng(3))


@pytest.fixture(scope="module")
def path(archs, tmp_path_factory):
    return write(tmp_path_factory.mktemp("tables") / "made-up.h5", archs)


def test_what_is_written_is_read(path, archs):
    benchmark, oracle = PROVIDER.open(str(path), check_content=True), PROVIDER.oracle(str(path))
    assert (benchmark.name, oracle.name) == (str(path), str(path))
    assert benchmark.digest == oracle.digest
    assert [fidelity.label for fidelity in benchmark.fidelities] == ["epoch 20 of 20"]
    assert (oracle.validation, oracle.test, oracle.has_seconds) == ("valid_accuracy", "test_accuracy", True)
    told = benchmark.query(Proposals.of(archs), noise_seed=None)
    np.testing.assert_allclose(100.0 - told.objectives[:, 0], oracle.mean(archs, "valid_accuracy"))
    assert oracle.mean(archs[:2], "valid_accuracy").tolist() == [81.0, 84.0]
    assert oracle.trainings(archs[:1], "valid_accuracy")[0].tolist()[::2] == [80.0, 82.0], "in the order of the seeds"
    assert oracle.trainings(archs[:1], "test_accuracy")[0].tolist()[::2] == [79.0, 81.0], "in step with validation"
    assert oracle.training_counts[:2].tolist() == [3, 3], "a failed run is one"
    assert oracle.mean(archs[:1], "params_m").tolist() == [0.001]
    assert oracle.mean(archs[:1], "macs_m").tolist() == [5.0]


def test_the_test_column_is_held_out(path):
    assert "test_accuracy" not in PROVIDER.open(str(path))._header.columns
    with pytest.raises(HarnessError, match="held out"):
        PROVIDER.open(str(path), objectives=["test_accuracy"])


def test_a_recorded_table_keeps_the_rules_of_benchmarks(path):
    rng = np.random.default_rng(0)
    benchmark = PROVIDER.open(str(path))
    assert len(check_space(benchmark.space, rng)) >= 10
    assert len(check_benchmark(benchmark, rng)) >= 5


def test_only_rows_are_valid_sampled_and_reached(path, archs):
    space = PROVIDER.open(str(path)).space
    rows = set(map(tuple, archs.tolist()))
    rng = np.random.default_rng(0)
    assert set(map(tuple, space.sample(500, rng).tolist())) == rows
    assert space.is_valid(archs).all()
    assert space.is_valid(space.all_codings).sum() == len(rows)
    seen, front = set(), {tuple(archs[0])}
    while front:
        seen |= front
        front = {tuple(row) for arch in front for row in space.neighbours(np.array(arch)).tolist()} - seen
    assert seen == rows, "every row can be reached from every other"
    assert set(map(tuple, space.mutate(np.repeat(archs[:1], 300, axis=0), rng).tolist())) == {
        tuple(row) for row in space.neighbours(archs[0]).tolist()
    }
    assert not _connected(archs, space.radius - 1), "and the radius is the smallest at which that holds"


def _connected(archs, radius):
    """Say whether every row can be reached from the first by steps of at most `radius` genes; looks at all pairs."""
    reached, front = {0}, [0]
    while front:
        row = front.pop()
        near = np.flatnonzero((archs != archs[row]).sum(axis=1) <= radius)
        front += [int(other) for other in near if other not in reached]
        reached |= set(near.tolist())
    return len(reached) == len(archs)


def test_rows_one_edit_apart_are_neighbours_as_in_the_whole_space():
    base = provider.space("nb201")
    block = base.all_codings[(base.all_codings[:, :4] == 3).all(axis=1)]  # two free genes: 25 cells
    space = RowsSpace(base, block)
    assert space.radius == 1
    around = {tuple(row) for row in space.neighbours(block[0]).tolist()}
    assert around == {tuple(row) for row in base.neighbours(block[0]).tolist()} & set(map(tuple, block.tolist()))
    assert (space.encodings, space.graph_shape) == (base.encodings, base.graph_shape)
    assert space.facts()["valid"] == 25


def test_a_whole_table_has_the_whole_space(tmp_path):
    base = provider.space("nb201")
    path = write(tmp_path / "whole.h5", base.all_codings)
    assert PROVIDER.open(str(path)).space is base


def test_one_row_is_a_space_without_mutations(tmp_path, archs):
    space = PROVIDER.open(str(write(tmp_path / "one.h5", archs[1:2]))).space
    assert space.radius == 0
    assert len(space.neighbours(archs[1])) == 0
    with pytest.raises(HarnessError, match="one architecture"):
        space.mutate(archs[1:2], np.random.default_rng(0))


@pytest.mark.parametrize("strategy", ["random_search", "regularized_evolution", "local_search"])
def test_strategies_search_a_partial_table(path, archs, strategy):
    from harness import registry

    factory: type[Strategy] = registry.strategy(strategy)
    benchmark = PROVIDER.open(str(path))
    problem = make_problem(benchmark, Budget(evaluations=40), 1)
    runs = [registry.build_strategy(factory, problem, np.random.default_rng(seed), {}, None) for seed in range(2)]
    rows = set(map(tuple, archs.tolist()))
    for run in run_block(benchmark, problem, runs, np.arange(2, dtype=np.uint64)):
        assert len(run.trace) > 0
        assert set(map(tuple, run.trace.archs.tolist())) <= rows


def test_how_it_was_trained_is_told_and_no_part_of_the_digest(path, archs, tmp_path):
    facts = PROVIDER.describe(str(path))
    assert facts["training"] == TRAINING
    assert (facts["rows"], facts["runs"], facts["title"]) == (12, {"3": 12}, "Made up")
    assert (facts["space"]["valid"], facts["space"]["name"]) == (12, "nb201")
    json.dumps(facts)
    silent = PROVIDER.describe(str(write(tmp_path / "silent.h5", archs, training=None)))
    assert silent["training"] is None
    assert silent["sha256"] == facts["sha256"]


def test_writing_is_reproducible_and_damage_is_found(path, archs, tmp_path):
    again = write(tmp_path / "again.h5", archs)
    assert again.read_bytes() == path.read_bytes()
    damaged = bytearray(again.read_bytes())
    damaged[layout.read_header(again).places["columns/valid_accuracy"].offset] ^= 1
    again.write_bytes(damaged)
    with pytest.raises(TableError, match="damaged"):
        PROVIDER.open(str(again), check_content=True)
    with pytest.raises(TableError, match=r"missing.*--describe TOML"):
        PROVIDER.open(str(tmp_path / "nowhere.h5"))


def test_failed_trainings_are_drawn_and_those_not_made_are_not(tmp_path, archs):
    seconds = np.arange(36.0).reshape(12, 3) + 1.0
    there = np.ones((12, 3), dtype=bool)
    there[0, 0] = there[3, 1] = False
    path = write(tmp_path / "t.h5", archs, values={"train_seconds": seconds}, seeds=(1000, 1001, 1002), made=there)
    header = layout.read_header(path)
    assert header.array("index/seeds")[[0, 1, 3], 0].tolist() == [
        [1001, 1002, -1],
        [1000, 1001, 1002],
        [1000, 1002, -1],
    ]
    oracle = PROVIDER.oracle(str(path))
    assert oracle.training_counts.tolist() == [2, 3, 3, 2, *[3] * 8]
    assert oracle.trainings(archs[3:4], "train_seconds")[0].tolist()[:2] == [10.0, 12.0]
    n = 3000
    told = PROVIDER.open(str(path)).query(
        Proposals.of(np.repeat(archs[:1], n, axis=0)), noise_seed=np.arange(n, dtype=np.uint64)
    )
    failed = np.isnan(told.objectives[:, 0])
    assert abs(failed.mean() - 0.5) < 0.05, "one of the two that were made failed"
    assert set(told.seconds[failed].tolist()) == {2.0}
    assert set(told.seconds[~failed].tolist()) == {3.0}
    for wrong in ({"seeds": (1, 2)}, {"made": there[:3]}):
        with pytest.raises(TableError, match="made and seeds"):
            write(tmp_path / "u.h5", archs, **wrong)


def test_rows_that_repeat_or_do_not_fit_are_refused(tmp_path, archs):
    with pytest.raises(TableError, match="different architectures"):
        write(tmp_path / "t.h5", archs[[0, 0]])
    with pytest.raises(TableError, match="test_accuracy"):
        write(tmp_path / "t.h5", archs, values={"test_accuracy": np.ones((12, 2))})
    with pytest.raises(HarnessError, match="nb201"):
        write(tmp_path / "t.h5", archs, space="nb2001")
    assert not list(tmp_path.iterdir())


def test_a_spec_names_its_table_in_words_that_json_keeps(path):
    spec = from_dict({"name": "x", "benchmarks": [str(path)], "budget": {"evaluations": 5},
                      "strategies": [{"name": "random_search"}]})  # fmt: skip
    assert from_dict(spec.as_dict()).benchmarks == (str(path),)
