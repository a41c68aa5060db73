"""Tasks of one's own as benchmarks: what is told, what is kept, and what nobody may see."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

import harness as nh
from benchmarks_data.tasks import kept
from benchmarks_data.tasks.oracle import TaskOracle
from harness import registry
from harness.cli.__main__ import main
from harness.errors import HarnessError, TableError
from harness.experiments.prepare import prepare
from harness.guard import running
from harness.judging.ledger import unit_seconds
from harness.own import classes
from harness.records import Proposals
from harness.testing.conformance import check_benchmark
from reports.study.opening import open_truth
from tests.paths import ROOT
from tests.patience import wait_for

FILE = '''
import os, time
import numpy as np
from harness import Column, Genes, Task, When
import scale

class Mine(Task):
    """A sum of genes."""

    space = Genes(x=[0, 1, 2, 3], kind=["a", "b"], y=When([1, 2], kind="b"))
    columns = (
        Column("error", "percent", "minimise", "validation", best=0.0),
        Column("test_error", "percent", "minimise", "test", best=0.0),
        Column("size", "M", "minimise"),
    )
    fidelities = (1, 3)
    seeds = 3

    def train(self, config, seed, fidelity):
        with open(os.path.join(os.path.dirname(__file__), "trained"), "a") as file:
            file.write(f"{config} {seed} {fidelity}\\n")
        time.sleep(PAUSE)
        if config["x"] == 3 and config["kind"] == "a":
            raise MemoryError("too large")
        error = scale.SCALE * (10 + config["x"] + config.get("y", 0) + 3 / fidelity + seed)
        return {"error": error, "test_error": error + 1, "size": config["x"] + 1.0}

    @staticmethod
    def seconds(config, fidelity):
        return 2.0 * fidelity * (1 + config["x"])

class Timeless(Mine):
    seconds = Task.seconds
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a task and a module of its own, and a home that nothing else uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_HARNESS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(warnings, "showwarning", lambda *_, **__: None)
        yield _written(tmp_path_factory.mktemp("task"))


def _written(folder, pause=0.0, scale="1.0"):
    (folder / "mine.py").write_text(FILE.replace("PAUSE", str(pause)))
    (folder / "scale.py").write_text(f"SCALE = {scale}\n")
    return folder


def _name(folder, of="Mine"):
    return f"{folder / 'mine.py'}:{of}"


def _trained(folder):
    path = folder / "trained"
    return path.read_text().splitlines() if path.exists() else []


def _query(benchmark, texts, fidelity, noise):
    archs = benchmark.space.parse(texts)
    return benchmark.query(Proposals.of(archs, fidelity), noise_seed=noise)


pytestmark = pytest.mark.filterwarnings("ignore:a training of")


def test_what_is_told_is_what_the_training_gives(home):
    benchmark = nh.open_benchmark(_name(home), objectives=["error", "size"], constraints=["size <= 2"])
    told = _query(benchmark, ["x=2, kind=a", "x=0, kind=b, y=2", "x=3, kind=a"], 1, None)
    # means over the seeds 0, 1, 2: 10 + x + y + 3 / 3 + 1
    assert told.objectives[:2].tolist() == [[14.0, 3.0], [14.0, 1.0]]
    assert np.isnan(told.objectives[2]).all()
    assert told.constraints[:2].tolist() == [[1.0], [-1.0]]
    assert told.seconds.tolist() == [18.0, 6.0, 24.0]
    assert _query(benchmark, [], 1, None).objectives.shape == (0, 2)
    cheap = _query(benchmark, ["x=2, kind=a"], 0, None)
    assert (cheap.objectives[0, 0], cheap.seconds[0]) == (16.0, 6.0)


def test_noise_draws_one_of_the_seeds_and_each_is_trained_once(home):
    benchmark = nh.open_benchmark(_name(home))
    before = len(_trained(home))
    noise = np.arange(300, dtype=np.uint64)
    told = _query(benchmark, ["x=1, kind=b, y=1"] * 300, 1, noise).objectives[:, 0]
    assert sorted(set(told.tolist())) == [13.0, 14.0, 15.0]
    assert np.bincount((told - 13).astype(int)).min() > 60, "about as often"
    assert len(_trained(home)) == before + 3
    again = nh.open_benchmark(_name(home))
    assert np.array_equal(_query(again, ["x=1, kind=b, y=1"] * 300, 1, noise).objectives[:, 0], told)
    assert len(_trained(home)) == before + 3
    fixed = registry.benchmark(_name(home), seed=2)
    assert set(_query(fixed, ["x=1, kind=b, y=1"] * 3, 1, noise[:3]).objectives[:, 0].tolist()) == {15.0}


def test_the_benchmark_keeps_the_rules(home):
    kept_rules = check_benchmark(nh.open_benchmark(_name(home)), np.random.default_rng(0))
    assert "answers do not depend on the batch" in kept_rules


def test_a_failure_is_kept_with_its_reason_and_not_tried_again(home):
    benchmark = nh.open_benchmark(_name(home))
    _query(benchmark, ["x=3, kind=a"], 1, None)
    before = len(_trained(home))
    assert np.isnan(_query(nh.open_benchmark(_name(home)), ["x=3, kind=a"], 1, None).objectives[0, 0])
    assert len(_trained(home)) == before
    facts = registry.describe_benchmark(_name(home))
    assert "x MemoryError: too large (mine.py, line" in facts["failed"]


def test_reports_know_what_was_trained_in_full_and_import_nothing(home, monkeypatch):
    _query(nh.open_benchmark(_name(home)), ["x=0, kind=a", "x=1, kind=a"], 1, None)
    _query(nh.open_benchmark(_name(home)), ["x=2, kind=b, y=1"], 0, None)

    def refuse(*_):
        raise AssertionError("code was imported")

    monkeypatch.setattr(classes, "_imported", refuse)
    monkeypatch.setattr(classes, "class_of", refuse)
    truth = registry.oracle(_name(home))
    archs = truth.space.parse(["x=0, kind=a", "x=2, kind=b, y=1"])
    assert truth.mean(archs[:1], "test_error").tolist() == [13.0]
    assert truth.trainings(archs[:1], "error").tolist() == [[11.0, 12.0, 13.0]]
    assert truth.optimum("error").value == 12.0
    assert truth.digest == registry.describe_benchmark(_name(home))["sha256"]
    assert len(truth.values("error")) == len(truth.archs)
    assert truth.test == "test_error"
    assert truth.columns["test_error"].held_out


def test_a_task_that_was_moved_with_its_results_is_found_by_its_content(home, tmp_path):
    benchmark = nh.open_benchmark(_name(home))
    _query(benchmark, ["x=0, kind=a"], 1, None)
    shutil.copytree(home, tmp_path / "moved", ignore=shutil.ignore_patterns("results", "__pycache__"))
    truth, address = open_truth(str(tmp_path / "gone" / "mine.py:Mine"), benchmark.digest, tmp_path / "moved")
    assert (truth.digest, address) == (benchmark.digest, _name(tmp_path / "moved"))


@pytest.mark.parametrize(("old", "new"), [(b'"seeds": 3', b'"seeds": "a"'), (b"Mine", b"Mi\xff"), (b'"split"', b'"a"')])
def test_a_damaged_record_of_a_task_is_told(home, old, new):
    registry.benchmark(_name(home))
    path = kept.known(_name(home)).folder / "task.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(old, new))
    with pytest.raises(TableError, match=r"task.json.*damaged.*; remove it, and open the task again"):
        kept.kept_of(_name(home))
    registry.benchmark(_name(home))
    assert path.read_bytes() == content


def test_nothing_that_is_held_out_is_told(home):
    with pytest.raises(HarnessError, match=r"'test_error' of .* is held out"):
        nh.open_benchmark(_name(home), objectives=["test_error"])
    with pytest.raises(HarnessError, match=r"'test_error' of .* is held out"):
        nh.open_benchmark(_name(home), constraints=["test_error <= 3"])
    told = kept.known(_name(home)).table()
    assert "test_error" not in told.columns
    assert told.held_out == ("test_error",)
    assert np.isnan(told.rows().held_out).all(), "which lies in files of its own"


def test_a_strategy_asks_nothing_by_itself(home):
    benchmark = nh.open_benchmark(_name(home))
    with running("the strategy Mine"), pytest.raises(HarnessError, match="must not be opened or asked"):
        _query(benchmark, ["x=0, kind=a"], 1, None)


def test_what_the_module_or_its_own_modules_say_is_another_task(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    digests = set()
    for pause, scale in ((0.0, "1.0"), (0.0, "2.0"), (0.001, "2.0")):
        digests.add(nh.open_benchmark(_name(_written(tmp_path, pause, scale))).digest)
    assert len(digests) == 3
    (tmp_path / "elsewhere").mkdir()
    assert nh.open_benchmark(_name(_written(tmp_path / "elsewhere"))).digest in digests, "a path is only an address"
    assert len(digests) == len(list((tmp_path / "home" / "tasks").iterdir()))
    (tmp_path / "mine.py").write_text("# new")
    with pytest.raises(TableError, match=r"nothing is known of the task .* `nas-harness check"):
        registry.oracle(_name(tmp_path))


def test_versions_of_libraries_are_part_of_the_task(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    text = FILE.replace("PAUSE", "0").replace("seeds = 3", "libraries = ('numpy',)")
    (tmp_path / "scale.py").write_text("SCALE = 1.0")
    (tmp_path / "mine.py").write_text(text)
    now = nh.open_benchmark(_name(tmp_path)).digest
    monkeypatch.setattr(kept, "version", lambda library: "0.0")
    assert nh.open_benchmark(_name(tmp_path)).digest != now
    monkeypatch.undo()
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    assert kept.known(_name(tmp_path)).digest == now, "that of what is installed"
    (tmp_path / "mine.py").write_text(text.replace("'numpy'", "'nampy'"))
    with pytest.raises(HarnessError, match="name installed packages, as `pip list` does"):
        nh.open_benchmark(_name(tmp_path))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mine.py", "a task is named by its class, '.*mine.py:MyTask'"),
        ("mine.py:Mime", "unknown class in mine.py 'Mime'. Did you mean 'Mine'"),
        ("mime.py:Mine", "there is no file"),
        ("scale.py:np", "unknown class in scale.py 'np'"),
    ],
)
def test_names_that_lead_nowhere_say_where(home, name, said):
    with pytest.raises(HarnessError, match=said):
        nh.open_benchmark(str(home / name))


def test_a_strategy_is_no_benchmark():
    with pytest.raises(HarnessError, match=r"must be a subclass of harness.Task to be searched"):
        nh.open_benchmark(str(ROOT / "examples" / "my_strategy.py:MyStrategy"))


def test_what_a_task_does_not_tell_is_refused(home):
    with pytest.raises(HarnessError, match=r"unknown column of .* 'eror'"):
        nh.open_benchmark(_name(home), objectives=["eror"])
    with pytest.raises(HarnessError, match=r"trains, and tells no other columns, got \['size'\]; leave it out"):
        nh.open_benchmark(_name(home), auxiliary=["size"])
    with pytest.raises(HarnessError, match="`seed` must be at most 2"):
        registry.benchmark(_name(home), seed=3)
    with pytest.raises(HarnessError, match=r"`budget.seconds` needs training seconds"):
        nh.run("random_search", _name(home, "Timeless"), seconds=10.0)


def test_one_training_is_the_mean_over_the_space(home):
    trained = registry.benchmark(_name(home)).space.parse(["x=0, kind=a"])
    registry.benchmark(_name(home)).query(Proposals.of(trained, 1), noise_seed=np.zeros(1, dtype=np.uint64))
    assert unit_seconds(registry.oracle(_name(home))) == pytest.approx(2.0 * 3 * 2.5), (
        "x is 0 to 3, whatever was trained"
    )
    registry.benchmark(_name(home, "Timeless"))
    assert np.isnan(unit_seconds(TaskOracle(_name(home, "Timeless"), kept.known(_name(home, "Timeless")))))


def test_seconds_that_cannot_be_are_refused(home):
    benchmark = nh.open_benchmark(_name(home))
    benchmark._task = type("Mine", (), {"seconds": staticmethod(lambda config, fidelity: 0.0)})
    with pytest.raises(HarnessError, match="`seconds of Mine` must be greater than 0"):
        benchmark._said([{}], np.array([0]))
    benchmark._task = type("Mine", (), {"seconds": staticmethod(lambda config, fidelity: config["z"])})
    with pytest.raises(HarnessError, match="`seconds` of Mine failed: KeyError: 'z'"):
        benchmark._said([{}], np.array([0]))


def test_an_architecture_is_described_and_not_trained(home, capsys):
    before = len(_trained(home))
    assert main(["describe", "--space", _name(home), "--arch", "x=1, kind=b, y=2"]) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert "x=0, kind=b, y=2" in printed
    assert main(["describe", _name(home)]) == 0, capsys.readouterr().err
    assert "y is there only where kind is b" in capsys.readouterr().out
    assert len(_trained(home)) == before


SPEC = """
name = "mine"
benchmarks = ["mine.py:Mine"]
objectives = ["error", "size"]
constraints = ["size <= 3"]
replicates = 2

