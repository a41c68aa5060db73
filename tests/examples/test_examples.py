"""Everything under ``examples/`` is executed, as its comments say it is."""

from __future__ import annotations

import re
import runpy
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import harness as nh
from benchmarks_data import parted
from benchmarks_data.catalogue import described
from benchmarks_data.live import entries
from benchmarks_data.live.entries import lives
from benchmarks_data.live.trained import Trained
from benchmarks_data.trained import sample
from benchmarks_data.trained.build import classes
from harness import registry
from harness.cli.__main__ import main
from harness.experiments.execute import execute
from harness.experiments.kind import kind_of
from harness.experiments.prepare import prepare
from harness.experiments.spec import ReportSpec
from harness.problem import Budget
from harness.testing import conformance
from harness.training import data
from tests.benchmarks_data.live.support import tiny
from tests.paths import ROOT

EXAMPLES = ROOT / "examples"
EXECUTED = {
    "quickstart.toml": "test_the_quickstart_runs",
    "micro-darts.toml": "test_the_searches_on_a_surrogate_run",
    "zoo.toml": "test_the_tournaments_run",
    "zoo-full.toml": "test_the_tournaments_run",
    "zoo-guided.toml": "test_the_tournaments_run",
    "guided.toml": "test_the_ceilings_run",
    "fidelity.toml": "test_the_strategies_of_several_fidelities_run",
    "pareto.toml": "test_the_search_for_fronts_runs",
    "hardware.toml": "test_the_search_for_several_devices_runs",
    "transfer.toml": "test_transfer_runs",
    "predictors.toml": "test_the_evaluations_of_learners_run",
    "predictors-full.toml": "test_the_evaluations_of_learners_run",
    "live.toml": "test_the_live_search_runs",
    "one_shot.toml": "test_the_supernets_can_be_trained",
    "once_for_all.toml": "test_the_supernets_can_be_trained",
    "my_strategy.py": "test_the_strategy_keeps_the_rules",
    "my_learner.py": "test_the_learner_keeps_the_rules",
    "own_task/my_task.py": "test_the_task_is_searched",
    "own_task/spec.toml": "test_the_task_is_searched",
    "own_table/digits.csv": "test_the_table_is_imported_and_searched",
    "own_table/digits.toml": "test_the_table_is_imported_and_searched",
    "own_data/make_data.py": "test_own_data_are_made_trained_on_and_searched",
    "own_data/digits.toml": "test_own_data_are_made_trained_on_and_searched",
    "own_data/search.toml": "test_own_data_are_made_trained_on_and_searched",
    "own_space/space.toml": "test_the_space_keeps_the_rules_and_can_be_trained_whole",
    "own_space/table.toml": "test_the_space_keeps_the_rules_and_can_be_trained_whole",
    "own_space/search.toml": "test_own_data_and_own_space_run_as_their_pages_say",
}
"""The test that executes each file."""
WRITTEN = {"own_data/digits.npz", "own_data/digits.npz.splits.json"}
"""What is there where somebody ran the examples."""


def unexecuted(folder: Path) -> set[str]:
    """Return the files of a folder, below it, that no test executes."""
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {
        name
        for name in files
        if "__pycache__" not in name and name not in WRITTEN and EXECUTED.get(name) not in globals()
    }


def test_every_example_is_executed():
    assert unexecuted(EXAMPLES) == set()
    assert all((EXAMPLES / name).is_file() for name in EXECUTED)


