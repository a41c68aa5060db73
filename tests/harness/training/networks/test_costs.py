"""The closed forms of every space that has networks equal what is counted on networks as built."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from harness.spaces import named
from harness.spaces.elastic import skeleton
from harness.spaces.four_nodes import live_edges
from harness.spaces.nb201.operations import CONV_1X1, CONV_3X3, KERNELS
from harness.training import networks, recipe
from harness.training.devices import compute_threads
from harness.training.recipe import Recipe

PUBLISHED, MICRO = Recipe("published", epochs=200), recipe.load("micro")
SMALL = [
    Recipe("small", epochs=1, channels=channels, cells=cells, reduction=reduction)
    for (channels, cells), reduction in product([(4, 1), (3, 2)], ("residual", "pool"))
]
MICRO_DARTS = recipe.load("micro-darts")
SHAPES = {"signals": (1, 1, 40), "images": (3, 8, 8), "oblong images": (2, 8, 4)}
SETTINGS = [
    *(pytest.param(PUBLISHED, (3, 32, 32), 10, id="published, CIFAR-10"),),
    *(pytest.param(PUBLISHED, (3, 16, 16), 120, id="published, ImageNet16-120"),),
    *(pytest.param(MICRO, SHAPES["signals"], 10, id="micro, signals"),),
    *(pytest.param(MICRO_DARTS, SHAPES["signals"], 10, id="micro DARTS, signals"),),
    *(pytest.param(MICRO_DARTS.but(stem_stride=2), SHAPES["images"], 10, id="a stem of stride 2, images"),),
    *(
        pytest.param(small, shape, 7, id=f"{small.channels} channels, {small.cells} cells, {small.reduction}, {name}")
        for small, (name, shape) in product(SMALL, SHAPES.items())
    ),
]
CORNERS = {
    "nb201": [
        *((code,) * 6 for code in range(5)),  # all none, all skip, all 1x1, all 3x3, all pool
        (3, 0, 2, 0, 1, 0),  # a dead convolution
        (0, 0, 3, 0, 2, 3),  # convolutions of nothing
        (3, 3, 0, 3, 1, 2),
    ],
    "nats-size": [(0,) * 5, (7,) * 5, (0, 7, 0, 7, 0), (7, 0, 7, 0, 7), (3, 1, 1, 4, 4)],
    "darts": [
        (2, 2, 0, 2, 2, 0, 2, 2, 0, 2, 2) * 2,  # skips alone, all of them factorised in a reduction cell
        (3, 4, 0, 5, 6, 0, 0, 1, 0, 2, 3, 5, 6, 2, 3, 4, 5, 0, 2, 9, 1, 6),  # all operations
    ],
    "elastic": [skeleton.LARGEST, skeleton.SMALLEST],
}
RANDOM = {"nb201": 4, "nats-size": 4, "darts": 1, "elastic": 2}


def architectures(space: str, seed: int = 0) -> np.ndarray:
    """Return corners and some random rows of a space."""
    drawn = named.space(space).sample(RANDOM[space], np.random.default_rng(seed))
    return np.concatenate([np.array(CORNERS[space], dtype=np.uint8), drawn])


def dead_macs(space: str, arch: np.ndarray, given: Recipe, shape: tuple[int, int, int]) -> int:
    """Count what the closed form holds and a network does not compute: convolutions on dead edges."""
    if space != "nb201":
        return 0
    genes, (_, height, width) = arch.tolist(), shape
    dead = [code for gene, code in enumerate(genes) if code in KERNELS and gene not in live_edges(genes)]
    signal = height == 1
    total = 0
    for stage in range(3):
        wide, places = given.channels * 2**stage, height * width // (2 if signal else 4) ** stage
        taps = {CONV_1X1: 1, CONV_3X3: 3 if signal else 9}
        total += given.cells * places * sum(taps[code] * wide**2 for code in dead)
    return total


@torch.no_grad()
def multiply_adds(module: nn.Module, shape: tuple[int, int, int], *, bias: bool) -> int:
    """Count the multiply-adds of one image on a network as built, from what passes through it; dead parts have none.

    The bias of the classifier counts where the space's publication counts it.
    """
    total = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Linear):
            total += layer.weight.numel() + bias * layer.bias.numel()
        elif isinstance(layer, nn.Conv2d):
            total += layer.weight.numel() * math.prod(output.shape[2:])

    training = module.training
    hooks = [layer.register_forward_hook(count) for layer in module.modules()]
    module.eval()(torch.zeros(1, *shape))
    module.train(training)
    for hook in hooks:
        hook.remove()
    return total


def test_every_space_with_networks_is_counted() -> None:
    assert set(CORNERS) == set(named.NETWORKS)
    assert set(networks.KINDS) == set(named.NETWORKS.values())
    for space, network in named.NETWORKS.items():
        assert networks.kind(network).cardinalities == tuple(named.space(space).cardinalities)


@pytest.mark.parametrize("space", CORNERS)
@pytest.mark.parametrize(("given", "shape", "classes"), SETTINGS)
def test_closed_forms_are_the_counts_of_built_networks(
    space: str, given: Recipe, shape: tuple[int, int, int], classes: int
) -> None:
    archs, network = architectures(space, seed=classes + shape[1]), named.NETWORKS[space]
    cost = networks.cost(network, archs, given, shape, classes)
    assert cost.params.dtype == cost.macs.dtype == np.int64
    with compute_threads(1):
        for arch, params, macs in zip(archs, cost.params.tolist(), cost.macs.tolist(), strict=True):
            module = networks.build(network, arch.tolist(), given, shape, classes, seed=0)
            assert networks.parameters(module) == params, arch
            counted = multiply_adds(module, shape, bias=space != "darts")
            assert counted == macs - dead_macs(space, arch, given, shape), arch
