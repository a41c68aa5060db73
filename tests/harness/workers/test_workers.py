"""Processes that train: what goes wrong in one is told, ends nothing else, and hangs nobody."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.own.classes import class_of, file_sha256
from harness.workers.definition import definition_of
from harness.workers.workers import GIVE_UP, Request, Workers
from tests.paths import ROOT
from tests.patience import wait_for

FILE = """
import os, signal, subprocess, sys, time
from harness import Column, Genes, Task

class Mine(Exception):
    pass

class Faulty(Task):
    space = Genes(how=["well"])
    columns = (Column("loss", "", "minimise", "validation"),)
    timeout_seconds = 2.0

    def __init__(self):
        print("made")

    def train(self, config, seed):
        how = config["how"]
        print(how)
        if how == "raise":
            raise ValueError("two\\nlines")
        if how == "stop":
            raise SystemExit(3)
        if how == "hang":
            child = subprocess.Popen(["sleep", "600"])
            open(os.path.join(os.path.dirname(__file__), "child"), "w").write(str(child.pid))
            time.sleep(600)
        if how == "end":
            sys.stderr.write("the last words")
            sys.stderr.flush()
            os._exit(3)
        if how == "read":
            subprocess.run(["cat"], check=True)
            input()
        if how == "fork":
            os.fork()
        if how == "write":
            for number in range(3, 20):
                try:
                    os.write(number, b"[1]\\n")
                except OSError:
                    pass
        if how == "own":
            raise Mine("two")
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return {"loss": {"nan": float("nan"), "text": "low"}.get(how, seed + 0.5)}

class Batched(Faulty):
    batch, timeout_seconds = 3, 60.0

    def train_many(self, configs, seeds):
        with open(os.path.join(os.path.dirname(__file__), "batches"), "a") as file:
            file.write(f"{len(configs)} ")
        if any(config["how"] == "short" for config in configs):
            return []
        return [self.train(config, seed) for config, seed in zip(configs, seeds)]

class Unmade(Faulty):
    def __init__(self):
        raise OSError("no data")

class Side(Faulty):
    processes, timeout_seconds = 2, 60.0

    def train(self, config, seed):
        folder = os.path.dirname(__file__)
        open(os.path.join(folder, f"here {seed}"), "w").close()
        while not os.path.exists(os.path.join(folder, f"here {1 - seed}")):
            time.sleep(0.01)
        return {"loss": float(os.environ["OMP_NUM_THREADS"])}
"""


@pytest.fixture
def workers(tmp_path):
    """Make the workers of a class of the file."""
    (tmp_path / "mine.py").write_text(FILE)
    made = []

    def make(name: str) -> Workers:
        where = f"{tmp_path / 'mine.py'}:{name}"
        made.append(Workers(where, str(file_sha256(where)), definition_of(class_of(where))))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _run(workers: Workers, *hows: str):
    requests = [Request({"how": how}, seed, 0) for seed, how in enumerate(hows)]
    done = dict(workers.train(requests))
    return [done[place] for place in range(len(requests))]


def _is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_every_fault_is_told_in_one_line_and_the_next_training_ends_well(workers, tmp_path):
    hows = ["well", "raise", "nan", "text", "stop", "hang", "end", "kill", "well", "read", "well"]
    hows += ["fork", "well", "write", "well", "own"]
    done = _run(workers("Faulty"), *hows)
    said = [one.reason for one in done]
    well = (0, 8, 10, 11, 12, 14)
    assert [done[place].values[0] for place in well] == [place + 0.5 for place in well]
    assert {said[place] for place in well} == {""}
    assert said[13].startswith("what its process answered cannot be read")
    assert said[15].startswith("mine.Mine: two")
    assert all(math.isnan(one.values[0]) for one in done[1:8])
    assert said[9].startswith("EOFError"), "what is sent to the process is not for the training"
    assert not any("\n" in text for text in said)
    assert re.fullmatch(r"ValueError: two lines \(mine.py, line \d+\)", said[1])
    assert said[2] == "'loss' is nan"
    assert said[3] == "'loss' must be one number, got 'low'"
    assert re.fullmatch(r"SystemExit: 3 \(mine.py, line \d+\)", said[4])
    assert said[5] == "it took longer than `timeout_seconds` = 2, and was ended"
    assert said[6] == "its process ended with exit status 3; it printed: made end the last words"
    assert said[7] == "its process was killed by SIGKILL, out of memory?; it printed: made kill"
    assert done[5].seconds >= 2.0
    wait_for(lambda: _is_gone(int((tmp_path / "child").read_text())))  # what a training starts ends with it


def test_a_batch_that_fails_is_trained_again_one_by_one(workers, tmp_path):
    done = _run(workers("Batched"), "well", "well", "raise", "well", "short")
    assert [one.values[0] for one in done[:2]] == [0.5, 1.5]
    assert "ValueError" in done[2].reason
    assert done[3].reason == ""
    assert "`train_many` must return 1 results, one a choice, got 0" in done[4].reason
    assert (tmp_path / "batches").read_text() == "3 1 1 1 2 1 1 "


def test_processes_work_side_by_side_with_one_thread_each(workers):
    assert [one.values for one in _run(workers("Side"), "well", "well")] == [(1.0,), (1.0,)]


def test_a_task_that_cannot_be_made_is_told_at_once(workers):
    with pytest.raises(HarnessError, match=r"'.*:Unmade' cannot be made: OSError: no data \(mine.py, line \d+\)"):
        _run(workers("Unmade"), "well")


def test_where_all_fails_at_first_the_rest_is_not_tried(workers):
    with pytest.raises(HarnessError, match=f"the first {GIVE_UP} trainings of '.*' failed, the last one because: Val"):
        _run(workers("Faulty"), *["raise"] * (GIVE_UP + 5))


def test_a_file_that_changed_is_not_trained(workers, tmp_path):
    stale = workers("Faulty")
    (tmp_path / "mine.py").write_text(FILE + "\n# changed")
    with pytest.raises(HarnessError, match="changed while it was used"):
        _run(stale, "well")


def test_what_runs_is_ended_with_its_parent(tmp_path):
    (tmp_path / "mine.py").write_text(FILE.replace("timeout_seconds = 2.0", "timeout_seconds = 600.0"))
    program = f"""
from harness.workers.workers import Request, workers_of
from harness.own.classes import file_sha256
name = {str(tmp_path / "mine.py")!r} + ":Faulty"
list(workers_of(name, file_sha256(name)).train([Request({{"how": "hang"}}, 0, 0)]))
"""
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    child = tmp_path / "child"
    wait_for(lambda: (child.exists() and child.read_text()) or parent.poll() is not None)
    assert parent.poll() is None
    parent.kill()
    parent.wait()
    wait_for(lambda: _is_gone(int(child.read_text())))
