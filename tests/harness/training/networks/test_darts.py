"""Networks of DARTS cells equal a plain reading of the paper's cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.errors import HarnessError
from harness.spaces.darts.cells import OPERATION_GENES, OPERATIONS, sources
from harness.spaces.darts.space import DARTSSpace
from harness.spaces.layers import Geometry
from harness.training import networks, recipe
from harness.training.devices import compute_threads
from harness.training.networks.darts import DARTSCell
from harness.training.recipe import Recipe

SPACE = DARTSSpace()
PAPER = Recipe("paper", epochs=600, channels=36, cells=20)
MICRO = recipe.load("micro-darts")
V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)


@pytest.fixture(autouse=True)
def _one_thread():
    with compute_threads(1):
        yield


def normed(features: Tensor) -> Tensor:
    """Normalise by the batch: scale 1 and shift 0, as a network starts."""
    return functional.batch_norm(features, None, None, training=True)


def shifted(features: Tensor) -> Tensor:
    return features[:, :, :, 1:] if features.shape[2] == 1 else features[:, :, 1:, 1:]


def factorised(block: nn.Module, features: Tensor, stride) -> Tensor:
    """The paper's FactorizedReduce: two convolutions at stride 2, one of them shifted by one, beside each other."""
    active = features.clamp(min=0)
    even = functional.conv2d(active, block.even.weight, stride=stride)
    odd = functional.conv2d(shifted(active), block.odd.weight, stride=stride)
    return normed(torch.cat([even, odd], 1))


