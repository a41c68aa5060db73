"""The ends of commands: mistakes in specs, signals at any moment, cut pipes, full disks."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import harness as nh
from harness.cli import exit as cli_exit
from harness.cli.__main__ import main
from tests.harness.cli.test_run import SLEEPER, SPEC, command
from tests.paths import ROOT
from tests.patience import PATIENCE, wait_for

HEAD = 'benchmarks = ["nb201-cifar10"]\n'
BUDGET = "[budget]\nevaluations = 5\n"
STRATEGY = '[[strategies]]\nname = "random_search"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + "replicates = 4294967296\n" + BUDGET + STRATEGY, "`replicates` must be at most 1000000"),
        (HEAD + f"replicates = {'9' * 5000}\n" + BUDGET + STRATEGY, "not valid TOML"),
        (HEAD + f"seed = {'9' * 60}\n" + BUDGET + STRATEGY, "more than 128 bits"),
        (HEAD + "replicates = true\n" + BUDGET + STRATEGY, "`replicates` must be a valid integer, got True"),
        (HEAD + "replicates = -0.0\n" + BUDGET + STRATEGY, "`replicates` must be a valid integer, got -0.0"),
        (HEAD + "replicates = 0\n" + BUDGET + STRATEGY, "`replicates` must be at least 1"),
        (HEAD + "n_workers = 4294967296\n" + BUDGET + STRATEGY, "`n_workers` must be at most 100000"),
        (HEAD + "replicates_per_shard = 4294967296\n" + BUDGET + STRATEGY, "`replicates_per_shard` must be at most"),
        (HEAD + "replicates = 200000\nreplicates_per_shard = 1\n" + BUDGET + STRATEGY, "at most 100,000 shards"),
        (HEAD + "replicates = 1000000\n" + BUDGET + STRATEGY * 2, "given once each"),
        (HEAD + "[budget]\nevaluations = 100000000\n" + STRATEGY, "make at most 100,000,000 evaluations"),
        (HEAD + "n_workers = 100000\nreplicates = 1000\nreplicates_per_shard = 1000\n" + BUDGET + STRATEGY,
         "at most 10,000,000 simulated workers"),
        (HEAD + "[budget]\nevaluations = 1e308\n" + STRATEGY, "`budget.evaluations` must be a valid integer"),
        *[(HEAD + f"[budget]\nseconds = {value}\n" + STRATEGY, "`seconds` must be") for value in
          ("inf", "nan", "-inf", "1e308", "0.0", "-0.0", "-1.0")],
        (HEAD + "[budget]\nseconds = true\n" + STRATEGY, "`budget.seconds` must be a valid number"),
        (HEAD + BUDGET + "[[strategies]]\nname = 3\n", "`strategies[0].name` must be a valid string, got 3"),
        (HEAD + BUDGET + '[[strategies]]\nname = "bananas"\nsurrogate = { name = 3 }\n', "must be text, got 3"),
        (HEAD + BUDGET + '[[strategies]]\nname = "bananas"\nsurrogate = { name = ["ridge"] }\n', "must be text"),
        (HEAD + BUDGET + '[[strategies]]\nname = "bananas"\nsurrogate = { name = "ridge", encoding = {} }\n',
         "encoding"),
        (HEAD + BUDGET + '[[strategies]]\nname = "random_search"\nhyperparameters = { a = 2020-01-01 }\n', "parameter"),
        (HEAD + "objectives = [3]\n" + BUDGET + STRATEGY, "objectives"),
        ("a = " + "[" * 100_000, "nests more than"),
        ('name = "toy"\nspace = "nb201"\nvalidation = "v"\n[columns.v]\nunit = "percent"\n', "this is no spec"),
    ],
)  # fmt: skip
def test_a_spec_that_nobody_means_is_refused_before_anything_is_made(text, expected, tmp_path, capsys):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    began = time.process_time()
    assert main(["run", str(path), "--out", str(tmp_path / "out")]) == cli_exit.MISTAKE
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}"), error
    assert expected in error
    assert len(error) < 600
    assert not (tmp_path / "out").exists()
    assert time.process_time() - began < 10


def test_more_processes_than_a_machine_has_are_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("harness.experiments.processes.has_cuda", lambda: False)
    monkeypatch.setattr("harness.api.has_cuda", lambda: False)
    (tmp_path / "small.toml").write_text(SPEC)
    assert main(["run", str(tmp_path / "small.toml"), "--workers", "4294967296", "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
    with pytest.raises(nh.HarnessError, match="strategies"):
        nh.run(3, "nb201-cifar10", evaluations=5)  # type: ignore[arg-type]  # the mistake that is tested
    with pytest.raises(nh.HarnessError, match="needs a CUDA device"):
        nh.run("random_search", "nb201-cifar10", evaluations=5, device="cuda")
    with pytest.raises(nh.HarnessError, match="benchmarks"):
        nh.run("random_search", 3, evaluations=5)  # type: ignore[arg-type]  # the mistake that is tested


@pytest.mark.parametrize("body", ["import sys; sys.exit(0)", "raise KeyboardInterrupt", "import os; os._exit(0)"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_strategy_that_ends_the_process_fails_alone(body, workers, tmp_path):
    """In a process of its own: it tries to end it."""
    text = f"from harness import Strategy\nclass Ender(Strategy):\n    def propose(self, n):\n        {body}\n"
    (tmp_path / "ender.py").write_text(text)
    (tmp_path / "small.toml").write_text(SPEC.replace('"local_search"', '"ender.py:Ender"'))
    words = command("run", tmp_path / "small.toml", "--out", tmp_path, "--workers", workers)
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == cli_exit.INCOMPLETE, run.stderr
    assert "2 shards computed, 0 reused, 2 failed" in run.stdout


def left_of(group: int) -> list[str]:
    """Return the processes of a group that are there."""
    left = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgrp) == group and state != "Z":
            left.append(stat.parent.name)
    return left


def test_a_file_that_ends_the_process_when_it_is_built_or_imported_is_told(tmp_path, capsys):
    for name, text in {
        "built": "from harness import Strategy\nclass E(Strategy):\n    def __init__(self, *given):\n"
        "        raise SystemExit(0)\n",
        "imported": "import sys\nsys.exit(0)\n",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)
        (tmp_path / "s.toml").write_text(HEAD + BUDGET + f'[[strategies]]\nname = "{name}.py:E"\n')
        assert main(["run", str(tmp_path / "s.toml"), "--out", str(tmp_path / "out")]) == cli_exit.MISTAKE
        assert capsys.readouterr().err.startswith("error: ")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_signals_end_a_run_like_ctrl_c(name, tmp_path):
    (tmp_path / "sleeper.py").write_text(SLEEPER.format(few=1))
    spec = tmp_path / "small.toml"
    spec.write_text(SPEC.replace('"local_search"', '"sleeper.py:Sleeper"'))
    words = command("run", spec, "--out", tmp_path, "--workers", 2)
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: list((tmp_path / "small").glob("*.h5")) or process.poll() is not None)
    number = getattr(signal, name)
    os.killpg(process.pid, number)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number, error
    assert error.strip() == "interrupted: finished shards are kept; the same command continues"
    assert not list((tmp_path / "small").glob(".*.unfinished"))
    wait_for(lambda: not left_of(process.pid))  # no orphans are left


@pytest.mark.parametrize("milliseconds", [60, 150, 400])
def test_a_signal_during_imports_leaves_no_traceback(milliseconds, tmp_path):
    """From the moment on at which the interpreter is up; before that it is its own."""
    program = f"""
