"""The estimate of how long a training would take on a CPU, and the refusal of one of hours."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch.nn import functional

from harness.checks import Archs
from harness.errors import HarnessError
from harness.training import networks
from harness.training.data.dataset import Dataset
from harness.training.networks.operations import laid_out
from harness.training.recipe import Recipe

SMALL_FLOPS = 2e12
"""Of one network's whole training: below it nothing is measured, a micro network takes about 1e11."""
LONG_SECONDS, LONG_NETWORK_SECONDS = 3600.0, 300.0
"""A training longer than the first, of networks longer than the second, is refused on a CPU unless forced."""


def measured_flops_per_second(archs: Archs, recipe: Recipe, dataset: Dataset, *, network: str) -> float:
    """Return what one forward and backward pass of a middling architecture reaches here on the CPU."""
    macs = networks.cost(network, archs, recipe, dataset.shape, dataset.classes).macs
    middle = int(np.argsort(macs)[len(macs) // 2])
    module = networks.build(network, archs[middle], recipe, dataset.shape, dataset.classes, seed=0)
    laid_out(module, torch.device("cpu"), torch.channels_last)
    images = torch.zeros((16, *dataset.shape))
    labels = torch.zeros(len(images), dtype=torch.int64)
    taken = []
    for _ in range(2):
        started = time.perf_counter()
        torch.autograd.backward(functional.cross_entropy(module(images), labels))
        taken.append(time.perf_counter() - started)
    return 6.0 * float(macs[middle]) * len(images) / min(taken)


def refuse_long(archs: Archs, seeds: int, recipe: Recipe, dataset: Dataset, *, network: str) -> None:
    """Refuse work that takes a CPU hours, with the estimate.

    Raises
    ------
    HarnessError
    """
    macs = networks.cost(network, archs, recipe, dataset.shape, dataset.classes).macs
    flops = 6.0 * float(np.mean(macs)) * len(dataset.labels["train"]) * recipe.epochs  # of a network, in the mean
    if flops < SMALL_FLOPS:
        return
    speed = measured_flops_per_second(archs, recipe, dataset, network=network)
    each, total = flops / speed, flops / speed * len(archs) * seeds
    if each > LONG_NETWORK_SECONDS and total > LONG_SECONDS:
        raise HarnessError(
            f"training {len(archs) * seeds} network(s) with recipe '{recipe.name}' on '{dataset.name}' would take about"
            f" {total / 3600:.1f} hours on this CPU ({each / 60:.0f} minutes each, {flops:.1e} operations at a measured"
            f" {speed / 1e9:.0f} GFLOP/s): use a CUDA device, train fewer or shorter, or insist with force (--force)"
        )
