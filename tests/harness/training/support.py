"""Small datasets, cells and a recipe for the tests of training."""

from __future__ import annotations

import numpy as np
import torch

from harness.training import recipe
from harness.training.data.dataset import Dataset

CPU = torch.device("cpu")
MICRO = recipe.load("micro").but(epochs=2, batch_size=20)
CELL, DISCONNECTED = (3, 2, 1, 4, 0, 3), (3, 3, 3, 0, 0, 0)


def signals(sizes=(50, 20, 20), *, seed=0) -> Dataset:
    """Return four classes of noisy signals of length 12."""
    rng = np.random.default_rng(seed)
    shapes = rng.normal(size=(4, 1, 1, 12))
    labels = {split: np.arange(size) % 4 for split, size in zip(("train", "valid", "test"), sizes, strict=True)}
    images = {
        split: (shapes[label] + 0.5 * rng.normal(size=(len(label), 1, 1, 12))).astype(np.float32)
        for split, label in labels.items()
    }
    return Dataset("signals", images, labels, 4, np.zeros(1, np.float32), np.ones(1, np.float32))


def pictures(*, flip=True, padding=2, size=8, count=30) -> Dataset:
    rng = np.random.default_rng(1)
    splits = ("train", "valid", "test")
    images = {split: rng.integers(0, 256, size=(count, 3, size, size)).astype(np.uint8) for split in splits}
    labels = {split: np.arange(count) % 4 for split in splits}
    mean, std = np.array([125, 120, 110], np.float32), np.array([60, 61, 62], np.float32)
    return Dataset("pictures", images, labels, 4, mean, std, flip=flip, padding=padding)
