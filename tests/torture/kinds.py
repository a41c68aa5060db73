"""The commands that the campaign kills: tiny inputs, the words, and what must come out to the last byte."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SPEC = """
benchmarks = ["{benchmark}"]
replicates = 6
replicates_per_shard = 1
[budget]
evaluations = 30
[[strategies]]
name = "random_search"
[[strategies]]
name = "regularized_evolution"
hyperparameters = {{ population = 10, sample = 3 }}
[[strategies]]
name = "slow.py:Slow"
"""
LEARNERS = """
benchmarks = ["nb201-cifar10"]
replicates = 6
replicates_per_shard = 1
[prediction]
sizes = [20, 40]
test_size = 100
search = 30
[[learners]]
name = "ridge"
[[learners]]
name = "random_forest"
trees = 10
"""
SUPERNETS = """
benchmarks = ["{table}"]
replicates = 2
[budget]
supernet_epochs = 3
[[strategies]]
name = "gdas"
hyperparameters = {{ batch_size = 25 }}
[[strategies]]
name = "rsps"
hyperparameters = {{ batch_size = 25, candidates = 3 }}
"""
STATES = """
benchmarks = ["{table}"]
replicates = 1
[budget]
supernet_epochs = 12
[[strategies]]
name = "gdas"
hyperparameters = {{ batch_size = 25 }}
[[strategies]]
name = "darts"
hyperparameters = {{ batch_size = 25 }}
"""
SIZES = """
benchmarks = ["{table}"]
replicates = 2
[scaling]
arch = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"
phis = [0, 1]
[[families]]
name = "width"
[[families]]
name = "depth"
"""
SLOW = """
import time
from harness import Strategy

class Slow(Strategy):
    def propose(self, n):
        time.sleep(0.002)
        return self.proposals(self.problem.space.sample(1, self.rng))
