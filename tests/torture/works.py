"""Real training of tiny networks as commands that can be killed: a campaign, a build of a table, supernets."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.cli.signals import handled, raised


def train(folder: Path) -> None:
    """Train four networks at R0, with a checkpoint after each epoch, and write their curves."""
    from harness.files.whole import replacing
    from harness.training import recipe
    from harness.training.trainer import train
    from tests.harness.training.support import signals

    archs = np.array([[3, 2, 1, 4, 0, 3], [1, 2, 1, 4, 3, 3]], dtype=np.uint8)
    checkpoint = folder / "work.checkpoint"
    curves = train(
        archs, [0, 1], recipe.load("micro").but(epochs=6, batch_size=10), signals(), "cpu",
        level="R0", checkpoint=checkpoint, checkpoint_seconds=0.0,
    )  # fmt: skip
    names = ("train_loss", "valid_accuracy", "test_accuracy", "status")
    with replacing(folder / "curves.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **{name: getattr(curves, name) for name in names})
    for left in folder.glob("work.checkpoint*"):
        left.unlink()


def build(folder: Path) -> None:
    """Train a table of four classes in two parts."""
    from benchmarks_data import provider
    from benchmarks_data.catalogue.builds import Build
    from benchmarks_data.trained import build as builder
    from harness.files.whole import replacing
    from harness.spaces.enumerated import EnumeratedSpace
    from harness.training.data import exported
    from harness.training.data.packaged import mnist1d
    from harness.training.recipe import TrainingSetup

    data = folder / "small.npz"
    if not data.exists():
        with replacing(data) as temporary:
            exported.save(mnist1d(train=100, valid=50, test=50), temporary)
    changes = {"epochs": 2, "channels": 4}
    plan = Build(
        "tiny", "nb201", TrainingSetup("nb201", "micro", str(data), seeds=(0, 1), recipe_changes=changes), part_size=2
    )
    archs = np.array([[0] * 6, [1] * 6, [4, 3, 0, 2, 1, 3], [3] * 6], dtype=np.uint8)
    builder.classes = lambda space: archs
    space = provider.space("nb201")
    assert isinstance(space, EnumeratedSpace)
    builder.build(replace(plan), space, folder / "out", workers=2)


def states(folder: Path) -> None:
    """Run a spec of supernets that write their state after each epoch, many times, so that kills meet it."""
    from harness.experiments import epochs
    from harness.experiments.epochs import Epochs
    from harness.experiments.execute import execute
    from harness.experiments.prepare import prepare
    from harness.experiments.schema import load

    write = Epochs._write

    def often(self: Epochs, place: Path) -> None:
        for _ in range(10):
            write(self, place)

    epochs.CHECKPOINT_SECONDS, Epochs._write = -1.0, often  # type: ignore[method-assign]
    execute(prepare(load(folder / "spec.toml")), folder / "spec")


if __name__ == "__main__":
    work = {"train": train, "build": build, "states": states}[sys.argv[1]]
    with handled(to_the_end=True):
        try:
            with raised():
                work(Path(sys.argv[2]))
        except KeyboardInterrupt as stop:
            sys.exit(128 + getattr(stop, "signal_number", 2))
