"""GPU checks and benches of the trainer: agreement of the levels, acceptance of the recipe, speed, the micro table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.checks import Archs
from harness.errors import HarnessError
from harness.seeding import generator
from harness.training import data as datasets
from harness.training import recipe as recipes
from harness.training.curves import STATUS, Curves
from harness.training.data.dataset import SPLITS, Dataset
from harness.training.recipe import Recipe
from harness.training.trainer import train
from tests.bench.figures import Row
from tests.bench.gpu_plain import seconds_per_epoch

INDEX = {0: (4, 2, 1, 2, 1, 1), 11: (3, 3, 4, 0, 3, 4), 284: (1, 1, 1, 0, 2, 0)}
"""Cells of NAS-Bench-201 by their index in its table."""
ACCEPTED = {0: (60.0, 66.5), 11: (60.0, 66.5), 284: (70.0, 76.0)}
"""Validation accuracy after the 12-epoch schedule on 25,000 images, in percent."""
LEAD = (5.0, 15.0)
"""By how much index 284 leads index 11 then."""
SPEED_UP = {"R2": 4, "R3": 8, "R4": 12}
"""Images a second, as a multiple of the plain loop's."""
LOSS_TOLERANCE = 0.05
"""Of the mean training loss of an epoch between levels that may compute in bf16; seeds differ by about 0.03."""
PACKED = ("R3", "R4")
MICRO_RUNS = 4930 * 3


@dataclass(frozen=True)
class Bench:
    """What the stages share.

    Attributes
    ----------
    device : str
    tiny : bool
        Run everything as small as possible, to see that it runs; the figures mean nothing then.
    levels : tuple of str
    data : Dataset or None
        CIFAR-10, 25,000 / 25,000 / 10,000; None if it is not here.
    micro : str
        Dataset of the micro table: a name or an exported file.
    deadline : float
        When to start nothing more, by `time.perf_counter`.
    """

    device: str
    tiny: bool
    levels: tuple[str, ...]
    data: Dataset | None
    micro: str
    deadline: float

    @property
    def recipe(self) -> Recipe:
        """The 12-epoch protocol."""
        recipe = recipes.load("nb201-12")
        return recipe.but(epochs=1, channels=4, cells=1, batch_size=32) if self.tiny else recipe

    def late(self, what: str) -> list[Row]:
        """Return a row that says so if no time is left, else nothing."""
        return [skipped(what, "out of minutes")] if time.perf_counter() > self.deadline else []


def skipped(what: str, why: str) -> Row:
    """Return the row of something that was not measured."""
    return {"what": what, "value": float("nan"), "unit": "skipped:", "target": why}


def cut(dataset: Dataset, train: int, valid: int, test: int) -> Dataset:
    """Return a dataset of the first images of each split."""
    sizes = dict(zip(SPLITS, (train, valid, test), strict=True))
    return replace(
        dataset,
        images={split: dataset.images[split][:size] for split, size in sizes.items()},
        labels={split: dataset.labels[split][:size] for split, size in sizes.items()},
    )


def random_dataset(name: str, shape: tuple[int, int, int], sizes: Sequence[int], *, signal: bool) -> Dataset:
    """Return noise of the right shape: speed does not depend on content."""
    rng = generator(0, "bench", name)

    def images(size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8 | np.float32]]:
        if signal:
            return rng.standard_normal((size, *shape), dtype=np.float32)
        return rng.integers(0, 256, (size, *shape), dtype=np.uint8)

    centre = 0.0 if signal else 127.5
    return Dataset(
        name=name,
        images={split: images(size) for split, size in zip(SPLITS, sizes, strict=True)},
        labels={split: rng.integers(0, 10, size) for split, size in zip(SPLITS, sizes, strict=True)},
        classes=10,
        mean=np.full(shape[0], centre, dtype=np.float32),
        std=np.full(shape[0], centre or 1.0, dtype=np.float32),
        flip=not signal,
        padding=0 if signal else 4,
        description="noise",
    )


def images_of(bench: Bench) -> Dataset:
    """Return CIFAR-10, or noise of its shape where speed alone is measured."""
    if bench.data is not None:
        return bench.data
    sizes = (96, 64, 64) if bench.tiny else (25_000, 25_000, 10_000)
    return random_dataset("noise like cifar10", (3, 32, 32), sizes, signal=False)


