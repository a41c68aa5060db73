"""Tables of several schedules: fidelities offered, runs drawn in each, seeds by name; and look-ups in large spaces."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks_data.file import index, layout, recorded
from benchmarks_data.file.content import SEAL
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from harness.benchmark import Column
from harness.errors import HarnessError, TableError
from harness.files import sealed
from harness.problem import Constraint
from harness.records import Proposals
from harness.testing.conformance import check_benchmark
from tests.benchmarks_data.made_up import Bags, accuracy, bags, made, scheduled


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Write the table of two schedules."""
    path = tmp_path_factory.mktemp("tables") / "scheduled.h5"
    layout.write(path, scheduled())
    return path


def opened(path, **options):
    return TableBenchmark(layout.read_header(path), Bags(), **options)


def asked(archs, fidelity):
    return Proposals(archs, np.broadcast_to(fidelity, len(archs)).astype(np.int64), np.zeros(len(archs), np.int64))


def test_only_fidelities_with_all_that_is_asked_are_offered(path):
    benchmark = opened(path)
    assert [item.label for item in benchmark.fidelities] == ["epoch 1 of 2", "epoch 2 of 2", "epoch 3 of 3"]
    assert [item.continues for item in benchmark.fidelities] == [None, 0, None], "epoch 2 of 3 is not offered"
    train = opened(path, objectives=["train_accuracy"])
    assert [item.continues for item in train.fidelities] == [None, 0, None, 2, 3]
    assert len(opened(path, objectives=["train_accuracy", "valid_accuracy"]).fidelities) == 3
    bounded = opened(path, objectives=["train_accuracy"], constraints=[Constraint("valid_accuracy", ">=", 0.0)])
    assert len(bounded.fidelities) == 3
    assert len(opened(path, objectives=["size"]).fidelities) == 5, "what does not change is known at all of them"


def test_seconds_limit_what_is_offered_and_nothing_in_common_is_an_error(tmp_path):
    seconds = Column("train_seconds", "s", "minimise", at=(1, 4))
    table = scheduled()
    columns = {**table.columns, "train_seconds": (seconds, np.ones((6, 1, 2)))}
    layout.write(tmp_path / "t.h5", scheduled(columns=columns, seconds="train_seconds"))
    benchmark = opened(tmp_path / "t.h5")
    assert [item.label for item in benchmark.fidelities] == ["epoch 2 of 2", "epoch 3 of 3"]
    columns["train_accuracy"] = (accuracy("train_accuracy", at=(0,)), table.columns["train_accuracy"][1][:, :, :1])
    layout.write(tmp_path / "u.h5", scheduled(columns=columns))
    with pytest.raises(HarnessError, match=r"no fidelity of made-up .* train_accuracy at epoch 1 of 2"):
        opened(tmp_path / "u.h5", objectives=["train_accuracy", "valid_accuracy"], constraints=[
            Constraint("train_seconds", "<=", 5.0)])  # fmt: skip


def test_answers_come_from_the_fidelity_asked(path):
    benchmark, archs = opened(path), bags(6)
    means = [[0.5, 0.6, 1.4], [10.5, 10.6, 10.9]]
    for fidelity in range(3):
        told = benchmark.query(asked(archs, fidelity), noise_seed=None).objectives[:2, 0]
        np.testing.assert_allclose(100.0 - told, [row[fidelity] for row in means])
    both = opened(path, objectives=["train_accuracy", "size"])
    told = both.query(asked(archs, 3), noise_seed=None).objectives
    np.testing.assert_allclose(100.0 - told[0, 0], 1.3)
    assert told[:, 1].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_auxiliary_columns_are_told_where_they_were_measured(path):
    """They limit no fidelity; what is told is the table's, of the training that answers."""
    benchmark, archs = opened(path, objectives=["train_accuracy"], auxiliary=["valid_accuracy", "size"]), bags(6)
    assert benchmark.fidelities == opened(path, objectives=["train_accuracy"]).fidelities
    for noise in (None, np.arange(6, dtype=np.uint64)):
        for fidelity in range(5):
            told = benchmark.query(asked(archs, fidelity), noise_seed=noise)
            known = fidelity in (0, 1, 4)
            assert np.isnan(told.auxiliary[:, 0]).tolist() == [not known] * 6
            assert not known or np.array_equal(told.auxiliary[:, 0], told.objectives[:, 0])
            assert told.auxiliary[:, 1].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_auxiliary_columns_of_a_fixed_training_are_its_own(path):
    benchmark = opened(path, seed=888, auxiliary=["train_accuracy"])
    told = benchmark.query(asked(bags(6), 0), noise_seed=None)
    assert np.array_equal(told.auxiliary, told.objectives)


