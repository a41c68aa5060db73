"""The pass over the validation images: charged where a table records it, in digests there alone, left out on demand."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks_data.file import layout
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.problem import epochs_of
from harness import registry
from harness.benchmark import Column
from harness.errors import HarnessError
from harness.experiments import shards
from harness.experiments.kind import open_benchmark
from harness.experiments.manifest import BenchmarkFacts
from harness.experiments.prepare import prepare
from harness.experiments.shards import Shard, resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec, held
from harness.files.reading import record_of
from harness.problem import Budget
from harness.records import Proposals
from harness.spaces.nb201.space import NB201Space
from tests.benchmarks_data.made_up import accuracy

OLD_DIGEST = "8a10832f61a8cc179ea48730fbb24ca2583933e2b4b3d330ad7656d37730ee64"
"""Of the shard of `SPEC`, from before a pass was charged."""
TRAIN, PASS = np.array([10.0, 20.0, 30.0, 40.0]), np.array([[1.0, 1.0], [2.0, 4.0], [5.0, np.nan], [np.nan, np.nan]])
SPEC = Spec(
    "x", ("t.h5",), (StrategySpec("random_search", "rs"),), Budget(evaluations=6, multi_fidelity="resumable"), 2
)


def write(path: Path, **changes) -> str:
    """Write a table of four cells and two schedules, of one epoch and of three; row i takes 10 (i + 1) s each."""
    archs = np.array([[0, 1, 2, 3, 4, 0], [1] * 6, [2] * 6, [3] * 6], dtype=np.uint8)
    fidelities = (*epochs_of(1), *epochs_of(3, first=1))
    epochs = np.array([1, 1, 2, 3])
    values = np.arange(4.0)[:, None, None] + np.array([0.0, 0.1])[:, None] + epochs / 100
    values[:, 1, 0] = np.nan
    seeds = np.broadcast_to(np.array([[777, -1], [777, 888]]), (4, 2, 2)).copy()
    columns = {
        "valid_accuracy": (accuracy(), values),
        "train_seconds": (Column("train_seconds", "s", "minimise"), TRAIN[:, None, None] * epochs),
        "valid_seconds": (Column("valid_seconds", "s", "minimise"), PASS[:, :, None]),
    }
    told = {"columns": columns, "seconds": "train_seconds", "seeds": seeds} | changes
    table = assemble(
        name="made-up", space=NB201Space(), archs=archs, fidelities=fidelities, validation="valid_accuracy", test=None,
        identity="exact", **told,
    )  # fmt: skip
    layout.write(path, table)
    return str(path)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write(tmp_path_factory.mktemp("tables") / "t.h5")


def rows(benchmark, fidelity):
    archs = np.array([[0, 1, 2, 3, 4, 0], [1] * 6, [2] * 6, [3] * 6], dtype=np.uint8)
    return Proposals.of(archs, fidelity)


def test_one_pass_is_charged_with_an_evaluation_whatever_its_epoch(table):
    benchmark = registry.benchmark(table)
    seeds = np.arange(4, dtype=np.uint64)
    expected = [1.0, 3.0, 5.0, 0.0]  # the mean of what is known, nothing where nothing is
    for fidelity, epochs in ((0, 1), (1, 1), (2, 2), (3, 3)):
        for noise in (seeds, None):
            told = benchmark.query(rows(benchmark, fidelity), noise_seed=noise)
            np.testing.assert_allclose(told.seconds, TRAIN * epochs + expected)
        np.testing.assert_allclose(benchmark.pass_seconds(rows(benchmark, fidelity)), expected)
    assert benchmark.cheapest_seconds(0) == 11.0
    assert benchmark.cheapest_seconds(3) == 31.0


def test_it_is_left_out_on_demand(table):
    benchmark = open_benchmark(table, None, (), Budget(evaluations=1, validation_pass=False))
    told = benchmark.query(rows(benchmark, 3), noise_seed=None)
    np.testing.assert_allclose(told.seconds, TRAIN * 3)
    assert benchmark.cheapest_seconds(0) == 10.0


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("other_seconds", Column("other_seconds", "s", "minimise")),
        ("valid_seconds", Column("valid_seconds", "images", "minimise")),
    ],
)
def test_a_table_without_one_charges_none_and_keeps_its_digests(name, column, tmp_path):
    columns = {
        "valid_accuracy": (accuracy(), np.ones((4, 1, 4))),
        "train_seconds": (Column("train_seconds", "s", "minimise"), TRAIN[:, None, None] * np.array([1, 1, 2, 3])),
        name: (column, np.ones((4, 1, 1))),
    }
    path = write(tmp_path / "t.h5", columns=columns, seeds=None)
    benchmark = registry.benchmark(path)
    np.testing.assert_allclose(benchmark.query(rows(benchmark, 3), noise_seed=None).seconds, TRAIN * 3)
    asked, not_asked = (
        resolve(replace(SPEC, budget=budget), SPEC.strategies[0], open_benchmark(path, None, (), budget), "cpu")[0]
        for budget in (SPEC.budget, replace(SPEC.budget, validation_pass=False))
    )
    assert asked.digest == not_asked.digest, "it is the same run"
    assert "validation_pass" not in BenchmarkFacts.of(benchmark).as_dict()
    assert "validation_pass" not in registry.describe_benchmark(path)


def test_the_rule_is_part_of_digests_on_such_tables_and_without_it_the_old_one_stays(table, monkeypatch):
    monkeypatch.setattr(shards, "version", lambda library: "1.0")

    def shard(**changes):
        spec = replace(SPEC, budget=replace(SPEC.budget, **changes))
        return resolve(spec, spec.strategies[0], open_benchmark(table, None, (), spec.budget), "cpu")[0]

    assert shard(validation_pass=False).digest == OLD_DIGEST
    charged = shard()
    assert charged.digest != OLD_DIGEST
    for one in (charged, shard(validation_pass=False)):
        stored = one.as_dict()
        assert Shard(**held(stored)) == one
        assert Shard(**held(stored)).digest == one.digest
    old = shard(validation_pass=False).as_dict()
    del old["budget"]["validation_pass"]
    assert Shard(**held(old)).digest == OLD_DIGEST, "as a manifest of then has it"
    assert record_of(
        BenchmarkFacts, BenchmarkFacts.of(registry.benchmark(table)).as_dict(), "benchmarks"
    ).validation_pass
    assert "charged with every evaluation" in registry.describe_benchmark(table)["validation_pass"]


def test_a_shard_charges_what_its_digest_says(table):
    for asked, extra in ((True, {10.0: 1.0, 20.0: 3.0, 30.0: 5.0, 40.0: 0.0}), (False, {})):
        spec = replace(SPEC, benchmarks=(table,), budget=Budget(evaluations=8, validation_pass=asked))
        shard = resolve(spec, spec.strategies[0], open_benchmark(table, None, (), spec.budget), "cpu")[0]
        for run in run_shard(shard):
            trained = TRAIN[np.round(run.trace.objectives[:, 0] * -1 + 99.97).astype(int)] * 3
            charged = trained + [extra.get(seconds / 3, 0.0) for seconds in trained]
            np.testing.assert_allclose(run.trace.seconds, charged)


def test_the_seed_of_one_schedule_can_be_chosen_in_a_spec(table):
    benchmark = open_benchmark(table, None, (), Budget(evaluations=1, table_seed=888))
    assert [item.label for item in benchmark.fidelities] == ["epoch 1 of 3", "epoch 2 of 3", "epoch 3 of 3"]
    told = benchmark.query(rows(benchmark, 2), noise_seed=None)
    np.testing.assert_allclose(100 - told.objectives[:, 0], np.arange(4) + 0.13)
    np.testing.assert_allclose(told.seconds, TRAIN * 3 + [1.0, 3.0, 5.0, 0.0])
    assert len(open_benchmark(table, None, (), Budget(evaluations=1, table_seed=777)).fidelities) == 4
    with pytest.raises(HarnessError, match=r"got 5: 4 of 4 rows lack it \(seeds in the table: \[777, 888\]\)"):
        open_benchmark(table, None, (), Budget(evaluations=1, table_seed=5))
    spec = replace(SPEC, benchmarks=(table,), budget=Budget(evaluations=4, table_seed=888))
    shard = resolve(spec, spec.strategies[0], benchmark, "cpu")[0]
    plain = resolve(replace(spec, budget=Budget(evaluations=4)), spec.strategies[0], benchmark, "cpu")[0]
    assert shard.digest != plain.digest
    assert Shard(**held(shard.as_dict())) == shard
    (first, second) = run_shard(shard)
    values = {round(float(value), 6) for run in (first, second) for value in 100 - run.trace.objectives[:, 0]}
    assert values <= {0.13, 1.13, 2.13, 3.13}
    with pytest.raises(HarnessError, match="predicts and has no trainings, got the seed 3"):
        registry.benchmark("nb301-surrogate", seed=3)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5.0, "costs, 31 s .epoch 3 of 3.: strategies will be told nothing, and no run will have a result"),
        (30.5, "costs, 31 s .epoch 3 of 3.: no run will have a result at the full fidelity"),
        (31.0, ""),
    ],
)
def test_a_budget_below_the_cheapest_training_is_told(seconds, words, table):
    prepared = prepare(replace(SPEC, benchmarks=(table,), budget=Budget(seconds=seconds)))
    assert len(prepared.notices) == bool(words)
    assert all(re.search(words, notice) for notice in prepared.notices)


def test_one_schedule_can_be_chosen_in_a_spec(table):
    budget = Budget(evaluations=6, schedule=1, validation_pass=False)
    benchmark = open_benchmark(table, None, (), budget)
    assert [item.label for item in benchmark.fidelities] == ["epoch 1 of 1"]
    told = benchmark.query(rows(benchmark, 0), noise_seed=None)
    np.testing.assert_allclose(100 - told.objectives[:, 0], np.arange(4) + 0.01)
    np.testing.assert_allclose(told.seconds, TRAIN)
    with pytest.raises(HarnessError, match=r"`schedule` must be that of a training of made-up, one of \[1, 3\] epochs"):
        open_benchmark(table, None, (), Budget(evaluations=1, schedule=2))
    with pytest.raises(HarnessError, match="predicts and has one schedule, got 3"):
        open_benchmark("nb301-surrogate", None, (), Budget(evaluations=1, schedule=3))
    spec = replace(SPEC, benchmarks=(table,), budget=budget)
    shard = resolve(spec, spec.strategies[0], benchmark, "cpu")[0]
    assert Shard(**held(shard.as_dict())) == shard
    assert (
        shard.digest != resolve(SPEC, SPEC.strategies[0], open_benchmark(table, None, (), SPEC.budget), "cpu")[0].digest
    )
    for run in run_shard(shard):
        assert {round(float(value) % 1, 6) for value in 100 - run.trace.objectives[:, 0]} == {0.01}


def test_a_query_can_be_drawn_anew(table):
    """Of two trainings each answers half of the queries of one cell; for each architecture, one answers them all."""
    spec = replace(SPEC, benchmarks=(table,), budget=Budget(evaluations=400, schedule=3, validation_pass=False))
    seen = {}
    for policy in ("one_draw_per_arch", "one_draw_per_query"):
        asked = replace(spec, budget=replace(spec.budget, table_seed=policy))
        benchmark = open_benchmark(table, None, (), asked.budget)
        shard = resolve(asked, asked.strategies[0], benchmark, "cpu")[0]
        both = run_shard(shard)
        for run, again in zip(both, run_shard(shard), strict=True):
            np.testing.assert_array_equal(run.trace.objectives, again.trace.objectives)
        values = [np.round(100 - run.trace.objectives[:, 0], 6) for run in both]
        cells = [np.flatnonzero((run.trace.archs == 1).all(axis=1)) for run in both]
        seen[policy] = [np.mean(one[chosen] > 1.1) for one, chosen in zip(values, cells, strict=True)]
    assert all(share in (0.0, 1.0) for share in seen["one_draw_per_arch"])
    assert all(0.3 < share < 0.7 for share in seen["one_draw_per_query"])
    assert seen["one_draw_per_query"][0] != seen["one_draw_per_query"][1]
