from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.cli import exit as cli_exit
from harness.cli.__main__ import main
from harness.experiments.progress import Progress, sentence
from tests.paths import ROOT
from tests.patience import PATIENCE, wait_for

SPEC = """
benchmarks = ["nb201-cifar10"]
replicates = 4
replicates_per_shard = 2
[budget]
evaluations = 20
[[strategies]]
name = "random_search"
[[strategies]]
name = "local_search"
"""

RULE_BREAKER = """
import numpy as np
from harness import Strategy

class Bad(Strategy):
    def propose(self, n):
        {body}
"""

SLEEPER = """
import time
from pathlib import Path
from harness import Strategy

HERE, FEW = Path(__file__).parent, {few}

class Sleeper(Strategy):
    def propose(self, n):
        while len(list((HERE / "small").glob("*.h5"))) >= FEW and not (HERE / "awake").exists():
            time.sleep(0.01)
        return self.proposals(self.problem.space.sample(1, self.rng))
"""
"""A strategy that sleeps, once there are results of a few shards, until the file `awake` is there."""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SPEC)
    return path


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "harness.cli", *map(str, words)]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.h5")}


def test_a_run_leaves_its_shards_and_a_second_one_nothing_to_do(spec, tmp_path, capsys):
    assert main(["run", str(spec), "--out", str(tmp_path / "out")]) == 0
    first = capsys.readouterr()
    assert "4 shards computed, 0 reused" in first.out
    assert f"nas-harness report {tmp_path / 'out' / 'small'}" in first.out
    assert first.err == "", "quiet when stderr is no terminal"
    before = bytes_of(tmp_path / "out" / "small")
    assert len(before) == 4

    assert main(["run", str(spec), "--out", str(tmp_path / "out")]) == 0
    assert "nothing to do, all 4 shards are there" in capsys.readouterr().out
    assert bytes_of(tmp_path / "out" / "small") == before


def test_more_replicates_add_shards_and_rerun_nothing(spec, tmp_path, capsys):
    main(["run", str(spec), "--out", str(tmp_path)])
    before = bytes_of(tmp_path / "small")
    spec.write_text(SPEC.replace("replicates = 4", "replicates = 6"))
    capsys.readouterr()
    assert main(["run", str(spec), "--out", str(tmp_path), "--json"]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["computed"], outcome["reused"], outcome["failed"]) == (2, 4, [])
    assert before.items() <= bytes_of(tmp_path / "small").items()


def test_a_damaged_shard_is_computed_again(spec, tmp_path, capsys):
    main(["run", str(spec), "--out", str(tmp_path)])
    victim = sorted((tmp_path / "small").glob("*.h5"))[0]
    victim.write_bytes(victim.read_bytes()[:100])
    capsys.readouterr()
    assert main(["run", str(spec), "--out", str(tmp_path)]) == 0
    assert "1 shard computed, 3 reused" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("replicates = 4", "replicate = 4", ["small.toml: unknown key 'replicate'", "Did you mean 'replicates'?"]),
        ('"nb201-cifar10"', '"nb201-cifr10"', ["small.toml: `benchmarks[0]`", "Did you mean 'nb201-cifar10'?"]),
        ('"local_search"', '"local_serch"', ["small.toml: `strategies[1]`", "Did you mean 'local_search'?"]),
        (
            '"local_search"',
            '"regularized_evolution"\nhyperparameters = { popluation = 9 }',
            ["small.toml: `strategies[1]`", "Did you mean 'population'?"],
        ),
        (
            '"local_search"',
            '"regularized_evolution"\nhyperparameters = { sample = 101 }',
            ["small.toml: `strategies[1]`", "`sample` must be at most 100, got 101"],
        ),
        ("replicates = 4", 'replicates = 4\nobjectives = ["valid_acuracy"]', ["small.toml", "valid_accuracy"]),
        ("replicates = 4", 'replicates = 4\nconstraints = ["parms_m <= 1"]', ["small.toml", "params_m"]),
        ('"local_search"', '"bananas"\nsurrogate = { name = "rigde" }', ["`strategies[1]`", "Did you mean 'ridge'?"]),
    ],
)
@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_mistake_is_told_before_anything_runs(verb, old, new, expected, spec, tmp_path, capsys):
    spec.write_text(SPEC.replace(old, new))
    words = [str(spec)] if verb == "check" else [str(spec), "--out", str(tmp_path / "out")]
    assert main([verb, *words]) == cli_exit.MISTAKE
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert all(part in error for part in expected), error
    assert not (tmp_path / "out").exists()


def test_a_time_budget_is_refused_where_a_table_has_no_times(spec, capsys):
    spec.write_text(SPEC.replace("evaluations = 20", "seconds = 1000").replace("nb201-cifar10", "graph-cora"))
    assert main(["check", str(spec)]) == cli_exit.MISTAKE
    error = capsys.readouterr().err
    assert "graph-cora" in error
    assert "evaluations" in error


def test_a_place_that_cannot_be_written_to_is_a_mistake(spec, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["run", str(spec), "--out", str(tmp_path / "file")]) == cli_exit.MISTAKE
    error = capsys.readouterr().err
    assert error.startswith("error: cannot make the folder of results")
    assert "is no folder" in error
    assert len(error.splitlines()) == 1


def test_a_bug_keeps_its_traceback(spec, monkeypatch):
    monkeypatch.setattr("harness.experiments.prepare.prepare", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["run", str(spec)])


def test_a_missing_spec_is_a_mistake(tmp_path, capsys):
    assert main(["run", str(tmp_path / "gone.toml")]) == cli_exit.MISTAKE
    assert "no such spec file" in capsys.readouterr().err


