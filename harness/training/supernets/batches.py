"""Batches of a search: training items once an epoch, validation items for alpha and for evaluation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from harness.checks import IntArray
from harness.one_shot import SearchData
from harness.training.data.augment import DevicePlan, EpochPlan, resident
from harness.training.data.dataset import Dataset
from harness.training.recipe import Recipe

Batch = tuple[Tensor, Tensor]
"""Images (B, C, H, W) and labels (B,)."""
EVALUATED_AT_ONCE = 500
"""Validation items of an evaluation batch: batch statistics of fewer are noisy."""


class Batches:
    """The items of a search on its device, in the memory format that is fast there.

    Parameters
    ----------
    data : SearchData

    Attributes
    ----------
    dataset : Dataset
        Without test items.
    """

    def __init__(self, data: SearchData) -> None:
        nothing = {"test": data.images["valid"][:0]}, {"test": data.labels["valid"][:0]}
        images, labels = {**data.images, **nothing[0]}, {**data.labels, **nothing[1]}
        dataset = Dataset("search", images, labels, data.classes, data.mean, data.std, data.flip, data.padding)
        self.recipe, self.shape, self.classes = Recipe(**data.recipe), dataset.shape, data.classes
        self.device = torch.device(data.device)
        self.layout = torch.channels_last if self.device.type == "cpu" else torch.contiguous_format
        self.dataset, self._items = dataset, resident(dataset, self.device, augment=self.recipe.augment)

    def count(self, split: str) -> int:
        """Return the number of items of a split."""
        return len(self._items[split])

    def training(self, rng: np.random.Generator, size: int) -> Iterator[Batch]:
        """Yield the training items once, in a new order, augmented as the recipe says; the last batch may be short."""
        count, data = self.count("train"), self.dataset
        flip = rng.random(count) < 0.5 if self.recipe.augment and data.flip else None
        top = left = None
        if self.recipe.augment and data.padding:
            corners = rng.integers(0, 2 * data.padding + 1, size=(2, count))
            top, left = np.zeros_like(corners[0]) if data.is_signal else corners[0], corners[1]
        plan = DevicePlan.of(EpochPlan(rng.permutation(count), flip, top, left), self.device)
        items = self._items["train"]
        for start in range(0, count, size):
            batch = plan.batch(start, start + size)
            yield items.augmented(batch).contiguous(memory_format=self.layout), items.labels[batch.order]

    def validating(self, rng: np.random.Generator, size: int) -> Iterator[Batch]:
        """Yield validation items for ever, as they are: all of them in a random order, then all again in another."""
        count = self.count("valid")
        size, order = min(size, count), np.empty(0, dtype=np.int64)
        while True:
            if len(order) < size:
                order = np.concatenate([order, rng.permutation(count)])
            yield self._of("valid", order[:size])
            order = order[size:]

    def evaluation(self, split: str = "valid", items: int | None = None, size: int = EVALUATED_AT_ONCE) -> list[Batch]:
        """Return the items of a split in their order, in batches as equal as they go, of about `size`.

        Parameters
        ----------
        items : int, optional
            The first of them alone.
        """
        count = self.count(split) if items is None else min(items, self.count(split))
        parts = max(1, round(count / size))
        return [self._of(split, part) for part in np.array_split(np.arange(count, dtype=np.int64), parts)]

    def _of(self, split: str, order: IntArray) -> Batch:
        items = self._items[split]
        places = torch.from_numpy(order).to(self.device)
        plan = DevicePlan(places, None, None, None)
        if split == "train" and self.recipe.augment and self.dataset.padding:
            middle = torch.full_like(places, self.dataset.padding)
            plan = DevicePlan(places, None, torch.zeros_like(middle) if self.dataset.is_signal else middle, middle)
        return items.augmented(plan).contiguous(memory_format=self.layout), items.labels[places]