def test_auxiliary_columns_that_are_held_out_unknown_or_never_measured_are_refused(path, tmp_path):
    with pytest.raises(HarnessError, match="'test_accuracy' of made-up is held out"):
        opened(path, auxiliary=["test_accuracy"])
    with pytest.raises(
        HarnessError, match=r"unknown column of made-up 'train_acuracy'\. Did you mean 'train_accuracy'"
    ):
        opened(path, auxiliary=["train_acuracy"])
    table = scheduled()
    columns = {
        **table.columns,
        "early": (Column("early", "percent", "minimise", split="train", at=(2,)), np.ones((6, 1, 1))),
    }
    layout.write(tmp_path / "t.h5", scheduled(columns=columns))
    with pytest.raises(
        HarnessError, match=r"`auxiliary` must be measured where .*'early', which is known at epoch 1 of 3"
    ):
        opened(tmp_path / "t.h5", auxiliary=["early"])


def test_training_columns_that_are_not_told_cannot_reach_an_answer(path, tmp_path):
    table = scheduled()
    column, values = table.columns["train_accuracy"]
    changed = {**table.columns, "train_accuracy": (column, values + 1.0)}
    layout.write(tmp_path / "t.h5", scheduled(columns=changed))
    for more in ({}, {"auxiliary": ["size"]}):
        before, after = (
            opened(file, **more).query(asked(bags(6), 1), noise_seed=np.arange(6, dtype=np.uint64))
            for file in (path, tmp_path / "t.h5")
        )
        for name in before._names:
            assert getattr(before, name).tobytes() == getattr(after, name).tobytes()


def test_trainings_are_drawn_among_those_of_the_schedule(path):
    benchmark, archs = opened(path), bags(6)
    n = 3000
    seeds = np.arange(n, dtype=np.uint64)
    drawn = {}
    for fidelity, present in ((0, 2), (1, 2), (2, 3)):
        told = benchmark.query(asked(np.repeat(archs[:1], n, axis=0), fidelity), noise_seed=seeds).objectives[:, 0]
        drawn[fidelity] = np.floor(100.0 - told)
        counts = np.bincount(drawn[fidelity].astype(int), minlength=3)
        assert np.abs(counts[:present] - n / present).max() < 5 * np.sqrt(n / present)
        assert counts[present:].sum() == 0
    assert np.array_equal(drawn[0], drawn[1]), "one run answers for all epochs of a schedule"
    assert not np.array_equal(drawn[0], drawn[2]), "and another for another schedule"
    shorter = benchmark.query(asked(np.repeat(archs[1:2], n, axis=0), 2), noise_seed=seeds).objectives[:, 0]
    assert set(np.floor(100.0 - shorter).tolist()) == {10.0, 11.0}


def test_a_table_of_schedules_keeps_the_rules_of_benchmarks(tmp_path):
    layout.write(tmp_path / "t.h5", scheduled(400))
    archs, space = bags(400), Bags()
    space.sample = lambda n, rng: archs[rng.integers(0, len(archs), n)]
    assert (
        len(check_benchmark(TableBenchmark(layout.read_header(tmp_path / "t.h5"), space), np.random.default_rng(0)))
        >= 5
    )


def test_replicate_must_exist_in_every_schedule_offered(path):
    first = opened(path, training=1).query(asked(bags(6), 2), noise_seed=np.arange(6, dtype=np.uint64))
    np.testing.assert_allclose(100.0 - first.objectives[:, 0], 10.0 * np.arange(6) + 1.4)
    with pytest.raises(HarnessError, match="at most 1 in made-up: 6 rows have no further run"):
        opened(path, training=2)


def test_a_seed_is_answered_by_its_training_wherever_it_stands(tmp_path):
    table = scheduled()
    seeds = table.seeds.copy()
    seeds[1, 1] = [888, 777, -1]
    layout.write(tmp_path / "t.h5", scheduled(seeds=seeds))
    benchmark = opened(tmp_path / "t.h5", seed=777)
    for fidelity, runs in ((0, [1] * 6), (2, [0, 1, 0, 0, 0, 0])):
        for noise in (None, np.arange(6, dtype=np.uint64)):
            told = benchmark.query(asked(bags(6), fidelity), noise_seed=noise).objectives[:, 0]
            expected = 10.0 * np.arange(6) + runs + (0.0, 0.1, 0.4)[fidelity]
            np.testing.assert_allclose(100.0 - told, expected)