def test_a_new_example_without_a_test_is_found(tmp_path):
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    (tmp_path / "examples" / "own_table" / "more.csv").touch()
    assert unexecuted(tmp_path / "examples") == {"own_table/more.csv"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in a folder that looks like the repository's root and may be written to."""
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_quickstart_runs(folder, capsys):
    assert main(["check", "examples/quickstart.toml"]) == 0, capsys.readouterr().err
    text = (EXAMPLES / "quickstart.toml").read_text(encoding="utf-8")
    for key, shortened in (("replicates", 2), ("evaluations", 12)):
        text, changes = re.subn(rf"^{key} = \d+$", f"{key} = {shortened}", text, flags=re.MULTILINE)
        assert changes == 1
    (folder / "short.toml").write_text(text)
    assert main(["run", "short.toml"]) == 0, capsys.readouterr().err
    results = nh.read_results("results/quickstart")
    spec = nh.load_spec("examples/quickstart.toml")
    assert results.missing == ()
    assert {run.label for run in results.runs} == {strategy.label for strategy in spec.strategies}
    assert {run.benchmark for run in results.runs} == set(spec.benchmarks)
    assert len(results.runs) == 2 * len(spec.strategies) * len(spec.benchmarks)


def test_the_searches_on_a_surrogate_run(folder, capsys):
    spec = nh.load_spec("examples/micro-darts.toml")
    ridge = {"name": "ridge", "encoding": "one_hot"}
    spec = replace(
        spec,
        strategies=tuple(replace(one, surrogate=ridge) if one.name == "bananas" else one for one in spec.strategies),
        budget=Budget(evaluations=15),
        replicates=2,
    )
    assert execute(prepare(spec), folder / "micro").failed == ()
    assert {len(run.trace) for run in nh.read_results(folder / "micro").runs} == {15}


@pytest.mark.parametrize(("name", "evaluations"), [("zoo", 25), ("zoo-guided", 25), ("zoo-full", 3)])
def test_the_tournaments_run(name, evaluations, folder, capsys):
    """Quick learners stand in for slow networks where models are fitted at all."""
    spec = nh.load_spec(f"examples/{name}.toml")
    ridge = {"name": "ridge", "encoding": "one_hot"}
    slow = {"bohamiann", "dngo", "bananas", "pnas", "petridish"}
    slow |= {item.name for item in spec.strategies if registry.strategy(item.name).family == "predictor-guided"}
    spec = replace(
        spec,
        strategies=tuple(replace(item, surrogate=ridge) if item.name in slow else item for item in spec.strategies),
        budget=Budget(evaluations=evaluations),
        benchmarks={"zoo-full": spec.benchmarks, "zoo": spec.benchmarks[2:]}.get(name, spec.benchmarks[3:]),
        replicates=1,
    )
    outcome = execute(prepare(spec), folder / name)
    assert outcome.failed == ()
    results = nh.read_results(folder / name)
    assert len(results.runs) == len(spec.strategies) * len(spec.benchmarks)
    assert {len(run.trace) for run in results.runs} == {evaluations}


def test_the_ceilings_run(folder, capsys):
    spec = nh.load_spec("examples/guided.toml")
    told = tuple(item for item in spec.strategies if item.surrogate or item.name == "random_search")
    assert len(told) == 1 + len(spec.strategies) // 2
    outcome = execute(
        prepare(replace(spec, strategies=told, budget=Budget(evaluations=30), replicates=2)), folder / "g"
    )
    assert outcome.failed == ()
    assert {len(run.trace) for run in nh.read_results(folder / "g").runs} == {30}


def test_the_strategies_of_several_fidelities_run(folder, capsys):
    spec = nh.load_spec("examples/fidelity.toml")
    ridge = {"name": "ridge", "encoding": "genes"}
    learns = ("mobster", "hyper_tune")
    spec = replace(
        spec,
        strategies=tuple(replace(item, surrogate=ridge) if item.name in learns else item for item in spec.strategies),
        budget=replace(spec.budget, seconds=0.5),
        replicates=2,
    )
    outcome = execute(prepare(spec), folder / "fidelity")
    assert outcome.failed == ()
    results = nh.read_results(folder / "fidelity")
    lower = {run.label: bool((run.trace.fidelity < 9).any()) for run in results.runs}
    assert lower == {
        item.label: item.name not in ("random_search", "regularized_evolution") for item in spec.strategies
    }


def test_the_search_for_fronts_runs(folder, capsys):
    spec = nh.load_spec("examples/pareto.toml")
    spec = replace(spec, budget=Budget(evaluations=45), benchmarks=spec.benchmarks[:1], replicates=2)
    assert execute(prepare(spec), folder / "pareto").failed == ()
    results = nh.read_results(folder / "pareto")
    assert {run.trace.objectives.shape for run in results.runs} == {(45, 2)}
    assert len(results.runs) == 2 * len(spec.strategies)


def test_the_search_for_several_devices_runs(folder):
    spec = nh.load_spec("examples/hardware.toml")
    kept = replace(spec, strategies=spec.strategies[:3], budget=Budget(evaluations=15), replicates=2)
    assert execute(prepare(kept), folder / "hardware").failed == ()
    results = nh.read_results(folder / "hardware")
    assert list(results.benchmarks) == ["nb201-cifar10 (server)", "nb201-cifar10 (phone)", "micro-mnist1d (watch)"]
    assert [facts.known for facts in results.benchmarks.values()] == [(), ("params_m",), ("params_m",)]
    assert len(results.runs) == 2 * 3 * 3


def test_the_supernets_can_be_trained(folder, capsys):
    """Every unit is known and every method was built; training them takes minutes."""
    spec = nh.load_spec("examples/one_shot.toml")
    prepared = prepare(spec)
    names = {name for name, _ in prepared.shards.values()}
    assert names == {item.label for item in spec.strategies}
    assert len(prepared.shards) == 5 * 5 + 3
    assert len(prepare(nh.load_spec("examples/once_for_all.toml")).shards) == 2


def test_transfer_runs(folder, capsys):
    spec = nh.load_spec("examples/transfer.toml")
    learns = ("gp_bo", "rgpe", "multi_task")
    quick = {"surrogate": {"name": "ridge", "encoding": "one_hot"}, "hyperparameters": {"candidates": 20}}
    kept = [replace(item, **quick) if item.name in learns else item for item in spec.strategies]
    spec = replace(
        spec, strategies=tuple(kept), benchmarks=spec.benchmarks[:1], budget=Budget(evaluations=15), replicates=2
    )
    assert execute(prepare(spec), folder / "transfer").failed == ()
    assert {len(run.trace) for run in nh.read_results(folder / "transfer").runs} == {15}


def test_the_live_search_runs(folder, monkeypatch):
    """Networks that train in milliseconds stand in for those of a second."""
    monkeypatch.setenv("NAS_HARNESS_HOME", str(folder / "home"))
    spec = nh.load_spec("examples/live.toml")
    (name,) = spec.benchmarks
    assert name in lives()
    monkeypatch.setattr(entries, "lives", lambda: {name: replace(tiny(folder), name=name)})
    outcome = execute(prepare(replace(spec, budget=Budget(evaluations=6), replicates=2)), folder / "live")
    assert outcome.failed == ()
    results = nh.read_results(folder / "live")
    assert {len(run.trace) for run in results.runs} == {6}
    assert {run.label for run in results.runs} == {item.label for item in spec.strategies}
    assert len(Trained(entries.live(name)).grown) > 0


@pytest.mark.parametrize("name", ["predictors", "predictors-full"])
def test_the_evaluations_of_learners_run(folder, name):
    spec = nh.load_spec(f"examples/{name}.toml")
    short = replace(spec.prediction, sizes=(20, 40), test_size=50, search=12)
    spec = replace(spec, benchmarks=("micro-mnist1d",), prediction=short, replicates=1)
    assert len(prepare(spec).shards) == len(spec.strategies), "all are built"
    kept = replace(spec, strategies=spec.strategies[2:4], report=ReportSpec())
    assert execute(prepare(kept), folder / name).failed == ()


def test_the_strategy_keeps_the_rules(folder, capsys):
    assert main(["check", "examples/my_strategy.py:MyStrategy"]) == 0, capsys.readouterr().err
    (run,) = nh.run("examples/my_strategy.py:MyStrategy", "nb201-cifar10", evaluations=30, replicates=1).runs
    assert len(run.trace) >= 30


def test_the_learner_keeps_the_rules(folder, capsys):
    learner = "examples/my_learner.py:MyLearner"
    assert main(["check", learner]) == 0, capsys.readouterr().err
    (folder / "mine.toml").write_text(
        'benchmarks = ["micro-mnist1d"]\nreplicates = 1\nprediction = { sizes = [100], test_size = 500 }\n'
        f'learners = [{{ name = "{learner}", drawn = 5 }}]\n'
    )
    prepared = prepare(nh.load_spec("mine.toml"))
    ((_, unit),) = prepared.shards.values()
    kendall = kind_of("prediction").run(unit).columns["scores"][0, 0, 0, 0]
    assert 0.4 < kendall < 0.9, "it learns something, and no more than additive worth"


def test_the_table_is_imported_and_searched(folder, capsys):
    table = ["examples/own_table/digits.csv", "--describe", "examples/own_table/digits.toml", "--out", "digits.h5"]
    assert main(["data", "import", "digits-mlp", *table]) == 0, capsys.readouterr().err
    benchmark = nh.open_benchmark("digits.h5")
    assert (benchmark.space.name, len(benchmark.fidelities), benchmark.has_seconds) == ("digits-mlp", 3, True)
    (folder / "search.toml").write_text(
        'benchmarks = ["digits.h5"]\nreplicates = 3\nbudget = { evaluations = 8 }\n'
        'strategies = [{ name = "random_search" }, { name = "local_search" }]\n'
    )
    assert main(["run", "search.toml"]) == 0, capsys.readouterr().err
    frame = nh.frame(nh.read_results("results/search"))
    assert set(frame["label"]) == {"random_search", "local_search"}
    assert frame["objective"].between(0, 100).all()
    assert frame["test"].notna().all(), "the test column is known to reports"


def test_the_spec_of_the_task_is_valid(folder, capsys):
    assert main(["check", "examples/own_task/spec.toml"]) == 0, capsys.readouterr().err
    assert "6 shards on 1 benchmark" in capsys.readouterr().out


@pytest.mark.slow
def test_the_task_is_searched(folder, monkeypatch, capsys):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(folder / "home"))
    assert main(["check", "examples/own_task/my_task.py:DigitsMLP"]) == 0, capsys.readouterr().err
    assert "takes about" in capsys.readouterr().out
    spec = nh.load_spec("examples/own_task/spec.toml")
    outcome = execute(prepare(replace(spec, replicates=2, budget=Budget(evaluations=12))), folder / "r")
    assert outcome.failed == ()
    frame = nh.frame(nh.read_results(folder / "r"))
    assert frame["validation"].between(5, 100).all()
    assert frame["test"].between(5, 100).all()
    assert main(["report", "r"]) == 0, capsys.readouterr().err
    assert (folder / "r" / "report" / "index.html").stat().st_size > 0


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Stand in a folder with copies of examples that write beside themselves."""
    for name in ("own_data", "own_space"):
        ignored = shutil.ignore_patterns("*.npz*", "__pycache__")
        shutil.copytree(EXAMPLES / name, tmp_path / "examples" / name, ignore=ignored)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_own_data_are_made_trained_on_and_searched(copied, capsys, monkeypatch):
    runpy.run_path("examples/own_data/make_data.py")
    digits = data.load("examples/own_data/digits.npz")
    assert (digits.shape, digits.class_names[0], digits.notes) == ((1, 8, 8), "eight", ())
    assert sum(map(len, digits.labels.values())) == 1797
    path = copied / "examples" / "own_data" / "digits.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in (("= 60", "= 2"), ("[0, 1]", "[0]"), ("epochs = 5", "epochs = 1, channels = 4")):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    monkeypatch.setattr(parted, "spawned", lambda workers: ThreadPoolExecutor(1))
    monkeypatch.setattr(sample, "level_for", lambda *_: ("R0", ()))
    assert main(["table", "build", str(path)]) == 0, capsys.readouterr().err
    assert main(["run", "examples/own_data/search.toml"]) == 0, capsys.readouterr().err
    results = nh.read_results("results/own-data")
    assert results.missing == ()
    assert {run.label for run in results.runs} == {"random_search", "local_search"}


def test_the_space_keeps_the_rules_and_can_be_trained_whole(copied):
    assert len(conformance.check("examples/own_space/space.toml")) >= 35
    own = described.read(copied / "examples" / "own_space" / "table.toml")
    assert own.plan.training.network == "cells:3:none,skip_connect,nor_conv_3x3,max_pool_3x3"
    assert len(classes(own.space)) == 26


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "description", "table"), [("own_data", "digits", "digits"), ("own_space", "table", "three-nodes")]
)
def test_own_data_and_own_space_run_as_their_pages_say(copied, capsys, name, description, table):
    if name == "own_data":
        runpy.run_path(f"examples/{name}/make_data.py")
    assert main(["table", "build", f"examples/{name}/{description}.toml"]) == 0, capsys.readouterr().err
    assert main(["run", f"examples/{name}/search.toml"]) == 0, capsys.readouterr().err
    result = f"results/{name.replace('_', '-')}"
    assert main(["report", result]) == 0, capsys.readouterr().err
    assert (copied / result / "report" / "index.html").is_file()
    assert registry.oracle(f"build/tables/{table}.h5").optimum("valid_accuracy").value > 50.0
    assert main(["verify", result, "--top", "1", "--stratified", "1", "--seeds", "2"]) == 0, capsys.readouterr().err