def separable(block: nn.Module, features: Tensor, stride, dilation: int) -> Tensor:
    """ReLU, depthwise convolution, 1x1 convolution, BN: one after the other."""
    weight = block.depthwise.weight
    reach = [dilation * (side - 1) // 2 for side in weight.shape[2:]]
    active = features.clamp(min=0)
    deep = functional.conv2d(active, weight, None, stride, reach, dilation, groups=len(weight))
    return normed(functional.conv2d(deep, block.pointwise.weight))


def plainly(cell: DARTSCell, genes, inputs, *, reduces: bool) -> Tensor:
    """Compute a cell operation by operation, from the definitions."""
    signal = inputs[0].shape[2] == 1
    kernel, pads, two = ((1, 3), (0, 1), (1, 2)) if signal else ((3, 3), (1, 1), (2, 2))
    before, last = inputs
    smaller = before.shape[3] != last.shape[3]
    first = (
        factorised(cell.before, before, two)
        if smaller
        else normed(functional.conv2d(before.clamp(min=0), cell.before.conv.weight))
    )
    nodes = [first, normed(functional.conv2d(last.clamp(min=0), cell.last.conv.weight))]
    reads = sources(np.array([genes]))[0].tolist()
    terms = []
    for edge, (source, gene) in enumerate(zip(reads, OPERATION_GENES, strict=True)):
        start, name = nodes[source], OPERATIONS[genes[gene]]
        stride = two if reduces and source < 2 else (1, 1)
        block = dict(cell.edges.items()).get(str(edge))
        if name == "max_pool_3x3":
            term = functional.max_pool2d(start, kernel, stride, pads)
        elif name == "avg_pool_3x3":
            ones = functional.avg_pool2d(torch.ones_like(start), kernel, stride, pads)
            term = functional.avg_pool2d(start, kernel, stride, pads) / ones
        elif name == "skip_connect":
            term = start if stride == (1, 1) else factorised(block, start, two)
        elif name.startswith("sep"):
            term = separable(block.b, separable(block.a, start, stride, 1), (1, 1), 1)
        else:
            term = separable(block, start, stride, 2)
        terms.append(term)
        if edge % 2:
            nodes.append(terms[-2] + terms[-1])
    return torch.cat(nodes[2:], 1)


@pytest.mark.parametrize("signal", [True, False])
@pytest.mark.parametrize("reduces", [True, False])
@pytest.mark.parametrize("smaller", [True, False])
def test_a_cell_computes_its_definition(signal, reduces, smaller):
    generator = torch.Generator().manual_seed(0)
    one_of_each = [[code if gene in OPERATION_GENES else 1 for gene in range(11)] for code in range(7)]
    for genes in [*one_of_each, *SPACE.sample(4, np.random.default_rng(1))[:, :11].tolist()]:
        cell = DARTSCell(genes, (6, 8), 4, Geometry(signal), reduces=reduces, after_reduction=smaller)
        for part in (layer for layer in cell.modules() if isinstance(layer, nn.Conv2d)):
            nn.init.normal_(part.weight, generator=generator)
        size = (1, 8) if signal else (4, 8)
        twice = [side * (2 if smaller and side > 1 else 1) for side in size]
        before = torch.randn((5, 6, *twice), generator=generator)
        last = torch.randn((5, 8, *size), generator=generator)
        with torch.no_grad():
            expected = plainly(cell, genes, (before, last), reduces=reduces)
            torch.testing.assert_close(cell.train()(before, last), expected, rtol=1e-4, atol=1e-4)


def test_whoever_looks_at_layers_sees_them_and_changes_nothing():
    arch = [3, 4, 0, 5, 6, 0, 3, 4, 0, 5, 6] * 2
    module = networks.build("darts", arch, MICRO, (1, 1, 40), 10, seed=0)
    signals = torch.randn((4, 1, 1, 40), generator=torch.Generator().manual_seed(0))
    alone, seen = module(signals), []
    convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    for part in convolutions:
        part.register_forward_hook(lambda *given: seen.append(given[0]))
    torch.testing.assert_close(module(signals), alone, rtol=1e-4, atol=1e-4)
    assert len(seen) == len(set(seen)) == len(convolutions)


def test_the_network_of_the_paper_has_its_published_parameters():
    (arch,) = SPACE.parse([V2])
    module = networks.build("darts", arch, PAPER, (3, 32, 32), 10, seed=0)
    assert networks.parameters(module) == 3_349_342
    cost = networks.cost("darts", arch[None], PAPER, (3, 32, 32), 10)
    assert (cost.params.tolist(), cost.macs.tolist()) == ([3_349_342], [528_359_040])


def test_cells_stand_where_the_recipe_says_and_both_matter():
    (arch,) = SPACE.sample(1, np.random.default_rng(0))
    signals = torch.randn((3, 1, 1, 40), generator=torch.Generator().manual_seed(0))
    for places, widths in ((None, [8, 16, 32]), ((0, 2), [16, 16, 32]), ((), [8, 8, 8]), ((1, 9), [8, 16, 16])):
        given = MICRO.but(cells=3, channels=8, reduction_cells=places)
        module = networks.build("darts", arch, given, (1, 1, 40), 10, seed=0)
        assert [cell.last.conv.out_channels for cell in module.cells] == widths
    given = MICRO.but(cells=3, channels=8, reduction_cells=(0, 2))
    outputs = []
    for gene in (None, 0, 11):
        changed = arch.copy()
        if gene is not None:
            changed[gene] = (changed[gene] + 3) % 7
        outputs.append(networks.build("darts", changed, given, (1, 1, 40), 10, seed=0)(signals))
    assert not torch.allclose(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2])


def test_signals_that_cannot_be_halved_so_often_are_refused():
    arch = SPACE.sample(1, np.random.default_rng(0))
    given = MICRO.but(cells=4, reduction_cells=(0, 1, 2, 3))
    for call in (lambda: networks.build("darts", arch[0], given, (1, 1, 40), 10, seed=0),
                 lambda: networks.cost("darts", arch, given, (1, 1, 40), 10)):  # fmt: skip
        with pytest.raises(HarnessError, match="divisible by 16, got"):
            call()


def test_one_initial_weight_of_a_darts_network_is_known():
    """A change of the streams would silently change every trained sample."""
    module = networks.build("darts", (3,) * 2 + (0, 3, 3) * 3 + (4,) * 2 + (1, 5, 6) * 3, MICRO, (1, 1, 40), 10, seed=0)
    values = module.stem.conv.weight.flatten()[:3].tolist()
    assert values == pytest.approx([-0.3732527494, -0.5320966839, 0.2097204923], rel=1e-6)
