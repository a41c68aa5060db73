"""A made-up trainer, dataset and experiment for the tests of verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data import provider
from benchmarks_data.file import recorded
from harness import registry
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.training.curves import DIVERGED, OK, UNFINISHED, Curves
from harness.training.data.dataset import SPLITS, Dataset
from harness.training.engines.engine import EPOCH_METRICS, FINAL_METRICS
from harness.training.recipe import TrainingSetup
from harness.verification.record import Measurements, Pick
from harness.verification.tools import Tools

NAME = "nb201-cifar10"
MARGIN = 1.0
TRAINING = TrainingSetup("nb201", "nb201-200", "cifar10", (777, 888, 999), MARGIN)
DATASET = Dataset(
    "made-up",
    {split: np.zeros((10, 3, 32, 32), dtype=np.uint8) for split in SPLITS},
    {split: np.arange(10) for split in SPLITS},
    10,
    np.zeros(3, dtype=np.float32),
    np.ones(3, dtype=np.float32),
)


def empty_curves(archs: Any, seeds: Any, epochs: int, device: str) -> Curves:
    """Return curves to be filled: all NaN, all unfinished."""
    shape = (len(archs), len(seeds))
    metrics = {name: np.full((*shape, epochs), np.nan) for name in EPOCH_METRICS}
    metrics |= {name: np.full(shape, np.nan) for name in (*FINAL_METRICS, "seconds")}
    status, diverged = np.full(shape, UNFINISHED), np.full(shape, -1)
    seeds = np.asarray(seeds, dtype=np.int64)
    return Curves(archs, seeds, **metrics, status=status, diverged_epoch=diverged, level="R9", device=device)


class FakeTrainer:
    """Answers with the mean of the table plus noise of 0.1 points; picks can be moved, diverge, or change in cost."""

    def __init__(self, oracle: Any, moved: Mapping[int, float] | None = None, diverged: tuple[int, ...] = ()) -> None:
        self.oracle, self.moved, self.diverged = oracle, moved or {}, diverged
        self.calls: list[dict[str, Any]] = []

    def __call__(self, archs, seeds, recipe, dataset, device, **options) -> Curves:
        self.calls.append({"archs": archs, "seeds": seeds, "device": device, "recipe": recipe.name, **options})
        curves = empty_curves(archs, seeds, recipe.epochs, device)
        noise = 0.1 * np.array([-1.0, 0.0, 1.0] * len(seeds))[: len(seeds)]
        final = self.oracle.mean(archs, "valid_accuracy")[:, None] + noise
        for index, points in self.moved.items():
            final[index] += points
        curves.valid_accuracy[:, :, -1] = final
        curves.test_accuracy[:] = final - 1.0
        curves.seconds[:] = 2.0
        curves.status[:] = OK
        for index in self.diverged:
            curves.status[index, 0], curves.diverged_epoch[index, 0] = DIVERGED, 4
            curves.valid_accuracy[index, 0] = np.nan
        return curves


def counts(network, archs, recipe, dataset):
    """Return what the table says, in whole numbers."""
    oracle = registry.oracle(NAME)
    return tuple(np.rint(oracle.mean(archs, column) * 1e6).astype(np.int64) for column in ("params_m", "macs_m"))


def tools(trainer: FakeTrainer | None = None, training: TrainingSetup | None = TRAINING, **others: Any) -> Tools:
    """Return tools that train nothing, know one table and write real files."""
    fake = trainer or FakeTrainer(registry.oracle(NAME))
    made = Tools(
        train=fake,
        refuse_long=lambda *work: None,
        training_of=lambda name: training if name == NAME else None,
        load_dataset=lambda training, data: DATASET,
        count=counts,
        write_table=recorded.write,
    )
    return replace(made, **others)


def run_experiment(folder: Path, benchmarks: tuple[str, ...] = (NAME,), **changes: Any) -> Path:
    """Run two quick strategies and return the folder of their results."""
    spec = {
        "name": "small",
        "benchmarks": list(benchmarks),
        "replicates": 4,
        "replicates_per_shard": 2,
        "budget": {"evaluations": 30},
        "strategies": [{"name": "random_search"}, {"name": "local_search"}],
    }
    execute(prepare(from_dict(spec | changes)), folder)
    return folder


def measured(oracle: Any, archs: Any, real: Any, **changes: Any) -> Measurements:
    """Return measurements of architectures of a made-up oracle: the first half top, the others stratified."""
    archs, real = np.asarray(archs), np.asarray(real, dtype=float)
    n, s = real.shape
    half = n // 2
    picks = tuple(
        Pick(tuple(arch), text, "top" if index < half else "stratified", runs=int(index < half), stratum=index - half)
        for index, (arch, text) in enumerate(zip(archs.tolist(), oracle.space.format(archs), strict=True))
    )
    whole = np.full(n, 1000)
    made = Measurements(
        benchmark=oracle.name,
        table_digest=oracle.digest,
        column=oracle.validation,
        training=TRAINING,
        margin_percent=MARGIN,
        margin_source="table",
        picks=picks,
        seeds=tuple(range(1000, 1000 + s)),
        valid_accuracy=real,
        test_accuracy=real - 1.0,
        seconds=np.full((n, s), 2.0),
        status=np.where(np.isnan(real), DIVERGED, OK),
        diverged_epoch=np.where(np.isnan(real), 4, -1),
        params=whole,
        macs=whole * 10,
        params_expected=whole.astype(float),
        macs_expected=whole * 10.0,
        provenance={"rung": "R0", "device": "cpu"},
    )
    return replace(made, **changes)


def space() -> Any:
    """Return the NAS-Bench-201 space."""
    return provider.space("nb201")
