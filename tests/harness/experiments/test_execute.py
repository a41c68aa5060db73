"""Shards times an executor: resume, kill, damage, executors, process and hash-seed independence."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import harness as nh
from benchmarks_data import provider
from benchmarks_data.file import recorded
from benchmarks_data.file.table import TableBenchmark
from harness.errors import ResultError, SpecError
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.progress import Progress
from harness.experiments.results import read_results
from harness.experiments.shards import run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.files.whole import locked
from harness.problem import Budget, Constraint
from harness.records import Trace
from tests.patience import wait_for

SPEC = Spec(
    name="small",
    benchmarks=("nb201-cifar10", "graph-cora"),
    strategies=(
        StrategySpec("random_search", "RS"),
        StrategySpec("regularized_evolution", "RE", {"population": 10, "sample": 3}),
        StrategySpec("bananas", "BANANAS", {}, {"name": "ridge", "encoding": "one_hot"}),
    ),
    budget=Budget(evaluations=30),
    replicates=6,
    replicates_per_shard=4,
)


def traces(folder):
    return {(run.benchmark, run.label, run.replicate): run.trace for run in read_results(folder).runs}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        for name in Trace._names:
            np.testing.assert_array_equal(getattr(a[key], name), getattr(b[key], name), err_msg=f"{key} {name}")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("done")
    outcome = execute(prepare(SPEC), folder)
    assert outcome.computed == 12
    assert not outcome.failed
    return folder


def test_results_hold_every_run_in_order(done):
    results = read_results(done)
    assert len(results.runs) == 2 * 3 * 6
    assert not results.missing
    assert [run.replicate for run in results.of("graph-cora", "RE")] == list(range(6))
    assert results.spec == SPEC
    assert all(len(run.trace) == 30 for run in results.runs)


def test_running_twice_computes_nothing(done):
    before = {path.name: path.stat().st_mtime_ns for path in done.glob("*.h5")}
    outcome = execute(prepare(SPEC), done)
    assert (outcome.computed, outcome.reused) == (0, 12)
    assert {path.name: path.stat().st_mtime_ns for path in done.glob("*.h5")} == before


def test_more_replicates_add_shards_and_change_none(done, tmp_path):
    spec = replace(SPEC, replicates=12, benchmarks=("nb201-cifar10",))
    part = replace(spec, replicates=4)
    execute(prepare(part), tmp_path)
    outcome = execute(prepare(spec), tmp_path)
    assert (outcome.computed, outcome.reused) == (6, 3)
    now, before = traces(tmp_path), traces(done)
    shared = {key: now[key] for key in now if key in before and key[2] < 4}
    assert len(shared) == 12
    assert_same(shared, {key: before[key] for key in shared})


def test_adding_a_strategy_changes_no_other_run(done, tmp_path):
    spec = replace(SPEC, strategies=(StrategySpec("local_search", "LS"), SPEC.strategies[1]))
    execute(prepare(spec), tmp_path)
    now, before = traces(tmp_path), traces(done)
    shared = {key: now[key] for key in now if key in before}
    assert len(shared) == 12
    assert_same(shared, {key: before[key] for key in shared})


def test_executors_and_processes_change_nothing(done, tmp_path):
    execute(prepare(SPEC), tmp_path / "processes", workers=2)
    assert_same(traces(tmp_path / "processes"), traces(done))
    with ThreadPoolExecutor(1) as executor:
        execute(prepare(SPEC), tmp_path / "threads", executor=executor)
    assert_same(traces(tmp_path / "threads"), traces(done))


def test_the_notebook_call_gives_the_same_numbers(done):
    results = nh.run(list(SPEC.strategies), ["graph-cora"], evaluations=30, replicates=4)
    before = traces(done)
    for run in results.runs:
        for name in Trace._names:
            key = (run.benchmark, run.label, run.replicate)
            np.testing.assert_array_equal(getattr(run.trace, name), getattr(before[key], name))


def test_hash_seed_changes_nothing(done, tmp_path):
    program = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from pathlib import Path\n"
        "from tests.harness.experiments.test_execute import SPEC\n"
        "from harness.experiments.execute import execute\n"
        "from harness.experiments.prepare import prepare\n"
        f"execute(prepare(SPEC), Path({str(tmp_path)!r}))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | {"PYTHONHASHSEED": "12345"})
    assert_same(traces(tmp_path), traces(done))


def test_damaged_and_missing_shards_are_computed_again(done, tmp_path):
    execute(prepare(SPEC), tmp_path)
    paths = sorted(tmp_path.glob("*.h5"))
    paths[0].write_bytes(paths[0].read_bytes()[:1000])
    paths[1].unlink()
    assert len(read_results(tmp_path).missing) == 2
    outcome = execute(prepare(SPEC), tmp_path)
    assert (outcome.computed, outcome.reused) == (2, 10)
    assert_same(traces(tmp_path), traces(done))


def test_kill_9_loses_at_most_the_running_shards(done, tmp_path):
    program = (
        "from pathlib import Path\n"
        "from tests.harness.experiments.test_execute import SPEC\n"
        "from harness.experiments.execute import execute\n"
        "from harness.experiments.prepare import prepare\n"
        "if __name__ == '__main__':\n"
        f"    execute(prepare(SPEC), Path({str(tmp_path)!r}), workers=2,\n"
        "            on_progress=lambda p: print(p.done, flush=True))\n"
    )
    script = tmp_path.parent / "kill_me.py"
    script.write_text(program)
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
    while int(process.stdout.readline()) < 2:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()

    def is_free() -> bool:
        with locked(tmp_path / ".lock", wait=False) as held:
            return held

    wait_for(is_free)  # the workers follow their parent
    whole = len(list(tmp_path.glob("*.h5")))
    assert whole >= 2
    outcome = execute(prepare(SPEC), tmp_path)
    assert outcome.reused >= whole
    assert outcome.computed + outcome.reused == 12
    assert_same(traces(tmp_path), traces(done))
    assert not list(tmp_path.glob(".*.unfinished"))


def test_two_runs_cannot_write_to_one_folder(tmp_path):
    with locked(tmp_path / ".lock"), pytest.raises(ResultError, match="another run"):
        execute(prepare(SPEC), tmp_path)


def test_one_failing_strategy_does_not_lose_the_others(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text(
        "import numpy as np\n"
        "from harness import Strategy\n"
        "class Broken(Strategy):\n"
        "    def propose(self, n):\n"
        "        return self.proposals(np.full((n, self.problem.space.genes), 200, dtype=np.uint8))\n"
    )
    spec = replace(SPEC, strategies=(StrategySpec(f"{broken}:Broken", "Broken"), SPEC.strategies[0]))
    for workers in (1, 2):
        outcome = execute(prepare(spec), tmp_path / str(workers), workers=workers)
        assert outcome.computed == 4
        assert len(outcome.failed) == 4
        assert "must be valid in the space" in str(outcome.failed[0].error)
        assert {run.label for run in read_results(tmp_path / str(workers)).runs} == {"RS"}


def test_progress_counts_shards_and_estimates_the_rest(tmp_path):
    seen: list[Progress] = []
    execute(prepare(SPEC), tmp_path, on_progress=seen.append)
    assert (seen[0].done, seen[0].total) == (0, 12)
    assert seen[-1].done == 12
    assert seen[-1].eta_seconds == 0.0
    assert [item.done for item in seen] == sorted(item.done for item in seen)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"benchmarks": ("nb201-cifar11",)}, r"spec: `benchmarks\[0\]`: unknown benchmark.*nb201-cifar10'"),
        ({"strategies": (StrategySpec("random_serch", "x"),)}, r"`strategies\[0\]`: unknown strategy.*random_search"),
        (
            {"strategies": (StrategySpec("regularized_evolution", "x", {"populaton": 5}),)},
            r"strategies\[0\].*unknown parameter.*'populaton'.*'population'",
        ),
        (
            {"strategies": (StrategySpec("regularized_evolution", "x", {"population": 0}),)},
            r"strategies\[0\].*`population` must be at least 1, got 0",
        ),
        ({"strategies": (StrategySpec("random_search", "x", {}, {"name": "ridge"}),)}, "takes no `surrogate`"),
        ({"strategies": (StrategySpec("bananas", "x", {}, {"name": "rigde"}),)}, r"unknown surrogate.*'ridge'"),
        ({"budget": Budget(seconds=100.0)}, r"graph-cora' has none"),
        ({"objectives": ("valid_acuracy",)}, "valid_accuracy"),
        ({"constraints": (Constraint("parms_m", "<=", 1.0),)}, "params_m"),
        (
            {"strategies": (StrategySpec("random_search", "a"), StrategySpec("random_search", "b"))},
            "is the same run as",
        ),
    ],
)
def test_a_spec_is_checked_whole_before_anything_runs(change, message):
    with pytest.raises(SpecError, match=message):
        prepare(replace(SPEC, **change))


def test_a_strategy_file_changed_after_the_preparation_is_refused(tmp_path):
    own = tmp_path / "own.py"
    text = "from harness import Strategy\nclass Own(Strategy):\n    def propose(self, n):\n"
    own.write_text(text + "        return self.proposals(self.problem.space.sample(n, self.rng))\n")
    prepared = prepare(replace(SPEC, strategies=(StrategySpec(f"{own}:Own", "Own"),)))
    own.write_text(text + "        return self.proposals(self.problem.space.sample(2 * n, self.rng))\n")
    outcome = execute(prepared, tmp_path / "results")
    assert outcome.computed == 0
    assert all("changed after the run was prepared" in str(failure.error) for failure in outcome.failed)


def test_an_exception_that_cannot_cross_processes_loses_its_own_shards_only(tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "from harness import Strategy\n"
        "class Odd(Exception):\n"
        "    def __init__(self, a, b):\n"
        "        super().__init__(f'{a} {b}')\n"
        "class Own(Strategy):\n"
        "    def propose(self, n):\n"
        "        raise Odd(1, 2)\n"
    )
    spec = replace(SPEC, strategies=(StrategySpec(f"{own}:Own", "Own"), SPEC.strategies[0]))
    outcome = execute(prepare(spec), tmp_path / "results", workers=2)
    assert (outcome.computed, len(outcome.failed)) == (4, 4)
    assert "Odd: 1 2" in str(outcome.failed[0].error)


def test_a_hyperparameter_that_is_no_plain_data_is_refused():
    from harness import Strategy

    class Own(Strategy):
        def __init__(self, problem, rng, *, rule=np.mean):
            super().__init__(problem, rng)

    with pytest.raises(nh.HarnessError, match="hyperparameter rule"):
        nh.run(Own, "nb201-cifar10", evaluations=5)


def test_a_result_that_may_not_be_read_is_kept(done, tmp_path, monkeypatch):
    from pathlib import Path

    execute(prepare(SPEC), tmp_path)
    kept = sorted(path.name for path in tmp_path.glob("*.h5"))

    open_it = Path.open

    def refuse(self, *args, **kwargs):
        if not self.is_relative_to(tmp_path):
            return open_it(self, *args, **kwargs)
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        with pytest.raises(PermissionError):
            execute(prepare(SPEC), tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.h5")) == kept


def test_the_digest_names_the_libraries_of_the_learner():
    spec = replace(SPEC, strategies=(StrategySpec("bananas", "B"), StrategySpec("random_search", "RS")))
    versions = {label: set(shard.versions) for label, shard in prepare(spec).shards.values()}
    assert versions == {"B": {"numpy", "torch"}, "RS": {"numpy"}}


def test_the_digest_names_the_libraries_of_the_benchmark(monkeypatch):
    plain = prepare(SPEC).shards
    monkeypatch.setattr(TableBenchmark, "libraries", ("h5py",), raising=False)
    shards = prepare(SPEC).shards
    assert {frozenset(shard.versions) for _, shard in shards.values()} == {frozenset({"numpy", "h5py"})}
    assert not plain.keys() & shards.keys()


@pytest.mark.parametrize("table_seed", ["one_draw_per_arch", "fixed"])
def test_how_the_path_of_a_table_is_spelt_changes_no_number(table_seed, tmp_path, monkeypatch):
    archs = provider.space("nb201").sample(20, np.random.default_rng(0))
    values = np.random.default_rng(1).uniform(50.0, 90.0, (20, 3))
    recorded.write(
        tmp_path / "m.h5", name="m", space="nb201", epochs=3, archs=archs, about={},
        values={"valid_accuracy": values, "test_accuracy": values, "train_seconds": values,
                "params": np.ones(20), "macs": np.ones(20)})  # fmt: skip
    (tmp_path / "sub").mkdir()
    shutil.copy(tmp_path / "m.h5", tmp_path / "sub" / "other.h5")
    monkeypatch.chdir(tmp_path)
    told = []
    for path in ("m.h5", "./m.h5", str(tmp_path / "m.h5"), "sub/other.h5"):
        spec = replace(SPEC, benchmarks=(path,), replicates=4, budget=Budget(evaluations=20, table_seed=table_seed))
        spec = replace(spec, strategies=(SPEC.strategies[0], StrategySpec("local_search", "LS")))
        told.append([[run.trace for run in run_shard(shard)] for _, shard in prepare(spec).shards.values()])
    for other in told[1:]:
        for mine, theirs in zip(told[0], other, strict=True):
            for a, b in zip(mine, theirs, strict=True):
                np.testing.assert_array_equal(a.archs, b.archs)
                np.testing.assert_array_equal(a.objectives, b.objectives)