def agreement(bench: Bench) -> Iterator[Row]:
    """Compare two epochs at each level with R0, on images and on signals: random cells and those at the corners."""
    images = cut(images_of(bench), *((96, 64, 64) if bench.tiny else (5120, 2048, 256)))
    signals = random_dataset("noise like mnist1d", (1, 1, 40), (96 if bench.tiny else 1000, 500, 100), signal=True)
    micro = recipes.load("micro").but(epochs=2, channels=4 if bench.tiny else 8)
    yield from _agreement(bench, "images", bench.recipe.but(epochs=2), images)
    yield from _agreement(bench, "signals", micro, signals)


def _agreement(bench: Bench, kind: str, recipe: Recipe, dataset: Dataset) -> Iterator[Row]:
    corners = np.array([[0] * 6, [1] * 6, [3] * 6, [3, 3, 3, 0, 0, 0]])
    rng = generator(0, "bench", "agreement")
    archs: Archs = np.concatenate([corners, rng.integers(0, 5, (8, 6))])[: 4 if bench.tiny else None].astype(np.uint8)

    def curves(level: str) -> Curves:
        return train(archs, (0,), recipe, dataset, bench.device, level=level)

    oracle = curves("R0")
    for level in bench.levels:
        what = f"{level} against R0, {kind}"
        if level == "R0":
            continue
        if late := bench.late(what):
            yield from late
            continue
        try:
            found = curves(level)
        except HarnessError as error:
            yield skipped(what, str(error))
            continue
        what = f"{what}, {len(archs)} cells"
        for epoch in range(recipe.epochs):
            off = np.abs(found.train_loss - oracle.train_loss)[:, 0, epoch]
            largest = f"{what}, training loss of epoch {epoch + 1}, largest difference"
            yield {"what": largest, "value": float(off.max()), "unit": "nats", "target": f"<= {LOSS_TOLERANCE}"}
        off = (found.valid_accuracy - oracle.valid_accuracy)[:, 0, -1]
        mean = f"{what}, validation accuracy, mean difference"
        yield {"what": mean, "value": float(off.mean()), "unit": "points", "target": ""}
        if not np.array_equal(found.status, oracle.status):
            states = {STATUS[code] for code in found.status.ravel()}
            yield skipped(f"{what}, status", f"differs: {', '.join(sorted(states))}")


def acceptance(bench: Bench) -> Iterator[Row]:
    """Train index 0, 11 and 284 by the 12-epoch protocol and compare with the published entries."""
    if bench.data is None:
        yield skipped("acceptance of the recipe", "needs CIFAR-10: --data DIR")
        return
    archs: Archs = np.array(list(INDEX.values()), dtype=np.uint8)
    for level in reversed(bench.levels):  # the fastest first, so that the budget covers most
        if late := bench.late(f"acceptance at {level}"):
            yield from late
            continue
        began = time.perf_counter()
        try:
            curves = train(archs, (777, 111), bench.recipe, bench.data, bench.device, level=level)
        except HarnessError as error:
            yield skipped(f"acceptance at {level}", str(error))
            continue
        final = curves.valid_accuracy[:, :, -1]
        for index, accuracies in zip(INDEX, final, strict=True):
            for seed, accuracy in zip(curves.seeds, accuracies, strict=True):
                yield judged(f"{level}, index {index}, seed {seed}, validation", float(accuracy), "%", ACCEPTED[index])
        means = dict(zip(INDEX, final.mean(1), strict=True))
        yield judged(f"{level}, index 284 leads index 11 by", float(means[284] - means[11]), "points", LEAD)
        seconds = time.perf_counter() - began
        yield {"what": f"{level}, wall of these {final.size} runs", "value": seconds, "unit": "s", "target": ""}


def judged(what: str, value: float, unit: str, band: tuple[float, float]) -> Row:
    """Return a row that says whether a value lies in a band."""
    verdict = "ok" if band[0] <= value <= band[1] else "OUTSIDE"
    return {"what": what, "value": value, "unit": unit, "target": f"{band[0]:g} to {band[1]:g}: {verdict}"}


