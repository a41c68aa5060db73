"""The choice of a level: proven, remembered, the fastest; what fails its proof is refused or passed over, and told."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.training import choice, levels, proofs
from harness.training.choice import choose_level
from harness.training.devices import compute_threads
from harness.training.engines.engine import Task
from harness.training.engines.packed.signals.networks import SignalNetworks
from harness.training.engines.proof import Trial
from harness.training.engines.timing import sample
from harness.training.proofs import Memory
from harness.training.trainer import train
from tests.harness.training.support import CELL, CPU, MICRO, pictures, signals

TASK = Task("nb201", MICRO.but(channels=4, cells=1), signals(), CPU)
ARCHS = np.array([CELL, (1,) * 6], dtype=np.uint8)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache folder."""
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "levels"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which levels have to prove themselves; R4 and R3 are sound, and take 2 and 1 ms where R0 takes 3."""
    names: list[str] = []
    monkeypatch.setattr(Trial, "fault", lambda self, level: names.append(level.name) or "")
    times = {"R4": 0.002, "R3": 0.001, "R0": 0.003}
    monkeypatch.setattr(choice, "seconds_per_step", lambda level, *given: times[level.name])
    return names


@pytest.fixture
def _broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break what R3 and R4 are made of."""

    def forward(self, images, *, training):
        raise RuntimeError("no kernel image is available\nfor this device")

    monkeypatch.setattr(SignalNetworks, "forward", forward)


@pytest.mark.usefixtures("home")
def test_auto_takes_the_fastest_and_says_why(asked):
    chosen = choose_level("auto", 2, 3, TASK)
    assert chosen.level.name == "R3"
    assert chosen.because == "the fastest here (R4 2 ms, R3 1 ms, R0 3 ms for a network's step)"
    assert chosen.passed_over == ()
    assert asked == ["R4", "R3"]


@pytest.mark.parametrize(
    ("times", "name"),
    [
        ({"R4": 1.0, "R3": 0.9, "R0": 2.0}, "R4"),  # not clearly faster: the order decides, the same on every day
        ({"R4": 1.0, "R3": 0.8, "R0": 2.0}, "R3"),
        ({"R4": 1.0, "R3": 1.1, "R0": 0.5}, "R0"),
        ({"R4": math.inf, "R3": 1.0, "R0": math.inf}, "R3"),
    ],
)
def test_a_level_must_be_clearly_faster_than_those_before_it(home, asked, monkeypatch, times, name):
    def measured(level, *given):
        if times[level.name] == math.inf:
            raise RuntimeError("out of memory")
        return times[level.name]

    monkeypatch.setattr(choice, "seconds_per_step", measured)
    assert choose_level("auto", 5, 1, TASK).level.name == name


@pytest.mark.parametrize(("archs", "seeds"), [(0, 1), (1, 1), (1, 0)])
def test_auto_packs_networks_only_if_there_are_several(asked, archs, seeds):
    assert choose_level("auto", archs, seeds, TASK).level.name == "R0"
    assert asked == []


def test_auto_on_images_of_a_cpu_is_r0(asked):
    chosen = choose_level("auto", 9, 3, Task("nb201", MICRO, pictures(), CPU))
    assert (chosen.level.name, chosen.because) == ("R0", "no faster level fits the work")
    assert asked == []


def test_a_proof_is_remembered_for_its_device_versions_code_threads_and_task(home, asked, monkeypatch):
    choose_level("auto", 2, 3, TASK)
    choose_level("auto", 2, 3, TASK)
    choose_level("R4", 7, 1, replace(TASK, dataset=signals(seed=3)))  # other values, the same shape
    choose_level("R4", 7, 1, replace(TASK, recipe=TASK.recipe.but(name="other", epochs=9)))
    assert asked == ["R4", "R3"]
    assert len(list(home.iterdir())) == 5
    choose_level("R4", 2, 3, replace(TASK, recipe=TASK.recipe.but(channels=8)))
    with compute_threads(2):
        choose_level("R4", 2, 3, TASK)
    for name, changed in (("code_sha256", lambda: "x"), ("device_facts", lambda device: ["b"])):
        with monkeypatch.context() as patched:
            patched.setattr(proofs, name, changed)
            choose_level("R4", 2, 3, TASK)
    real = proofs._version
    for package in ("torch", "triton"):
        with monkeypatch.context() as patched:
            patched.setattr(proofs, "_version", lambda name, package=package: "9" if name == package else real(name))
            choose_level("R4", 2, 3, TASK)
    assert asked[2:] == ["R4"] * 6


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[" * 5000,
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"answer": true}',
        b'{"facts": {}, "answer": true}',
        b"0" * 10**6,
    ],
)
def test_garbage_in_the_memory_is_ignored(home, asked, content):
    choose_level("auto", 2, 3, TASK)
    for path in home.iterdir():
        path.write_bytes(content)
    assert choose_level("auto", 2, 3, TASK).level.name == "R3"
    assert asked == ["R4", "R3"] * 2
    assert choose_level("auto", 2, 3, TASK).level.name == "R3"
    assert asked == ["R4", "R3"] * 2, "it was written anew"


