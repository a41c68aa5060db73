"""One-shot methods on CIFAR-10 and NAS-Bench-201: the time of an epoch, and the cells against the published ones."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.checks import Archs
from harness.errors import HarnessError
from harness.one_shot import SPLITS, OneShot, SearchData
from harness.seeding import generator
from harness.spaces.nb201.space import NB201Space
from harness.training import recipe as recipes
from strategies.one_shot.paths import RSPS
from strategies.one_shot.presets import DARTS, GDAS, PCDARTS, SNAS, DrNAS
from tests.bench.figures import Row
from tests.bench.gpu_training import Bench, cut, images_of, judged, skipped

RECIPE, TABLE = "nb201-200", "nb201-cifar10"


@dataclass(frozen=True)
class Published:
    """A method, how long it searched, and the validation accuracy of its cells on CIFAR-10, mean and sd in percent.

    `hyperparameters` are those of the code that gave the value, where they are not the method's own.

    Dong & Yang, "NAS-Bench-201", ICLR 2020 (DARTS, GDAS, RSPS with the statistics of batches), and Chen et al.,
    "DrNAS", ICLR 2021 (the others).
    """

    method: type[OneShot]
    epochs: int
    mean: float
    sd: float
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def band(self) -> tuple[float, float]:
        """Three standard deviations about the mean, and at least a point."""
        width = max(3 * self.sd, 1.0)
        return self.mean - width, self.mean + width


_ICLR = {"nesterov": True, "weight_decay": 5e-4, "alpha_first": False}
"""Of the code of Dong & Yang, for DARTS."""
_GUMBEL = {"bilevel": True, "temperature": 10.0, "last_temperature": 1.0, "last_learning_rate": 0.001}
"""Of the code of Chen et al., for SNAS."""
PUBLISHED = {
    "drnas": Published(DrNAS, 100, 91.55, 0.0, {"frozen_epochs": 0}),
    "pc_darts": Published(PCDARTS, 50, 89.96, 0.15),
    "darts": Published(DARTS, 50, 39.77, 0.0, _ICLR),
    "gdas": Published(GDAS, 250, 89.89, 0.08),
    "rsps": Published(RSPS, 250, 84.16, 1.69),
    "snas": Published(SNAS, 100, 90.10, 1.04, _GUMBEL),
}


def supernets(bench: Bench) -> Iterator[Row]:
    """Time an epoch of each method, and run those to their end for which the minutes last."""
    for name, published in PUBLISHED.items():
        if late := bench.late(f"supernet of {name}"):
            yield from late
            continue
        yield from _searched(bench, name, published)


def _searched(bench: Bench, name: str, published: Published) -> Iterator[Row]:
    epochs = 2 if bench.tiny else published.epochs
    rng = generator(0, "bench", "supernets", name)
    few = {"candidates": 2} if bench.tiny and published.method is RSPS else {}
    method = published.method(NB201Space(), _data(bench), rng, epochs, **{**published.hyperparameters, **few})
    method.epoch()  # kernels are chosen, and memory is taken
    began = time.perf_counter()
    method.epoch()
    seconds, left = time.perf_counter() - began, epochs - 2
    yield {"what": f"{name}, epoch of a supernet", "value": seconds, "unit": "s", "target": ""}
    yield {"what": f"{name}, {epochs} epochs", "value": seconds * epochs / 60, "unit": "min", "target": ""}
    what = f"{name}, validation of its cell by {TABLE}"
    if bench.data is None or bench.tiny:
        yield skipped(what, "tiny" if bench.tiny else "needs CIFAR-10: --data DIR")
        return
    if time.perf_counter() + left * seconds > bench.deadline:
        yield skipped(what, f'it takes {seconds * epochs / 60:.0f} minutes: GPU="--stage supernets --minutes ..."')
        return
    for _ in range(left):
        method.epoch()
    yield _looked_up(what, method.recommend()[:1], published)


def _looked_up(what: str, archs: Archs, published: Published) -> Row:
    """Return what the table says of a cell."""
    try:
        from harness import registry

        value = float(registry.oracle(TABLE).mean(archs, "valid_accuracy")[0])
    except (ImportError, HarnessError) as error:
        return skipped(what, f"{NB201Space().format(archs)[0]} was not looked up: {error}")
    return judged(what, value, "%", published.band)


def _data(bench: Bench) -> SearchData:
    """Return the training and validation images, and the network of the table."""
    recipe = recipes.load(RECIPE)
    if bench.tiny:
        recipe = recipe.but(channels=4, cells=1)
    data = cut(images_of(bench), 96, 96, 64) if bench.tiny else images_of(bench)
    images, labels = ({split: part[split] for split in SPLITS} for part in (data.images, data.labels))
    return SearchData(
        "nb201", recipe.as_dict(), images, labels, data.classes, np.asarray(data.mean), np.asarray(data.std),
        data.flip, data.padding, bench.device,
    )  # fmt: skip