def speed(bench: Bench) -> Iterator[Row]:
    """Measure images a second and runs per GPU-hour at each level, against a plain loop on the same networks."""
    full = images_of(bench)
    count = min(len(full.labels["train"]), 96 if bench.tiny else 12_800)
    few = cut(full, count, 64, 64)
    repeats = 1 if bench.tiny else 2
    plain = [seconds_per_epoch(arch, bench.recipe, few, bench.device, repeats) / count for arch in INDEX.values()]
    baseline = float(np.mean(plain))
    names = ", ".join(map(str, INDEX))
    yield {"what": f"plain loop, mean of index {names}, images", "value": 1 / baseline, "unit": "1/s", "target": ""}
    for level in bench.levels:
        if late := bench.late(f"{level}, images a second"):
            yield from late
            continue
        try:
            yield from _speed_of(bench, level, few, full, baseline)
        except HarnessError as error:
            yield skipped(f"{level}, images a second", str(error))


def _speed_of(bench: Bench, level: str, few: Dataset, full: Dataset, baseline: float) -> Iterator[Row]:
    archs: Archs = np.array(list(INDEX.values()), dtype=np.uint8)
    seeds = range(2 if bench.tiny else 8) if level in PACKED else range(1)
    members, longer = len(archs) * len(seeds), 2 if bench.tiny else 3

    def wall(dataset: Dataset, epochs: int) -> float:
        began = time.perf_counter()
        train(archs, seeds, bench.recipe.but(epochs=epochs), dataset, bench.device, level=level)
        return time.perf_counter() - began

    wall(cut(few, min(512, len(few.labels["train"])), 64, 64), 1)
    one, more, evaluated = wall(few, 1), wall(few, longer), wall(cut(full, len(few.labels["train"]), 10**9, 10**9), 1)
    images = len(few.labels["train"])
    per_image = max(more - one, 1e-9) / ((longer - 1) * members * images)
    fixed = max(0.0, one - per_image * members * images)
    # The evaluation measured is one of validation and test together; a run has 12 of validation and one of the test.
    sizes = {split: len(full.labels[split]) for split in SPLITS}
    share = sizes["valid"] / (sizes["valid"] + sizes["test"])
    evaluation = max(0.0, evaluated - one) * (12 * share + 1 - share)
    run = (fixed + evaluation) / members + 12 * sizes["train"] * per_image
    what = f"{level}, {members} network{'s' if members > 1 else ''}"
    target = f">= {SPEED_UP[level]}" if level in SPEED_UP else ""
    yield {"what": f"{what}, images", "value": 1 / per_image, "unit": "1/s", "target": ""}
    yield {"what": f"{what}, times the plain loop", "value": baseline / per_image, "unit": "", "target": target}
    yield {"what": f"{what}, 12-epoch runs", "value": 3600 / run, "unit": "per GPU-hour", "target": ""}


def micro_table(bench: Bench) -> Iterator[Row]:
    """Train a part of the micro table at the fastest level; the whole is 4,930 classes x 3 seeds."""
    try:
        dataset = datasets.load(bench.micro)
    except HarnessError:
        sizes = (96, 64, 64) if bench.tiny else (1000, 2000, 4000)
        dataset = random_dataset("noise like mnist1d", (1, 1, 40), sizes, signal=True)
    recipe = recipes.load("micro")
    if bench.tiny:
        recipe, dataset = recipe.but(epochs=1, channels=4), cut(dataset, 96, 64, 64)
    rng = generator(0, "bench", "micro")
    archs: Archs = rng.integers(0, 5, (4 if bench.tiny else 512, 6)).astype(np.uint8)
    seeds = range(3)
    train(archs[:8], seeds, recipe.but(epochs=1), dataset, bench.device)
    began = time.perf_counter()
    curves = train(archs, seeds, recipe, dataset, bench.device)
    seconds = (time.perf_counter() - began) / (len(archs) * len(seeds))
    what = f"micro table on '{dataset.name}', {recipe.epochs} epochs, {curves.level}"
    yield {"what": f"{what}, one network", "value": 1000 * seconds, "unit": "ms", "target": ""}
    yield {"what": f"{what}, whole build", "value": MICRO_RUNS * seconds / 60, "unit": "min", "target": ""}


STAGES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "agreement": agreement,
    "speed": speed,
    "acceptance": acceptance,
    "micro": micro_table,
}
