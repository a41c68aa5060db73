"""A small search: signals of length 12, two channels a path."""

from __future__ import annotations

import numpy as np

from harness.one_shot import SearchData
from harness.training.recipe import Recipe
from tests.harness.training.support import pictures, signals

MICRO = Recipe("micro", epochs=2, channels=4, cells=1, reduction="pool", augment=False)
MICRO_DARTS = Recipe("micro-darts", epochs=2, channels=4, cells=3, reduction_cells=(0, 1), augment=False)
FULL = Recipe("full", epochs=2, channels=4, cells=2)


def search_data(*, images: bool = False, recipe: Recipe | None = None, sizes=(50, 24, 1)) -> SearchData:
    dataset = pictures() if images else signals(sizes)
    chosen = recipe or (FULL if images else MICRO)
    splits = ("train", "valid")
    return SearchData(
        "nb201",
        chosen.as_dict(),
        {split: dataset.images[split] for split in splits},
        {split: dataset.labels[split] for split in splits},
        dataset.classes,
        dataset.mean,
        dataset.std,
        dataset.flip,
        dataset.padding,
    )


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)