[budget]
seconds = 300.0

[[strategies]]
name = "random_search"

[[strategies]]
name = "nsga2"
hyperparameters = { population = 4 }
"""


def test_a_spec_is_checked_without_any_training(home, monkeypatch):
    monkeypatch.chdir(home)
    (home / "spec.toml").write_text(SPEC)
    before = len(_trained(home))
    assert prepare(nh.load_spec("spec.toml")).notices == ()
    assert len(_trained(home)) == before


@pytest.mark.slow
def test_a_spec_is_run(home, monkeypatch, capsys):
    monkeypatch.chdir(home)
    (home / "spec.toml").write_text(SPEC)
    assert main(["run", "spec.toml"]) == 0, capsys.readouterr().err
    results = nh.read_results("results/mine")
    assert len(results.runs) == 4
    frame = nh.frame(results)
    assert np.isfinite(frame["validation"]).any()


PROGRAM = """
import sys, warnings
import numpy as np
from harness import registry
from harness.records import Proposals
warnings.simplefilter("ignore")
benchmark = registry.benchmark(sys.argv[1])
archs = benchmark.space.sample(14, np.random.default_rng(0))
told = benchmark.query(Proposals.of(archs, 1), noise_seed=np.arange(14, dtype=np.uint64))
print(told.objectives[:, 0].tolist())
"""


def test_a_search_that_is_killed_goes_on_and_trains_nothing_twice(tmp_path, monkeypatch):
    answers = []
    for kills in (0, 1):
        folder = tmp_path / str(kills)
        folder.mkdir()
        _written(folder, pause=0.1)
        monkeypatch.setenv("NAS_HARNESS_HOME", str(folder / "home"))
        command = [sys.executable, "-c", PROGRAM, _name(folder)]
        if kills:
            victim = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            wait_for(lambda folder=folder, victim=victim: len(_trained(folder)) >= 8 or victim.poll() is not None)
            victim.kill()
            victim.wait()
            assert len(kept.known(_name(folder)).table()) > 0
        answers.append(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        lines = _trained(folder)
        assert len(kept.known(_name(folder)).table()) == len(set(lines))
        assert len(lines) - len(set(lines)) <= 7 * kills, "what was trained in the last half second"
    assert answers[0] == answers[1]