@pytest.mark.parametrize("answer", [1, "yes", None, -1.0, 1e999, [True]])
def test_an_answer_of_another_kind_is_none(home, asked, answer):
    choose_level("auto", 2, 3, TASK)
    for path in home.iterdir():
        path.write_text(json.dumps(json.loads(path.read_text()) | {"answer": answer}))
    memory = Memory(TASK)
    assert not memory.is_proven("R4")
    assert memory.seconds("R4", *sample(2, 3)) is None


def test_without_a_cache_folder_levels_are_proven_each_time(tmp_path, asked, monkeypatch):
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    for _ in range(2):
        assert choose_level("auto", 2, 3, TASK).level.name == "R3"
    assert asked == ["R4", "R3"] * 2


@pytest.mark.usefixtures("home", "_broken")
def test_auto_passes_over_what_fails_and_records_it():
    with pytest.warns(UserWarning, match="is used instead") as told:
        curves = train(ARCHS, [0], TASK.recipe, TASK.dataset)
    said = [str(warning.message) for warning in told]
    because = "fails its proof beside R0: it raised RuntimeError: no kernel image is available"
    assert said == [f"level {name} {because}; R0 is used instead" for name in ("R4", "R3")]
    assert (curves.level, curves.level_because) == ("R0", "no faster level is left")
    assert curves.levels_passed_over == (f"R4 {because}", f"R3 {because}")
    expected = train(ARCHS, [0], TASK.recipe, TASK.dataset, level="R0")
    assert np.array_equal(curves.valid_loss, expected.valid_loss)
    assert (expected.level_because, expected.levels_passed_over) == ("it was asked for", ())


@pytest.mark.usefixtures("_broken")
def test_a_level_that_was_named_and_fails_is_refused(home):
    with pytest.raises(HarnessError, match=r"level R4 fails its proof beside R0 .*: it raised .*nothing was trained"):
        train(ARCHS, [0], TASK.recipe, TASK.dataset, level="R4")
    assert not home.exists(), "a fault is not remembered"


@pytest.mark.usefixtures("home")
def test_a_checkpoint_is_continued_at_its_own_level(tmp_path, asked, monkeypatch):
    path = tmp_path / "run"
    first = train(ARCHS, [0, 1], TASK.recipe, TASK.dataset, checkpoint=path)
    assert first.level == "R3"
    monkeypatch.setattr(choice, "seconds_per_step", lambda level, *given: {"R4": 1.0, "R3": 5.0, "R0": 9.0}[level.name])
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "another"))
    assert choose_level("auto", 2, 2, TASK).level.name == "R4"
    told = []
    again = train(ARCHS, [0, 1], TASK.recipe, TASK.dataset, checkpoint=path, on_progress=told.append)
    assert (again.level, again.level_because) == ("R3", "its checkpoint was made at it")
    assert told == []
    monkeypatch.setattr(Trial, "fault", lambda self, level: "it is wrong")
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "third"))
    with pytest.raises(HarnessError, match=r"level R3 fails its proof .* was made at R3: remove it to start again"):
        train(ARCHS, [0, 1], TASK.recipe, TASK.dataset, checkpoint=path)


def test_every_level_is_known_without_torch():
    for name in (*levels.LEVELS, "auto"):
        assert levels.check_level(name) == name
    with pytest.raises(HarnessError, match=r"unknown level 'r4'. Did you mean 'R4'\? Known: R0, R1, R2, R3, R4, auto"):
        levels.check_level("r4")
    assert all(name in levels.LEVELS for tried in levels.TRIED.values() for name in tried)


def test_the_code_that_trains_is_part_of_a_proof():
    assert len(proofs.code_sha256()) == 64
    assert proofs.facts_of(TASK)["versions"]["torch"] == torch.__version__