def test_check_says_how_many_shards_a_spec_has(spec, capsys):
    assert main(["check", str(spec)]) == 0
    assert "4 shards on 1 benchmark" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return self.proposals(np.full((1, 6), 9, dtype=np.uint8))", ["error: ", "Bad", "valid"]),
        ("raise RuntimeError('out of ideas')", ["Traceback", "RuntimeError: out of ideas"]),
    ],
)
def test_a_strategy_that_fails_loses_its_own_shards_only(body, expected, spec, tmp_path, capsys):
    (tmp_path / "bad.py").write_text(RULE_BREAKER.format(body=body))
    spec.write_text(SPEC.replace('"local_search"', '"bad.py:Bad"'))
    assert main(["run", str(spec), "--out", str(tmp_path)]) == cli_exit.INCOMPLETE
    captured = capsys.readouterr()
    assert "2 shards computed, 0 reused, 2 failed" in captured.out
    assert all(part in captured.err for part in expected), captured.err
    assert "failed: Bad on nb201-cifar10, replicates 0 to 1" in captured.err
    assert len(bytes_of(tmp_path / "small")) == 2


def test_cuda_that_is_not_there_is_a_mistake(spec, capsys, monkeypatch):
    monkeypatch.setattr("harness.experiments.processes.subprocess.run", lambda *_, **__: SimpleNamespace(returncode=1))
    assert main(["run", str(spec), "--device", "cuda"]) == cli_exit.MISTAKE
    assert "torch finds none: use --device cpu" in capsys.readouterr().err


def test_auto_takes_the_cpu_where_there_is_no_cuda(spec, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("harness.experiments.processes.subprocess.run", lambda *_, **__: SimpleNamespace(returncode=1))
    assert main(["run", str(spec), "--device", "auto", "--out", str(tmp_path)]) == 0
    assert main(["run", str(spec), "--out", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))["computed"] == 0


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_ctrl_c_keeps_whole_shards_and_the_same_command_continues(workers, spec, tmp_path):
    (tmp_path / "sleeper.py").write_text(SLEEPER.format(few=5))
    slow = SPEC.replace('"local_search"', '"sleeper.py:Sleeper"')
    spec.write_text(slow.replace("replicates_per_shard = 2", "replicates_per_shard = 1"))
    words = command("run", spec, "--out", tmp_path, "--workers", workers)
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    folder = tmp_path / "small"
    wait_for(lambda: len(list(folder.glob("*.h5"))) >= 5 or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == cli_exit.INTERRUPTED, error
    assert error.strip() == "interrupted: finished shards are kept; the same command continues"
    kept = bytes_of(folder)
    assert 5 <= len(kept) < 8

    (tmp_path / "awake").touch()
    again = subprocess.run([*words, "--json"], cwd=ROOT, capture_output=True, text=True, check=True)
    outcome = json.loads(again.stdout)
    assert outcome["computed"] + outcome["reused"] == 8
    assert outcome["reused"] == len(kept)
    assert kept.items() <= bytes_of(folder).items()
    assert {path.suffix for path in folder.iterdir() if not path.name.startswith(".")} == {".h5", ".json"}


def test_progress_names_strategy_replicates_and_time_left():
    now = Progress(3, 0, 8, "BANANAS", "nb201-cifar10", 25, 50, 1200, 125.0)
    assert sentence(now) == "about 2 min 5 s left · BANANAS on nb201-cifar10, replicates 25 to 49 · 1,200 evaluations"
    assert sentence(Progress(0, 0, 8)) == "time left unknown yet"


def test_progress_is_drawn_on_a_terminal(spec, tmp_path):
    """Under a pseudo-terminal of its own; stdout stays apart."""
    import pty

    ours, theirs = pty.openpty()
    run = subprocess.run(
        command("run", spec, "--out", tmp_path), cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, check=True
    )
    os.close(theirs)
    drawn = b""
    while chunk := _read(ours):
        drawn += chunk
    os.close(ours)
    assert b"shards" in drawn
    assert b"left \xc2\xb7 local_search on nb201" in drawn
    assert b"\x1b[" not in run.stdout


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 65536)
    except OSError:  # the other end of a pseudo-terminal is closed
        return b""


def test_a_budget_below_the_cheapest_training_is_told_by_check_and_run(tmp_path, spec, capsys):
    spec.write_text(SPEC.replace("evaluations = 20", "seconds = 500"))
    for arguments in (["check", str(spec)], ["run", str(spec), "--out", str(tmp_path / "results")]):
        assert main(arguments) == 0
        said = capsys.readouterr().err
        assert (
            "warning: `budget.seconds` = 500 is below what the cheapest training of 'nb201-cifar10' costs, 542.231 s"
            in said
        )


def test_a_strategy_is_checked_on_a_benchmark(tmp_path, capsys):
    assert main(["check", str(ROOT / "examples" / "my_strategy.py:MyStrategy"), "--benchmark", "nb201-cifar10"]) == 0
    assert "ok  opens no benchmark and no oracle while it runs" in capsys.readouterr().out
    assert main(["check", "nb201-cifar10", "--benchmark", "graph-cora"]) == cli_exit.MISTAKE
    assert main(["check", str(ROOT / "examples" / "quickstart.toml"), "--benchmark", "graph-cora"]) == cli_exit.MISTAKE
    assert "`--benchmark` is for strategies and surrogates" in capsys.readouterr().err
    assert main(["check", "random_search", "--benchmark", "nb201-cifr10"]) == cli_exit.MISTAKE
    assert "Did you mean 'nb201-cifar10'?" in capsys.readouterr().err