"""
DESCRIPTION = """
name = "toy"
title = "Toy"
validation = "valid"
test = "test"
[space.genes]
a = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
b = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
c = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
[columns.valid]
unit = "percent"
direction = "maximise"
split = "x-valid"
trained_on = "train"
best = 100.0
[columns.test]
unit = "percent"
direction = "maximise"
split = "x-test"
trained_on = "train"
best = 100.0
"""
_CLI = (sys.executable, "-m", "harness.cli")


@dataclass(frozen=True)
class Kind:
    """A command to kill.

    Attributes
    ----------
    prepare : callable
        Fills a folder with what the command needs; done once, and copied for every kill.
    words : callable
        From the folder to the command.
    fingerprint : callable
        From the folder to what must be the same after any kill: hashes by name.
    weight : int
        Share of the kills.
    """

    prepare: Callable[[Path], None]
    words: Callable[[Path], tuple[str, ...]]
    fingerprint: Callable[[Path], dict[str, str]]
    weight: int


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _spec(folder: Path, benchmark: str = "nb201-cifar10") -> None:
    (folder / "slow.py").write_text(SLOW)
    (folder / "spec.toml").write_text(SPEC.format(benchmark=benchmark))


def _run(workers: int) -> Callable[[Path], tuple[str, ...]]:
    return lambda folder: (*_CLI, "run", str(folder / "spec.toml"), "--out", str(folder), "--workers", str(workers))


def _traces(folder: Path) -> dict[str, str]:
    prints = {}
    for path in sorted((folder / "spec").glob("*.h5")):
        with h5py.File(path, "r") as file:
            names = sorted(file["trace"])
            prints[path.name] = _sha(b"".join(file["trace"][name][()].tobytes() for name in names))
    return prints


def _learners(folder: Path) -> None:
    (folder / "spec.toml").write_text(LEARNERS)


def _scores(folder: Path) -> dict[str, str]:
    """Return the fingerprint of all that units say, but not of the seconds that it took."""
    prints = {}
    for path in sorted((folder / "spec").glob("*.h5")):
        with h5py.File(path, "r") as file:
            found = list[str]()
            file.visit(found.append)
            names = [name for name in sorted(found) if isinstance(file[name], h5py.Dataset) and name != "seconds"]
            prints[path.name] = _sha(b"".join(file[name][()].tobytes() for name in names))
    return prints


def _own_table(folder: Path) -> None:
    rng = np.random.default_rng(0)
    (folder / "toy.toml").write_text(DESCRIPTION)
    with (folder / "toy.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "valid", "test"])
        for row in range(1000):
            writer.writerow(
                [row // 100, row // 10 % 10, row % 10, *(f"{value:.6f}" for value in rng.uniform(0, 90, 2))]
            )


def _whole(*patterns: str) -> Callable[[Path], dict[str, str]]:
    """Return the fingerprint of files as they are."""
    return lambda folder: {
        str(path.relative_to(folder)): _sha(path.read_bytes())
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
    }


def _arrays(pattern: str, names: tuple[str, ...]) -> Callable[[Path], dict[str, str]]:
    """Return the fingerprint of arrays, all but the seconds that were measured."""

    def fingerprint(folder: Path) -> dict[str, str]:
        (path,) = folder.glob(pattern)
        with np.load(path) as file:
            return {name: _sha(file[name].tobytes()) for name in names}

    return fingerprint


def _results(benchmark: str) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        from harness.experiments import execute, spec
        from harness.experiments.prepare import prepare as prepared

        _spec(folder, benchmark)
        execute.execute(prepared(spec.load(folder / "spec.toml")), folder / "spec")

    return prepare


def _searched(folder: Path) -> None:
    """Search a table of forty networks that takes a second to train again."""
    _trainable(folder)
    _results(str(folder / "tiny.h5"))(folder)


def _trained_by(spec: str) -> Callable[[Path], None]:
    """Return what writes such a table, and a spec of work that trains on its data."""

    def prepare(folder: Path) -> None:
        _trainable(folder)
        (folder / "spec.toml").write_text(spec.format(table=folder / "tiny.h5"))

    return prepare


def _trainable(folder: Path) -> None:
    """Write a table of forty tiny networks, and the data that they were trained on."""
    from benchmarks_data import provider
    from benchmarks_data.file import recorded
    from harness.training.data import exported
    from harness.training.data.packaged import mnist1d

    exported.save(mnist1d(train=100, valid=50, test=50), folder / "small.npz")
    rng = np.random.default_rng(0)
    values = rng.uniform(50.0, 90.0, (40, 2))
    changes = {"epochs": 2, "channels": 4}
    recorded.write(
        folder / "tiny.h5", name="tiny", space="nb201", epochs=2,
        archs=provider.space("nb201").sample(40, rng), about={},
        values={"valid_accuracy": values, "test_accuracy": values, "train_seconds": values,
                "params": np.ones(40), "macs": np.ones(40)},
        training={"network": "nb201", "recipe": "micro", "dataset": str(folder / "small.npz"), "seeds": [0, 1],
                  "margin_percent": 1.0, "recipe_changes": changes},
    )  # fmt: skip


def _verified(folder: Path) -> dict[str, str]:
    (path,) = (folder / "spec" / "verification").glob("tiny.json")
    data: dict[str, Any] = json.loads(path.read_text())
    return {key: _sha(json.dumps(data[key]).encode()) for key in ("picks", "seeds", "valid_accuracy", "test_accuracy")}


KINDS = {
    "run, 1 process": Kind(_spec, _run(1), _traces, 22),
    "run, 2 processes": Kind(_spec, _run(2), _traces, 22),
    "learners": Kind(_learners, _run(2), _scores, 10),
    "supernets": Kind(_trained_by(SUPERNETS), _run(2), _scores, 6),
    "supernet states": Kind(
        _trained_by(STATES),
        lambda folder: (sys.executable, "-m", "tests.torture.works", "states", str(folder)),
        _scores,
        6,
    ),
    "sizes": Kind(_trained_by(SIZES), _run(2), _scores, 6),
    "first opening": Kind(
        lambda folder: None,
        lambda folder: (*_CLI, "describe", "nb201-cifar10"),
        _whole("home/tables/*.h5"),
        14,
    ),
    "data import": Kind(
        _own_table,
        lambda folder: (
            *(*_CLI, "data", "import", "toy", str(folder / "toy.csv")),
            *("--describe", str(folder / "toy.toml"), "--out", str(folder / "toy.h5")),
        ),
        _whole("toy.h5"),
        14,
    ),
    "training": Kind(
        lambda folder: None,
        lambda folder: (sys.executable, "-m", "tests.torture.works", "train", str(folder)),
        _arrays("curves.npz", ("train_loss", "valid_accuracy", "test_accuracy", "status")),
        10,
    ),
    "table build": Kind(
        lambda folder: None,
        lambda folder: (sys.executable, "-m", "tests.torture.works", "build", str(folder)),
        _arrays("out/tiny.npz", ("archs", "train_accuracy", "valid_accuracy", "test_accuracy")),
        6,
    ),
    "verify": Kind(
        _searched,
        lambda folder: (
            *(*_CLI, "verify", str(folder / "spec"), "--device", "cpu"),
            *("--top", "1", "--stratified", "1", "--seeds", "2", "--level", "R0"),
        ),
        _verified,
        6,
    ),
    "report": Kind(
        _results("nb201-cifar10"),
        lambda folder: (*_CLI, "report", str(folder / "spec")),
        _whole("spec/report/tables/*.csv", "spec/report/figures/*.csv"),
        6,
    ),
}


def leftovers(folder: Path) -> list[str]:
    """Return what is half-written in a folder: nothing may be once the command has done its work."""
    patterns = ("*.unfinished", ".report.part-*", "*.checkpoint", "*.previous", ".*.part")
    return [str(path.relative_to(folder)) for pattern in patterns for path in folder.rglob(pattern)]


def copy(prepared: Path, folder: Path) -> None:
    """Give a kill a folder of its own."""
    shutil.copytree(prepared, folder, symlinks=True)