import os, sys, threading
from harness.cli.__main__ import main
threading.Timer({milliseconds / 1000}, os.kill, (os.getpid(), 2)).start()
sys.exit(main())
"""
    words = [sys.executable, "-c", program, "describe", "bananas"]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 130), run.stderr
    assert run.stderr in ("", "interrupted\n")


def test_what_was_ignored_at_the_start_stays_ignored(tmp_path):
    program = (
        "import signal, sys\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\nfrom harness.cli.signals import handled\n"
    )
    program += "import os\nwith handled(to_the_end=True):\n    os.kill(os.getpid(), signal.SIGHUP)\n    print('on')\n"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "on\n"


@pytest.mark.parametrize("within", [False, True], ids=["once", "and again while it is lost"])
def test_an_interrupt_inside_a_callback_is_not_lost(within):
    program = f"""
import os, signal, time, weakref
from harness.cli import signals
class Thing: pass
def callback(reference):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)
again, calls = signals._again, []
def at_once(number):
    calls.append(number)
    if {within} and len(calls) == 1:
        os.kill(os.getpid(), number)
        time.sleep(0.01)
    again(number)
signals._again = at_once
with signals.handled(to_the_end=True), signals.raised():
    thing = Thing(); reference = weakref.ref(thing, callback)
    try:
        del thing
        time.sleep(600)
    except KeyboardInterrupt as stop:
        print("interrupted", stop.signal_number)
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("interrupted 15\n", "")


@pytest.mark.parametrize("words", ["list benchmarks", "run", "describe nb201-cifar10"])
def test_a_reader_that_has_read_enough_is_no_error(words, tmp_path):
    (tmp_path / "small.toml").write_text(SPEC)
    given = ["run", str(tmp_path / "small.toml"), "--out", str(tmp_path)] if words == "run" else words.split()
    ours, theirs = os.pipe()
    os.close(ours)
    run = subprocess.run(command(*given), cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    assert run.returncode in (cli_exit.CUT_PIPE, -signal.SIGPIPE), run.stderr
    assert run.stderr == ""


def test_an_output_that_is_full_or_closed_is_told():
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            command("--version"), cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert run.returncode == cli_exit.MISTAKE
    assert run.stderr == "error: cannot write to standard output: No space left on device\n"
    shell = f"{sys.executable} -m harness.cli list spaces >&-"
    run = subprocess.run(shell, shell=True, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S602  # the redirections of a shell are tested
    assert (run.returncode, run.stderr) == (0, "")


def test_a_file_that_may_not_grow_is_named(tmp_path):
    """As on a full disk: nothing half-written stays."""
    spec = tmp_path / "small.toml"
    spec.write_text(SPEC)
    words = command("run", spec, "--out", tmp_path)
    subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    for path in (tmp_path / "small").glob("*.h5"):
        path.unlink()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert run.returncode == cli_exit.MISTAKE, run.stderr
    assert "File too large" in run.stderr
    assert str(tmp_path / "small") in run.stderr
    assert "Traceback" not in run.stderr
    assert not list((tmp_path / "small").glob(".*.unfinished"))
