"""A training that is killed, stopped or damaged continues to the same bits."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.training import recipe
from harness.training.checkpoint import Checkpoint, Progressed
from harness.training.curves import Curves
from harness.training.data.dataset import Dataset
from harness.training.engines.engine import EPOCH_METRICS, State, Task, never
from harness.training.engines.loop import train_pack
from harness.training.engines.reference import ReferenceLevel
from harness.training.engines.resident import ResidentLevel
from harness.training.interrupts import Stopped, requests
from harness.training.schedule import Member
from harness.training.trainer import train
from tests.paths import ROOT
from tests.patience import PATIENCE

ARCHS = [(3, 2, 1, 4, 0, 3), (1, 2, 0, 3, 3, 1), (3, 3, 3, 0, 0, 0)]
MICRO = recipe.load("micro").but(epochs=4, batch_size=10)
CPU = torch.device("cpu")

PROGRAM = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from tests.harness.training.test_checkpoint import ARCHS, MICRO, dataset
from harness.training.interrupts import Stopped
from harness.training.trainer import train

told = []

def tell(now):
    told.append(now)
    print(now.done, now.epoch, flush=True)
    if len(told) == 30:
        sys.stdin.read()  # until it is ended: it is never through before that

try:
    train(ARCHS[:2], [0, 1], MICRO.but(epochs=10), dataset(), level="R0", checkpoint=Path(sys.argv[1]),
          checkpoint_seconds=0.0, on_progress=tell)
except Stopped as stopped:
    sys.exit(128 + stopped.signal_number)
"""


def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    sizes = {"train": 36, "valid": 16, "test": 16}
    images = {split: rng.normal(size=(size, 1, 1, 12)).astype(np.float32) for split, size in sizes.items()}
    labels = {split: np.arange(size) % 4 for split, size in sizes.items()}
    return Dataset("noise", images, labels, 4, np.zeros(1, np.float32), np.ones(1, np.float32), flip=True, padding=2)


def equal(one: Curves, other: Curves) -> bool:
    names = (*EPOCH_METRICS, "test_loss", "test_accuracy", "status", "diverged_epoch")
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names)


class After:
    """Answer True from the n-th question on."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("level", [ReferenceLevel(), ResidentLevel()], ids=lambda level: level.name)
def test_any_step_may_be_the_last_before_a_resume(level, tmp_path):
    """Stop after every number of steps and evaluation batches, write, read, continue."""
    task, members = Task("nb201", MICRO.but(epochs=2, augment=True), dataset(), CPU), [Member(ARCHS[0], 3)]
    whole = train_pack(level, members, task)
    stopped_at = set()
    for questions in (0, 3, 4, 5, 9, 10):
        file = Checkpoint(tmp_path / f"{questions}", "run")
        kept: list[State] = []

        def keep(state: State, kept: list[State] = kept, file: Checkpoint = file) -> bool:
            kept.append(state)
            file.save(Progressed(State.fresh(1, 2), [[0]], state), now=True)
            return False

        asked = After(questions)
        part = train_pack(level, members, task, on_epoch=keep, interrupted=asked)
        if asked.left < 0:
            stopped_at.add((part.epoch, part.step))
            assert np.all(part.status == 2)
        progressed = Checkpoint(file.path, "run").load()
        assert progressed is not None
        done = train_pack(level, members, task, state=progressed.pack)
        for name, values in whole.metrics.items():
            assert np.array_equal(values, done.metrics[name]), (questions, name)
        for name, tensor in whole.tensors.items():
            assert torch.equal(tensor, done.tensors[name]), (questions, name)
    assert {(0, 0), (0, 3), (0, 4), (1, 0), (1, 4), (2, 0)} <= stopped_at


def test_a_stop_asked_by_the_caller_keeps_the_epoch():
    states = []

    def stop(state: State) -> bool:
        states.append(state.epoch)
        return state.epoch == 2

    task = Task("nb201", MICRO, dataset(), CPU)
    part = train_pack(ReferenceLevel(), [Member(ARCHS[0], 0)], task, on_epoch=stop)
    assert states == [1, 2]
    assert part.epoch == 2
    assert np.isnan(part.metrics["valid_loss"][0, 2:]).all()


def test_killed_and_stopped_processes_continue_to_the_same_bits(tmp_path):
    """kill -9 and SIGTERM at random moments, then the same call here, equal a run that was left alone."""
    rng = random.Random(time.time_ns())  # noqa: S311 - other moments in every run
    program = PROGRAM.format(paths=[str(ROOT)])
    plans = {"killed": signal.SIGKILL, "stopped": signal.SIGTERM}
    running = {
        name: subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in plans
    }
    for name, process in running.items():
        assert process.stdout is not None
        lines = rng.randint(1, 10)
        for _ in range(lines):
            process.stdout.readline()
        time.sleep(rng.random() * 0.02)
        process.send_signal(plans[name])
        process.communicate(timeout=PATIENCE)
        assert process.returncode == (-9 if name == "killed" else 128 + plans[name]), name
    given_recipe = MICRO.but(epochs=10)
    whole = train(ARCHS[:2], [0, 1], given_recipe, dataset(), level="R0")
    for name in plans:
        told = []
        resumed = train(
            ARCHS[:2],
            [0, 1],
            given_recipe,
            dataset(),
            level="R0",
            checkpoint=tmp_path / name,
            on_progress=told.append,
        )
        assert equal(whole, resumed), name
        assert len(told) < 4 * 10, f"{name} began again"


def test_finished_work_is_not_done_again(tmp_path):
    told = []
    first = train(ARCHS, [0], MICRO, dataset(), level="R0", checkpoint=tmp_path / "run")
    again = train(ARCHS, [0], MICRO, dataset(), level="R0", checkpoint=tmp_path / "run", on_progress=told.append)
    assert told == []
    assert equal(first, again)
    assert np.array_equal(first.seconds, again.seconds)


def stopped_halfway(path: Path) -> None:
    """Train until the second network's second epoch and ask to stop by a signal."""

    def stop(now) -> None:
        if now.done == 1 and now.epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped) as caught:
        train(ARCHS, [0], MICRO, dataset(), level="R0", checkpoint=path, checkpoint_seconds=0.0, on_progress=stop)
    assert caught.value.signal_number == signal.SIGTERM


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, damage):
    path = tmp_path / "run"
    stopped_halfway(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:-100], "flipped": content, "empty": b""}[damage])
    with pytest.warns(UserWarning, match=r"checkpoint '.*run' is damaged .*: the one before it is used"):
        resumed = train(ARCHS, [0], MICRO, dataset(), level="R0", checkpoint=path)
    assert equal(resumed, train(ARCHS, [0], MICRO, dataset(), level="R0"))


