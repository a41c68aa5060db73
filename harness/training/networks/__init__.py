"""Networks built from genotypes, and what is counted on them.

>>> from harness.training import recipe
>>> build("nb201", (3, 3, 0, 1, 2, 4), recipe.load("micro"), (1, 1, 40), 10, seed=0)(torch.zeros(2, 1, 1, 40)).shape
torch.Size([2, 10])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from torch import nn

from harness.checks import Archs, arch_matrix
from harness.errors import HarnessError, must, unknown
from harness.spaces.darts.cells import cardinalities
from harness.spaces.elastic import skeleton
from harness.spaces.layers import Cost, Shape
from harness.spaces.named import NETWORKS
from harness.spaces.nats_size import skeleton as size
from harness.spaces.nb201 import operations as nb201
from harness.spaces.own import cells as own_cells
from harness.training.networks.cells import nb201_cost, nb201_network, own_cost, own_network, size_cost, size_network
from harness.training.networks.darts import darts_cost, darts_network
from harness.training.networks.elastic import elastic_cost, elastic_network
from harness.training.recipe import Recipe
from harness.training.schedule import Member, initial_values


@dataclass(frozen=True)
class Kind:
    """How the networks of one space are built and counted."""

    cardinalities: tuple[int, ...]
    module: Callable[[Sequence[int], Recipe, Shape, int], nn.Module]
    cost: Callable[[Archs, Recipe, Shape, int], Cost]


KINDS: dict[str, Kind] = {
    NETWORKS["nb201"]: Kind(nb201.CARDINALITIES, nb201_network, nb201_cost),
    NETWORKS["nats-size"]: Kind(size.CARDINALITIES, size_network, size_cost),
    NETWORKS["darts"]: Kind(cardinalities() * 2, darts_network, darts_cost),
    NETWORKS["elastic"]: Kind(skeleton.CARDINALITIES, elastic_network, elastic_cost),
}
"""Networks by name; a third party adds its own before training."""


def kind(network: str) -> Kind:
    """Return a kind of network by name: of `KINDS`, or of cells of one's own, `CellSpace.network`."""
    if network.startswith(f"{own_cells.NETWORKS}:"):
        return _of_own_cells(network)
    if network not in KINDS:
        raise HarnessError(unknown("network", network, KINDS))
    return KINDS[network]


@cache
def _of_own_cells(network: str) -> Kind:
    space = own_cells.of_network(network)
    cardinalities = tuple(space.cardinalities.tolist())
    return Kind(cardinalities, partial(own_network, space), partial(own_cost, space))


def check_archs(network: str, archs: object) -> Archs:
    """Return `archs` as an (n, L) integer array of genotypes of the network."""
    counts = kind(network).cardinalities
    checked = arch_matrix("archs", archs, len(counts))
    if np.any((checked < 0) | (checked >= np.array(counts))):
        raise HarnessError(must("archs", f"have genes in range({max(counts)}) for '{network}'", checked.max()))
    return checked


def check_shape(shape: Shape) -> None:
    """Refuse images whose size cannot be halved twice."""
    _, height, width = shape
    if width % 4 or (height != 1 and height % 4):
        raise HarnessError(must("shape", "have a height (unless 1) and width divisible by 4", shape))


def build(network: str, arch: Sequence[int], recipe: Recipe, shape: Shape, classes: int, *, seed: int) -> nn.Module:
    """Return a network with the initial weights of (architecture, seed), on the CPU, in fp32.

    Convolutions and the classifier start as torch's defaults do (uniform in +-1/sqrt(fan in), He et al. 2015 with
    a = sqrt(5)), batch normalisation at 1 and 0.  Each parameter is drawn from a stream named after it, so that the
    same parameter starts the same wherever it is trained.

    Parameters
    ----------
    network : str
        A name of `KINDS`.
    arch : (L,) int
    shape : (C, H, W)
        Of an image; H = 1 for signals.
    """
    genes = tuple(int(gene) for gene in check_archs(network, np.asarray(arch)[None])[0])
    check_shape(shape)
    with torch.device("meta"):  # torch's own initialisation would touch its global generator
        module = kind(network).module(genes, recipe, shape, classes)
    module.to_empty(device="cpu")
    initialise(module, Member(genes, seed), network)
    return module


@torch.no_grad()
def initialise(module: nn.Module, member: Member, network: str) -> None:
    """Give a network of `build` the initial weights of a member, in place: cheaper than to build it again."""
    for prefix, part in module.named_modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()
        elif isinstance(part, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(math.prod(part.weight.shape[1:]))
            for name, parameter in part.named_parameters(prefix, recurse=False):
                values = initial_values(member, name, tuple(parameter.shape), bound, network=network)
                parameter.copy_(torch.from_numpy(values))


def cost(network: str, archs: Archs, recipe: Recipe, shape: Shape, classes: int) -> Cost:
    """Return parameters and multiply-adds in the closed form of the space: (n, L) to two (n,) int64 arrays.

    Dead parts are counted; `harness.spaces.layers` says what multiply-adds are.

    Examples
    --------
    >>> published = Recipe("published", epochs=200)
    >>> cost("nb201", np.array([[3, 3, 3, 3, 3, 3]]), published, (3, 32, 32), 10)
    Cost(params=array([1531546]), macs=array([220119690]))
    """
    archs = check_archs(network, archs)
    check_shape(shape)
    return kind(network).cost(archs, recipe, shape, classes)


def parameters(module: nn.Module) -> int:
    """Count the parameters of a network as built."""
    return sum(part.numel() for part in module.parameters())
