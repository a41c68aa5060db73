"""Result files: whole or not at all, and nothing read that is not what its name says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from harness.errors import DamagedError, HarnessError, ResultError
from harness.experiments.results import read_results
from harness.experiments.shards import Search, Shard, output_of, runs_of
from harness.experiments.store import SEAL, read_unit, unit_path, write_unit
from harness.files import sealed
from harness.files.whole import locked, remove_unfinished, replacing
from harness.problem import Budget, Constraint
from harness.records import Recommended, Trace
from harness.search.loop import make_problem, run_block
from harness.strategy import Strategy
from harness.testing.toy import ToyBenchmark


class Uniform(Strategy):
    def propose(self, n):
        return self.proposals(self.problem.space.sample(n, self.rng))


@pytest.fixture
def result():
    benchmark = ToyBenchmark(constraints=(Constraint("size", "<=", 7.0),))
    budget = Budget(seconds=150.0)
    problem = make_problem(benchmark, budget)
    strategies = [Uniform(problem, np.random.default_rng(i)) for i in range(3)]
    runs = run_block(benchmark, problem, strategies, None)
    shard = Shard(
        benchmark="toy",
        table_digest="d",
        strategy="uniform",
        strategy_version=1,
        strategy_sha256=None,
        hyperparameters={"a": 1},
        surrogate=None,
        learner=None,
        objectives=("error",),
        constraints=benchmark.constraints,
        budget=budget,
        n_workers=1,
        seed=0,
        first=0,
        stop=3,
        device="cpu",
        versions={},
    )
    return shard, output_of(runs)


def test_a_shard_is_read_back_as_it_was_written(tmp_path, result):
    shard, output = result
    again, read = read_unit(write_unit(tmp_path, Search(), shard, output), Search())
    assert again == shard
    assert read.texts == output.texts
    assert read.columns.keys() == output.columns.keys()
    for name, column in output.columns.items():
        np.testing.assert_array_equal(read.columns[name], column)
        assert read.columns[name].dtype == column.dtype


def test_the_runs_of_a_shard_survive_as_columns(result):
    shard, output = result
    runs = runs_of(replace(shard, first=5, stop=8), output)
    assert [(run.benchmark, run.label, run.replicate) for run in runs] == [("toy", "uniform", r) for r in (5, 6, 7)]
    assert not any(getattr(run.trace, name).flags.writeable for run in runs for name in Trace._names)
    assert all(type(run.overhead_seconds) is float for run in runs)
    again = output_of(runs)
    assert again.texts == output.texts
    for name, column in output.columns.items():
        np.testing.assert_array_equal(again.columns[name], column)


def test_columns_beside_the_trace_and_recommendations_are_read_back(tmp_path, result):
    shard, output = result
    runs = [
        replace(
            run,
            beside={"epochs": np.arange(len(run.trace)) / 2},
            recommended=Recommended(np.arange(place), np.full((place, 5), place, dtype=np.uint8)),
        )
        for place, run in enumerate(runs_of(shard, output))
    ]
    _, read = read_unit(write_unit(tmp_path, Search(), shard, output_of(runs)), Search())
    for run, again in zip(runs, runs_of(shard, read), strict=True):
        np.testing.assert_array_equal(again.beside["epochs"], run.beside["epochs"])
        assert again.recommended.after.tolist() == run.recommended.after.tolist()
        assert again.recommended.archs.tolist() == run.recommended.archs.tolist()


def test_columns_and_texts_are_those_of_the_kind(tmp_path, result):
    shard, output = result
    less = {name: column for name, column in output.columns.items() if name != "offsets"}
    for wrong, message in (
        (replace(output, columns=less), r"kind Search must have the columns .* missing \['offsets'\], unknown \[\]"),
        (replace(output, columns={**output.columns, "more": np.zeros(3)}), r"unknown \['more'\]"),
        (replace(output, texts={}), r"the texts .* missing \['stopped'\]"),
    ):
        with pytest.raises(HarnessError, match=message):
            write_unit(tmp_path, Search(), shard, wrong)
    assert os.listdir(tmp_path) == []


def test_a_file_without_a_column_of_its_kind_is_damaged(tmp_path, result):
    path = write_unit(tmp_path, Search(), *result)
    with h5py.File(path, "r+") as file:
        del file["trace/tag"]
    sealed.seal(path, SEAL)
    with pytest.raises(DamagedError, match=r"damaged result file.*tag"):
        read_unit(path, Search())


def test_writing_the_same_result_twice_gives_the_same_columns_and_name(tmp_path, result):
    assert write_unit(tmp_path / "a", Search(), *result).name == write_unit(tmp_path / "b", Search(), *result).name


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "flipped", "renamed"])
def test_a_damaged_file_is_named_and_refused(tmp_path, result, damage):
    path = write_unit(tmp_path, Search(), *result)
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "garbage":
        path.write_bytes(b"\x00" * len(content))
    elif damage == "flipped":
        needle = np.asarray(result[1].columns["trace/objectives"]).tobytes()[:64]
        at = content.index(needle) + 3
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path = path.rename(tmp_path / f"{'0' * 64}.h5")
    with pytest.raises(ResultError, match=str(path)):
        read_unit(path, Search())


def test_digest_covers_what_the_result_depends_on(result):
    shard, _ = result
    other = [
        replace(shard, table_digest="e"),
        replace(shard, strategy_version=2),
        replace(shard, hyperparameters={"a": 2}),
        replace(shard, budget=Budget(seconds=151.0)),
        replace(shard, budget=Budget(seconds=150.0, duplicates="free")),
        replace(shard, n_workers=2),
        replace(shard, seed=1),
        replace(shard, first=25, stop=28),
        replace(shard, device="cuda"),
        replace(shard, constraints=()),
        replace(shard, learner="x"),
        replace(shard, versions={"numpy": "0"}),
    ]
    digests = {item.digest for item in [shard, *other]}
    assert len(digests) == len(other) + 1


def test_digest_does_not_depend_on_where_a_strategy_file_lies(result):
    here, there = (replace(result[0], strategy=f"{place}/s.py:Mine", strategy_sha256="a") for place in ("/a", "/b"))
    assert here.digest == there.digest
    assert here.digest != replace(here, strategy_sha256="b").digest


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def write():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_kill_9_during_a_write_leaves_no_half_file(tmp_path):
    program = (
        "import sys, time, pathlib\n"
        "from harness.files.whole import replacing\n"
        f"with replacing(pathlib.Path({str(tmp_path / 'file')!r})) as t:\n"
        "    t.write_text('half'); print('ready', flush=True); time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "file").exists()
    assert len(os.listdir(tmp_path)) == 1
    remove_unfinished(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_lock_is_held_by_one_process_and_released_when_it_dies(tmp_path):
    program = (
        "import time, pathlib\n"
        "from harness.files.whole import locked\n"
        f"with locked(pathlib.Path({str(tmp_path / 'lock')!r})):\n"
        "    print('ready', flush=True); time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    with locked(tmp_path / "lock", wait=False) as held:
        assert not held
    process.send_signal(signal.SIGKILL)
    process.wait()
    with locked(tmp_path / "lock", wait=False) as held:
        assert held


def test_a_folder_without_results_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(ResultError, match=r"experiment\.json"):
        read_results(tmp_path)
    (tmp_path / "experiment.json").write_text("{")
    with pytest.raises(ResultError, match="damaged"):
        read_results(tmp_path)


def test_paths_of_shards_are_their_digests(tmp_path, result):
    assert unit_path(Path("r"), result[0].digest) == Path("r") / f"{result[0].digest}.h5"


def test_a_full_disk_is_an_error_that_leaves_nothing(tmp_path, result, monkeypatch):
    def full(descriptor, offset, length):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        write_unit(tmp_path, Search(), *result)
    assert os.listdir(tmp_path) == []