def test_two_damaged_checkpoints_start_again(tmp_path):
    path = tmp_path / "run"
    stopped_halfway(path)
    path.write_bytes(b"nothing")
    path.with_name("run.previous").write_bytes(b"nothing")
    with pytest.warns(UserWarning, match="damaged") as told:
        resumed = train(ARCHS, [0], MICRO, dataset(), level="R0", checkpoint=path)
    assert "starts again" in str(told[-1].message)
    assert equal(resumed, train(ARCHS, [0], MICRO, dataset(), level="R0"))


def test_a_damaged_checkpoint_never_replaces_a_sound_one(tmp_path):
    ledger = Progressed(State.fresh(1, 2), [[0]])
    writer = Checkpoint(tmp_path / "run", "a")
    writer.save(ledger, now=True)
    writer.save(ledger, now=True)
    sound = (tmp_path / "run.previous").read_bytes()
    (tmp_path / "run").write_bytes(b"nothing")
    reader = Checkpoint(tmp_path / "run", "a")
    with pytest.warns(UserWarning, match="damaged"):
        reader.load()
    reader.save(ledger, now=True)
    assert (tmp_path / "run.previous").read_bytes() == sound
    assert Checkpoint(tmp_path / "run", "a").load() is not None


@pytest.mark.parametrize(
    "changes",
    [{"seeds": [1]}, {"archs": ARCHS[:2]}, {"recipe": MICRO.but(momentum=0.8)}, {"level": "R1"}, {"threads": 2}],
)
def test_another_training_is_refused(tmp_path, changes):
    options = {"archs": ARCHS, "seeds": [0], "recipe": MICRO, "dataset": dataset(), "level": "R0"}
    Checkpoint(tmp_path / "run", "another").save(Progressed(State.fresh(3, 4), []), now=True)
    with pytest.raises(HarnessError, match="belongs to another training"):
        train(**options, checkpoint=tmp_path / "run")
    (tmp_path / "run").unlink()
    train(**(options | {"recipe": MICRO.but(epochs=1)}), checkpoint=tmp_path / "run")
    with pytest.raises(HarnessError, match="belongs to another training"):
        train(**(options | {"recipe": MICRO.but(epochs=1)} | changes), checkpoint=tmp_path / "run")


def test_two_processes_do_not_share_a_checkpoint(tmp_path):
    def nested(now) -> None:
        with pytest.raises(HarnessError, match="another process trains with checkpoint"):
            train(ARCHS, [0], MICRO, dataset(), level="R0", checkpoint=tmp_path / "run")

    train(ARCHS[:1], [0], MICRO.but(epochs=1), dataset(), level="R0", checkpoint=tmp_path / "run", on_progress=nested)


def test_checkpoints_are_written_as_often_as_asked(tmp_path):
    file = Checkpoint(tmp_path / "run", "a", every_seconds=1000.0)
    file.save(Progressed(State.fresh(1, 2), [[0]]))
    assert not file.path.exists()
    file.save(Progressed(State.fresh(1, 2), [[0]]), now=True)
    assert file.path.exists()
    assert not file.previous.exists()


def test_a_second_signal_ends_at_once():
    def interrupted_twice() -> None:
        with requests() as asked:
            os.kill(os.getpid(), signal.SIGINT)
            assert asked.came()
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped, match="SIGINT"):
        interrupted_twice()
    assert signal.getsignal(signal.SIGTERM) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_a_step_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr("harness.training.interrupts.GRACE_SECONDS", 0.05)

    def interrupted_in_a_long_step() -> None:
        with requests():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(600)

    started = time.monotonic()
    with pytest.raises(Stopped):
        interrupted_in_a_long_step()
    assert time.monotonic() - started < PATIENCE


def test_never_interrupts():
    assert not never()
