"""The setting in which networks are scored: what is fixed for all of them, and how it is told beside the scores."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.checks import IntArray, integer
from harness.errors import HarnessError, must
from harness.seeding import generator
from harness.spaces.layers import Shape
from harness.training.data.dataset import Dataset
from harness.training.recipe import TrainingSetup

BATCHES = 2
"""Minibatches that are drawn: most proxies see the first alone, ZiCo both."""
LOSS = "mean cross-entropy"
LARGEST_BATCH = 4096


@dataclass(frozen=True)
class Setting:
    """What is the same for every network that is scored.

    Attributes
    ----------
    training : TrainingSetup
        Network, recipe (width and depth alone matter) and data set.
    batch : int
        Items of a minibatch, drawn once from the training split without augmentation, classes as equal as they go.
    batch_seed : int
        Of the minibatches.
    inits : tuple of int
        Seeds of initial weights; the score of an architecture is the mean over them.
    """

    training: TrainingSetup
    batch: int = 32
    batch_seed: int = 0
    inits: tuple[int, ...] = (0, 1, 2)

    def __post_init__(self) -> None:
        integer("batch", self.batch, low=2, high=LARGEST_BATCH)
        integer("batch_seed", self.batch_seed, low=0)
        if not self.inits or len(set(self.inits)) < len(self.inits):
            raise HarnessError(must("inits", "name at least one seed, and each once", self.inits))

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data: how the scores were measured."""
        own = {"dataset_sha256": self.training.dataset_sha256} if self.training.dataset_sha256 else {}
        return own | {
            "network": self.training.network,
            "recipe": self.training.load_recipe().as_dict(),
            "dataset": self.training.content["dataset"],
            "dataset_options": dict(self.training.dataset_options),
            "batch": self.batch,
            "batch_seed": self.batch_seed,
            "loss": LOSS,
        }

    def order(self, dataset: Dataset) -> IntArray:
        """Draw the items of all minibatches: (BATCHES * batch,) places in the training split.

        Classes are dealt in turn, so that each is in every minibatch as often as the others, to one.
        """
        labels, count = dataset.labels["train"], BATCHES * self.batch
        if len(labels) < count:
            raise HarnessError(must("batch", f"be at most {len(labels) // BATCHES} for '{dataset.name}'", self.batch))
        rng = generator(self.batch_seed, "proxies", "batches")
        turn = np.empty(len(labels), dtype=np.int64)
        for label in rng.permutation(dataset.classes):
            members = rng.permutation(np.flatnonzero(labels == label))
            turn[members] = np.arange(len(members))
        within = rng.permutation(len(labels))  # the order of classes in a turn, which else would be that of labels
        dealt: IntArray = within[np.argsort(turn[within], kind="stable")][:count]
        return dealt

    def check(self, names: Collection[str], shape: Shape, classes: int) -> None:
        """Refuse a batch of which a proxy cannot tell anything.

        Raises
        ------
        HarnessError
            If correlations between items are asked of more items than an item has values: their matrix is singular,
            whatever the network; or of classes of one item.
        """
        values = int(np.prod(shape))
        if "jacov" in names and self.batch >= values:
            raise HarnessError(must("batch", f"be smaller than the {values} values of an item for jacov", self.batch))
        if "epe_nas" in names and self.batch < 2 * classes:
            rule = f"hold two items of each of {classes} classes for epe_nas: at least {2 * classes}"
            raise HarnessError(must("batch", rule, self.batch))
