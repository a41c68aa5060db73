"""Networks equal a plain reading of their cells, and start from streams of their own."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from harness.errors import HarnessError
from harness.spaces.four_nodes import EDGES, NONE, SKIP
from harness.spaces.layers import Geometry
from harness.spaces.nb201.operations import POOL
from harness.training import networks, recipe
from harness.training.devices import compute_threads
from harness.training.networks.cells import Cell
from harness.training.networks.operations import Pool3
from harness.training.recipe import Recipe

PUBLISHED = Recipe("published", epochs=200)
MICRO = recipe.load("micro")
C10, SIGNAL = (3, 32, 32), (1, 1, 40)
cells = st.tuples(*[st.integers(0, 4)] * 6)


@pytest.fixture(autouse=True)
def _one_thread():
    with compute_threads(1):
        yield


def genes(*sizes: int) -> tuple[int, ...]:
    return tuple(size // 8 - 1 for size in sizes)


def plainly(cell: Cell, arch, features, *, signal: bool):
    """Compute a cell edge by edge, dead ones included, from the definition."""
    kernel, padding = ((1, 3), (0, 1)) if signal else ((3, 3), (1, 1))
    inside = functional.avg_pool2d(torch.ones_like(features), kernel, 1, padding) * math.prod(kernel)
    nodes = [features]
    for target in (1, 2, 3):
        total = torch.zeros_like(features)
        for gene, (source, into) in enumerate(EDGES):
            if into != target:
                continue
            start, operation = nodes[source], arch[gene]
            if operation == SKIP:
                total = total + start
            elif operation == POOL:
                total = total + functional.avg_pool2d(start, kernel, 1, padding) * math.prod(kernel) / inside
            elif operation != NONE:
                edge = cell.edges[str(gene)]
                weight = edge.conv.weight
                size = tuple(side // 2 for side in weight.shape[2:])
                raw = functional.conv2d(start.clamp(min=0), weight, padding=size)
                mean, variance = raw.mean((0, 2, 3), keepdim=True), raw.var((0, 2, 3), keepdim=True, unbiased=False)
                normed = (raw - mean) / (variance + 1e-5).sqrt()
                total = total + normed * edge.norm.weight[:, None, None] + edge.norm.bias[:, None, None]
        nodes.append(total)
    return nodes[3]


@settings(max_examples=25)
@given(arch=cells, signal=st.booleans(), seed=st.integers(0, 99))
def test_cell_computes_its_definition(arch, signal, seed):
    generator = torch.Generator().manual_seed(seed)
    cell = Cell(arch, 4, 4, Geometry(signal))
    for part in cell.parameters():
        nn.init.normal_(part, generator=generator)
    features = torch.randn((5, 4, 1, 12) if signal else (5, 4, 6, 6), generator=generator)
    with torch.no_grad():
        expected = plainly(cell, arch, features, signal=signal)
        torch.testing.assert_close(cell.train()(features), expected, rtol=1e-4, atol=1e-4)


def test_pool_does_not_count_padding():
    ones = torch.ones(1, 1, 4, 4)
    assert torch.equal(Pool3(Geometry())(ones), ones)
    ramp = torch.tensor([[[[3.0, 6.0, 9.0]]]])
    assert Pool3(Geometry(signal=True))(ramp).flatten().tolist() == [4.5, 6.0, 7.5]


def test_residual_block_is_shortcut_plus_two_convolutions():
    module = networks.build("nb201", (1,) * 6, MICRO.but(reduction="residual"), (1, 8, 8), 10, seed=0)
    block = module.reductions[0].eval()
    features = torch.randn(2, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    first = functional.conv2d(features.relu(), block.a.conv.weight, stride=2, padding=1) / math.sqrt(1 + 1e-5)
    second = functional.conv2d(first.relu(), block.b.conv.weight, padding=1) / math.sqrt(1 + 1e-5)
    shortcut = functional.conv2d(functional.avg_pool2d(features, 2, 2), block.shortcut.weight)
    torch.testing.assert_close(block(features), shortcut + second)


def test_size_cell_widens_a_skip_without_relu():
    arch = genes(8, 16, 24, 8, 8)
    cell = networks.build("nats_size", arch, PUBLISHED, C10, 10, seed=0).stages[1].eval()
    features = -torch.rand(2, 16, 4, 4, generator=torch.Generator().manual_seed(0))
    scale = math.sqrt(1 + 1e-5)
    widened = functional.conv2d(features, cell.edges["3"].conv.weight) / scale
    # Every 3x3 begins with ReLU, so negative features leave only the widened skip.
    torch.testing.assert_close(cell(features), widened)


@pytest.mark.parametrize("arch", [(0,) * 6, (3, 3, 3, 0, 0, 0), (0, 0, 3, 0, 2, 3)])
def test_disconnected_cell_ignores_the_input(arch):
    module = networks.build("nb201", arch, MICRO, SIGNAL, 10, seed=0)
    one, other = (module(torch.full((4, *SIGNAL), value)) for value in (0.0, 5.0))
    assert torch.equal(one, other)


def test_none_stops_values_that_are_not_finite():
    cell = Cell((0, 1, 3, 0, 2, 1), 4, 4, Geometry())
    features = torch.full((2, 4, 4, 4), math.nan)
    assert torch.isfinite(Cell((0, 0, 3, 0, 2, 1), 4, 4, Geometry())(features)).all()
    assert torch.isnan(cell(features)).any()


def test_initial_weights_are_torch_defaults_from_streams_of_their_own():
    state = torch.get_rng_state()
    module = networks.build("nb201", (3, 2, 1, 4, 2, 3), PUBLISHED, C10, 10, seed=7)
    assert torch.equal(torch.get_rng_state(), state)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(math.prod(layer.weight.shape[1:]))  # kaiming_uniform with a = sqrt(5)
            assert float(layer.weight.detach().abs().max()) <= bound
            assert float(layer.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.15)
        elif isinstance(layer, nn.BatchNorm2d):
            assert torch.all(layer.weight == 1)
            assert torch.all(layer.bias == 0)
            assert torch.all(layer.running_mean == 0)
            assert torch.all(layer.running_var == 1)
    again = dict(networks.build("nb201", (3, 2, 1, 4, 2, 3), PUBLISHED, C10, 10, seed=7).named_parameters())
    assert all(torch.equal(part, again[name]) for name, part in module.named_parameters())
    deeper = networks.build("nb201", (3, 2, 1, 4, 2, 3), PUBLISHED.but(cells=6), C10, 10, seed=7)
    assert all(torch.equal(part, again[name]) for name, part in deeper.named_parameters() if name in again)


def test_seeds_and_architectures_start_differently():
    starts = [
        networks.build("nb201", arch, MICRO, SIGNAL, 10, seed=seed).stem.conv.weight
        for arch, seed in (((1,) * 6, 0), ((1,) * 6, 1), ((2,) * 6, 0))
    ]
    assert not any(torch.equal(starts[a], starts[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


def test_one_initial_weight_is_known():
    """A change of the streams would silently change every trained table."""
    module = networks.build("nb201", (4, 3, 2, 1, 0, 0), MICRO, SIGNAL, 10, seed=0)
    values = module.stem.conv.weight.flatten()[:3].tolist()
    assert values == pytest.approx([-0.1338369995, 0.2594589591, 0.3373531997], rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nb210", (1,) * 6, C10), "unknown network 'nb210'. Did you mean 'nb201'?"),
        (("nb201", (1,) * 5, C10), "have shape"),
        (("nb201", (5, 0, 0, 0, 0, 0), C10), "have genes in range"),
        (("nb201", (1,) * 6, (3, 30, 30)), "divisible by 4"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    network, arch, shape = arguments
    with pytest.raises(HarnessError, match=message.replace("?", r"\?")):
        networks.build(network, arch, MICRO, shape, 10, seed=0)
