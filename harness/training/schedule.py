"""The schedule of a training: learning rate, batches, and every random choice, all pure functions.

The streams are named by (seed, network, exact genotype, purpose, epoch), never by position in a pack: shuffles, crops,
flips and initial weights do not depend on the level, the pack, the order of work or where a run was resumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.seeding import generator
from harness.training.data.augment import EpochPlan
from harness.training.data.dataset import Dataset
from harness.training.recipe import Recipe


@dataclass(frozen=True)
class Member:
    """One network of a pack: an architecture and a seed."""

    arch: tuple[int, ...]
    seed: int

    @property
    def text(self) -> str:
        """The exact genotype as digits, for example ``"432100"``: it names the member's random streams."""
        return "".join(map(str, self.arch))


def learning_rate(recipe: Recipe, epoch: int, step: int, steps: int) -> float:
    """Return the cosine learning rate lr/2 (1 + cos(pi t/T)) of a step.

    t counts epochs or steps from 0 (``recipe.anneal``), T is their total number: the last value is above 0.
    """
    done, total = (epoch, recipe.epochs) if recipe.anneal == "epoch" else (epoch * steps + step, recipe.epochs * steps)
    return recipe.learning_rate / 2 * (1 + math.cos(math.pi * done / total))


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Return the number of batches of an epoch, the partial last one included."""
    return -(-images // batch_size)


def epoch_plan(member: Member, epoch: int, recipe: Recipe, dataset: Dataset, *, network: str) -> EpochPlan:
    """Draw what a member sees in an epoch (epochs count from 0)."""
    images = len(dataset.labels["train"])

    def stream(purpose: str) -> np.random.Generator:
        return generator(member.seed, "training", network, member.text, purpose, epoch)

    flip = top = left = None
    if recipe.augment and dataset.flip:
        flip = stream("flip").random(images) < 0.5
    if recipe.augment and dataset.padding:
        corners = stream("crop").integers(0, 2 * dataset.padding + 1, size=(2, images))
        top, left = np.zeros_like(corners[0]) if dataset.is_signal else corners[0], corners[1]
    return EpochPlan(stream("shuffle").permutation(images), flip, top, left)


def initial_values(
    member: Member, name: str, shape: tuple[int, ...], bound: float, *, network: str
) -> npt.NDArray[np.float32]:
    """Draw a parameter's initial values, uniform in +-bound, from a stream of its own.

    Returns
    -------
    shape : float32
    """
    rng = generator(member.seed, "training", network, member.text, "init", name)
    return ((2 * rng.random(shape, dtype=np.float32) - 1) * np.float32(bound)).astype(np.float32)