def test_a_seed_that_a_row_lacks_is_an_error_that_counts(path, tmp_path):
    with pytest.raises(
        HarnessError, match=r"got 777: 1 of 6 rows lack it \(seeds in the table: \[111, 777, 888, 999\]\)"
    ):
        opened(path, seed=777)
    with pytest.raises(HarnessError, match="6 of 6 rows lack it"):
        opened(path, seed=112)
    with pytest.raises(HarnessError, match="not both"):
        opened(path, seed=777, training=0)
    layout.write(tmp_path / "t.h5", scheduled(seeds=None))
    with pytest.raises(HarnessError, match="not labelled by seed; use `training`"):
        opened(tmp_path / "t.h5", seed=777)


def test_a_seed_of_one_schedule_offers_that_schedule(path):
    benchmark = opened(path, seed=111)
    assert [item.label for item in benchmark.fidelities] == ["epoch 1 of 2", "epoch 2 of 2"]
    assert [item.continues for item in benchmark.fidelities] == [None, 0]
    told = benchmark.query(asked(bags(6), 1), noise_seed=None)
    np.testing.assert_allclose(100.0 - told.objectives[:, 0], 10.0 * np.arange(6) + 0.1)


def with_latency(**changes):
    """Return a table with a latency by run of the long schedule; row 1 has two of those, and the short one three."""
    table = scheduled()
    rows, runs = np.arange(6)[:, None, None], np.arange(3)[:, None]
    short = 10.0 * rows + runs + np.array([0.0, 0.1])
    valid = np.concatenate([short, table.columns["valid_accuracy"][1][:, :, 2:]], axis=2)
    latency = 10.0 * rows + runs
    latency[1, 2] = np.nan
    columns = {
        "valid_accuracy": (table.columns["valid_accuracy"][0], valid),
        "test_accuracy": table.columns["test_accuracy"],
        "latency": (Column("latency", "s", "minimise"), latency),
    }
    seeds = table.seeds.copy()
    seeds[:, 0] = [111, 777, 888]
    return scheduled(columns=columns, seeds=seeds, **changes)


def test_what_does_not_change_in_training_is_drawn_in_the_last_schedule(tmp_path):
    layout.write(tmp_path / "t.h5", with_latency())
    benchmark = opened(tmp_path / "t.h5", objectives=["valid_accuracy", "latency"])
    archs, seeds = np.repeat(bags(6)[1:2], 2000, axis=0), np.arange(2000, dtype=np.uint64)
    told = [benchmark.query(asked(archs, fidelity), noise_seed=seeds).objectives for fidelity in range(3)]
    for answers in told:
        assert not np.isnan(answers).any(), "row 1 has a third run in the short schedule alone"
        np.testing.assert_array_equal(answers[:, 1], told[-1][:, 1], "the same at every fidelity")
    assert set(np.floor(100.0 - told[0][:, 0]).tolist()) == {10.0, 11.0, 12.0}
    np.testing.assert_array_equal(np.floor(100.0 - told[-1][:, 0]), told[-1][:, 1], "the run that answers there")
    bounded = opened(tmp_path / "t.h5", constraints=[Constraint("latency", "<=", 10.0)])
    broken = bounded.query(asked(archs, 0), noise_seed=seeds).constraints[:, 0]
    np.testing.assert_array_equal(broken, np.maximum(told[-1][:, 1] - 10.0, 0.0))


def test_a_seed_that_the_last_schedule_lacks_answers_nothing_of_another_run(tmp_path):
    at_start = {"valid_accuracy": (accuracy(at=(0,)), with_latency().columns["valid_accuracy"][1][:, :, :1])}
    columns = {**with_latency().columns, **at_start}
    layout.write(tmp_path / "t.h5", scheduled(columns=columns, seeds=with_latency().seeds))
    told = opened(tmp_path / "t.h5", seed=111).query(asked(bags(6), 0), noise_seed=None)
    np.testing.assert_allclose(100.0 - told.objectives[:, 0], 10.0 * np.arange(6))
    for options in (
        {"objectives": ["valid_accuracy", "latency"]},
        {"constraints": [Constraint("latency", "<=", 99.0)]},
    ):
        with pytest.raises(HarnessError, match="got 111: 6 of 6 rows lack it"):
            opened(tmp_path / "t.h5", seed=111, **options)
        with pytest.raises(HarnessError, match="at most 1 in made-up: 1 rows have no further run"):
            opened(tmp_path / "t.h5", training=2, **options)
    answers = opened(tmp_path / "t.h5", seed=888, objectives=["valid_accuracy", "latency"])
    told = answers.query(asked(bags(6), 0), noise_seed=None).objectives
    np.testing.assert_allclose(told[:, 1] % 10.0, [1, 0, 1, 1, 1, 1], err_msg="888 stands first in row 1")


