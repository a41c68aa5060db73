"""The baseline of the GPU figures: the training loop that everybody writes first.

The same network from the same builder, a loader that cuts and flips one image at a time in worker processes, fp32
weights with torch's defaults (TF32 convolutions where the device has them), `torch.optim.SGD`, the loss read each step.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from harness.training.data.dataset import Dataset
from harness.training.devices import compute_threads
from harness.training.networks import build
from harness.training.recipe import Recipe

WORKERS = 8


class OneByOne(TorchDataset[tuple[Tensor, int]]):
    """Training images as tensors, augmented and normalised one at a time."""

    def __init__(self, dataset: Dataset, *, augment: bool) -> None:
        self.images = torch.from_numpy(dataset.images["train"])
        self.labels = dataset.labels["train"].tolist()
        self.mean, self.std = (torch.from_numpy(value)[:, None, None] for value in (dataset.mean, dataset.std))
        self.flip, self.padding = augment and dataset.flip, dataset.padding if augment else 0

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.images[index].float()
        if self.flip and torch.rand(()) < 0.5:
            image = image.flip(-1)
        if self.padding:
            height, width = image.shape[1:]
            top, left = torch.randint(0, 2 * self.padding + 1, (2,)).tolist()
            image = functional.pad(image, [self.padding] * 4)[:, top : top + height, left : left + width]
        return (image - self.mean) / self.std, self.labels[index]


def seconds_per_epoch(arch: Sequence[int], recipe: Recipe, dataset: Dataset, device: str, epochs: int) -> float:
    """Return the wall seconds of a training epoch, the mean of `epochs` after one that warms up."""
    if torch.device(device).type == "cpu":
        with compute_threads(1):  # as the trainer
            return _seconds_per_epoch(arch, recipe, dataset, device, epochs)
    return _seconds_per_epoch(arch, recipe, dataset, device, epochs)


def _seconds_per_epoch(arch: Sequence[int], recipe: Recipe, dataset: Dataset, device: str, epochs: int) -> float:
    model = build("nb201", arch, recipe, dataset.shape, dataset.classes, seed=0).to(device).train()
    optimiser = torch.optim.SGD(
        model.parameters(),
        recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov,
    )
    cuda = torch.device(device).type == "cuda"
    workers = min(WORKERS, os.cpu_count() or 1) if cuda else 0
    images = OneByOne(dataset, augment=recipe.augment)
    loader = DataLoader(
        images, recipe.batch_size, shuffle=True, num_workers=workers, pin_memory=cuda, persistent_workers=workers > 0
    )
    began, total = time.perf_counter(), 0.0
    for epoch in range(1 + epochs):
        if epoch == 1:
            began = time.perf_counter()
        for batch, labels in loader:
            loss = functional.cross_entropy(
                model(batch.to(device, non_blocking=True)), labels.to(device, non_blocking=True)
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
    return (time.perf_counter() - began) / epochs
