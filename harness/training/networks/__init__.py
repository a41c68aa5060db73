"""Networks built from genotypes, and their costs in closed form.

>>> from harness.training import recipe
>>> build("nb201", (3, 3, 0, 1, 2, 4), recipe.load("micro"), (1, 1, 40), 10, seed=0)(torch.zeros(2, 1, 1, 40)).shape
torch.Size([2, 10])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from harness.checks import Archs, IntArray, arch_matrix
from harness.errors import HarnessError, must, unknown
from harness.training.networks import nats_size, nb201
from harness.training.networks.counting import Cost
from harness.training.recipe import Recipe
from harness.training.schedule import Member, initial_values


@dataclass(frozen=True)
class Kind:
    """How the networks of one space are built and counted."""

    cardinalities: tuple[int, ...]
    module: Callable[[Sequence[int], Recipe, tuple[int, int, int], int], nn.Module]
    cost: Callable[[Archs, Recipe, tuple[int, int, int], int], Cost]


KINDS: dict[str, Kind] = {
    "nb201": Kind(nb201.CARDINALITIES, nb201.NB201Network, nb201.cost),
    "nats_size": Kind(nats_size.CARDINALITIES, nats_size.SizeNetwork, nats_size.cost),
}
"""Networks by name; a third party adds its own before training."""


def kind(network: str) -> Kind:
    """Return a kind of network by name."""
    if network not in KINDS:
        raise HarnessError(unknown("network", network, KINDS))
    return KINDS[network]


def check_archs(network: str, archs: object) -> Archs:
    """Return `archs` as an (n, L) integer array of genotypes of the network."""
    counts = kind(network).cardinalities
    checked = arch_matrix("archs", archs, len(counts))
    if np.any((checked < 0) | (checked >= np.array(counts))):
        raise HarnessError(must("archs", f"have genes in range({max(counts)}) for '{network}'", checked.max()))
    return checked


def check_shape(shape: tuple[int, int, int]) -> None:
    """Refuse images whose size cannot be halved twice."""
    _, height, width = shape
    if width % 4 or (height != 1 and height % 4):
        raise HarnessError(must("shape", "have a height (unless 1) and width divisible by 4", shape))


def build(
    network: str, arch: Sequence[int], recipe: Recipe, shape: tuple[int, int, int], classes: int, *, seed: int
) -> nn.Module:
    """Return a network with the initial weights of (architecture, seed), on the CPU, in fp32.

    Convolutions and the classifier start as torch's defaults do (uniform in +-1/sqrt(fan in), He et al. 2015 with
    a = sqrt(5)), batch normalisation at 1 and 0.  Each parameter is drawn from a stream named after it, so that the
    same parameter starts the same wherever it is trained.

    Parameters
    ----------
    network : str
        "nb201" or "nats_size".
    arch : (L,) int
    shape : (C, H, W)
        Of an image; H = 1 for signals.
    """
    genes = tuple(int(gene) for gene in check_archs(network, np.asarray(arch)[None])[0])
    check_shape(shape)
    with torch.device("meta"):  # torch's own initialisation would touch its global generator
        module = kind(network).module(genes, recipe, shape, classes)
    module.to_empty(device="cpu")
    _initialise(module, Member(genes, seed), network)
    return module


@torch.no_grad()
def _initialise(module: nn.Module, member: Member, network: str) -> None:
    for prefix, part in module.named_modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()
        elif isinstance(part, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(math.prod(part.weight.shape[1:]))
            for name, parameter in part.named_parameters(prefix, recurse=False):
                values = initial_values(member, name, tuple(parameter.shape), bound, network=network)
                parameter.copy_(torch.from_numpy(values))


def params(network: str, archs: Archs, recipe: Recipe, shape: tuple[int, int, int], classes: int) -> IntArray:
    """Return the number of parameters of each architecture in closed form: (n, L) to (n,) int64.

    Examples
    --------
    >>> published = Recipe("published", epochs=200)
    >>> params("nb201", np.array([[3, 3, 3, 3, 3, 3]]), published, (3, 32, 32), 10)
    array([1531546])
    """
    return _costs(network, archs, recipe, shape, classes)[0]


def macs(network: str, archs: Archs, recipe: Recipe, shape: tuple[int, int, int], classes: int) -> IntArray:
    """Return the multiply-accumulates for one image in closed form: (n, L) to (n,) int64.

    Convolution weights x output positions, plus the head's weights and bias; what NAS-Bench-201 calls FLOPs.
    """
    return _costs(network, archs, recipe, shape, classes)[1]


def _costs(
    network: str, archs: Archs, recipe: Recipe, shape: tuple[int, int, int], classes: int
) -> tuple[IntArray, IntArray]:
    archs = check_archs(network, archs)
    check_shape(shape)
    counted = kind(network).cost(archs, recipe, shape, classes)
    counts = np.broadcast_to(counted.params, len(archs)), np.broadcast_to(counted.macs, len(archs))
    return counts[0].astype(np.int64), counts[1].astype(np.int64)