def test_where_a_column_was_measured_is_told_in_words(path):
    header = layout.read_header(path, held_out=True)
    told = {name: recorded.described_column(header, name)["measured_at"] for name in header.columns}
    assert told["valid_accuracy"] == "epoch 1 of 2, epoch 2 of 2, epoch 3 of 3"
    assert (told["test_accuracy"], told["train_accuracy"], told["size"]) == ("epoch 3 of 3", "", "")


def test_the_oracle_judges_by_the_last_fidelity(path):
    oracle = TableOracle(layout.read_header(path, held_out=True), Bags())
    assert oracle.training_counts.tolist() == [3, 2, 3, 3, 3, 3]
    np.testing.assert_allclose(oracle.mean(bags(6)[:2], "test_accuracy"), [0.4, 9.9])
    np.testing.assert_allclose(oracle.values("valid_accuracy")[:2], [1.4, 10.9])
    assert np.isnan(oracle.trainings(bags(6)[1:2], "test_accuracy")[0]).tolist() == [False, False, True]
    assert oracle.optimum("test_accuracy").row == 5


@given(st.integers(0, 2**32), st.integers(1, 3 * index.MANY))
def test_rows_of_a_large_space_are_found_under_any_order_of_their_genes(seed, n):
    archs, space = bags(300), Bags()
    table = made(archs)
    found = index.KeyIndex(table.index["keys"], table.index["key_rows"], archs, space, "functional")
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(archs), n)
    shuffled = rng.permuted(archs[rows], axis=1)
    known = space.is_valid(shuffled)
    assert np.array_equal(found.find(shuffled), np.where(known, rows, -1))
    others = space.sample(n, rng)
    expected = {int(key): row for row, key in enumerate(space.key(archs))}
    assert found.find(others).tolist() == [expected.get(int(key), -1) for key in space.key(others)]


def test_what_is_not_in_a_large_table_is_named(path):
    benchmark = opened(path)
    oracle = TableOracle(layout.read_header(path, held_out=True), Bags())
    for missing, told in (([3] * 10, "'3333333333'"), ([4] * 10, r"\[4, 4, 4")):
        archs = np.concatenate([bags(6), np.array([missing], np.uint8)])
        with pytest.raises(HarnessError, match=f"be in the table made-up, got {told}"):
            benchmark.query(asked(archs, 0), noise_seed=None)
        with pytest.raises(HarnessError, match=f"be in the table made-up, got {told}"):
            oracle.mean(archs, "size")
    with pytest.raises(HarnessError, match="genes below"):
        benchmark.query(asked(np.array([[5] * 10], np.uint8), 0), noise_seed=None)


def test_a_changed_byte_of_any_part_is_found(tmp_path):
    path = tmp_path / "t.h5"
    layout.write(path, scheduled())
    good, header = path.read_bytes(), layout.read_header(path, held_out=True)
    for name in header.places:
        damaged = bytearray(good)
        damaged[header.places[name].offset] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(TableError, match="recorded sha256"):
            layout.check_content(path)


def _forget(name):
    def change(file):
        del file[name]

    return change


def _replace(name, values):
    def change(file):
        kept = dict(file[name].attrs)
        del file[name]
        file[name] = values
        file[name].attrs.update(kept)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_forget("index/key_rows"), "no index of its rows"),
        (_forget("index/keys"), "no index of its rows"),
        (_forget("index/runs"), "index/runs"),
        (_replace("index/runs", np.ones((6, 1), np.uint8)), r"counts runs as \(6, 1\), not \(6, 2\)"),
        (_replace("index/seeds", np.ones((6, 1, 3), np.int32)), "seeds of shape"),
        (_replace("columns/valid_accuracy", np.ones((6, 3, 2))), "valid_accuracy has shape"),
        (_replace("columns/train_accuracy", np.ones((6, 2, 5))), "disagree about the number of runs"),
        (lambda file: file["columns/valid_accuracy"].attrs.modify("at", [0, 1, 9]), "valid_accuracy has shape"),
        (lambda file: file.attrs.modify("schema", 1), "of schema 1, this program reads schema 2"),
    ],
)
def test_a_file_of_another_layout_is_one_clear_error(tmp_path, change, message):
    path = tmp_path / "t.h5"
    layout.write(path, scheduled())
    with h5py.File(path, "r+") as file:
        change(file)
        file.flush()
    with h5py.File(path, "r+") as file:
        file.attrs.modify("file_bytes", path.stat().st_size)
    sealed.seal(path, SEAL)
    with pytest.raises(TableError, match=message):
        layout.read_header(path)
