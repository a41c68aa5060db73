"""The supernet of DARTS cells: mixtures, paths and networks of their own agree, and so do costs and derivations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from harness.errors import HarnessError
from harness.spaces import named
from harness.spaces.darts.cells import EDGES, OPERATIONS, WITH_NONE
from harness.spaces.layers import Geometry
from harness.training import networks
from harness.training.networks.operations import Separable
from harness.training.supernets.batches import Batches
from harness.training.supernets.costs import EdgeCosts
from harness.training.supernets.darts import ABSENT, NONE, POOLS, SKIP, NormalisedPool, build, derived, edge_codes
from harness.training.supernets.partial import draw_channels
from harness.training.supernets.subnets import standalone
from tests.harness.training.supernets.support import MICRO_DARTS, rng, search_data

SPACE, SHAPE = named.space("darts"), (1, 1, 12)


def supernet(**options):
    return build(MICRO_DARTS, SHAPE, 4, seed=3, **options)


def items(count=16):
    return torch.from_numpy(rng(1).normal(size=(count, *SHAPE)).astype(np.float32))


def one_hot(arch):
    codes = edge_codes(np.array([arch]))[0]
    return functional.one_hot(torch.tensor(np.where(codes == ABSENT, NONE, codes)), len(WITH_NONE)).float()


@pytest.mark.parametrize(("seed", "entangled"), [(0, False), (1, False), (1, True)])
def test_a_one_hot_mixture_is_the_path(seed, entangled):
    network, arch = supernet(entangled=entangled), SPACE.sample(1, rng(seed))[0].tolist()
    path = network.path(items(), arch)
    torch.testing.assert_close(network.mixture(items(), one_hot(arch)), path, rtol=1e-4, atol=1e-5)
    gates = one_hot(arch).requires_grad_()
    gated = network.on_edges(items(), one_hot(arch).argmax(1).tolist(), gates)
    torch.testing.assert_close(gated, path, rtol=1e-4, atol=1e-5)
    gated.sum().backward()
    assert gates.grad.abs().sum() > 0


@pytest.mark.parametrize("entangled", [False, True])
def test_a_path_is_the_network_of_its_own_with_normalised_pools(entangled):
    network, batches = supernet(entangled=entangled), Batches(search_data(recipe=MICRO_DARTS))
    for arch in SPACE.sample(3 - entangled, rng(4)).tolist():
        alone = standalone(network, arch, batches).train()
        torch.testing.assert_close(network.path(items(), arch), alone(items()), rtol=1e-4, atol=1e-5)
    pools = [sum(isinstance(part, NormalisedPool) for part in cell.modules()) for cell in alone.cells]
    normal, reduces = np.isin(edge_codes(np.array([arch])).reshape(2, -1), list(POOLS)).sum(1).tolist()
    assert pools == [reduces, reduces, normal]


def test_a_node_is_the_sum_of_weighted_operations_by_hand():
    cell = supernet().cells[2]  # the normal one
    draws = rng(2)
    before, last = (torch.from_numpy(draws.normal(size=(8, 4 * 16, 1, 3)).astype(np.float32)) for _ in range(2))
    before = torch.from_numpy(draws.normal(size=(8, 4 * 8, 1, 6)).astype(np.float32))
    weights = torch.from_numpy(draws.dirichlet(np.ones(8), size=14).astype(np.float32))
    states = [cell.before(before), cell.last(last)]
    total = 0
    for edge, state in enumerate(states):
        for code, name in enumerate(OPERATIONS):
            if name.endswith("pool_3x3"):
                pool = functional.max_pool2d if name.startswith("max") else functional.avg_pool2d
                further = {} if name.startswith("max") else {"count_include_pad": False}
                term = functional.batch_norm(pool(state, (1, 3), 1, (0, 1), **further), None, None, training=True)
            else:
                term = state if code == SKIP else cell.edges[edge][name](functional.relu(state))
            total = total + weights[edge, code] * term
    found = cell.mixture(before, last, weights)[:, :16]
    torch.testing.assert_close(found, total, rtol=1e-4, atol=1e-5)
    scaled = cell.mixture(before, last, weights, torch.full((14,), 0.5))[:, :16]
    torch.testing.assert_close(scaled, total / 2, rtol=1e-4, atol=1e-5)


def test_entangled_kernels_are_summed_by_their_weights_and_share_all_other_layers():
    cell = supernet(entangled=True).cells[2]
    assert {name for edge in cell.edges for name in edge} == {"sep_conv_5x5", "dil_conv_5x5"}
    inputs = torch.from_numpy(rng(2).normal(size=(8, 16, 1, 6)).astype(np.float32))
    weights = torch.from_numpy(rng(2).dirichlet(np.ones(8), size=14).astype(np.float32))
    edges = torch.full((14,), 0.5)
    for small, large in ((3, 4), (5, 6)):
        layers = cell.edges[1][OPERATIONS[large]]
        (term,) = cell._merged(1, [small, large], weights, edges)
        assert (term[0], term[1].item()) == (large, 0.5)
        found = cell._operation(inputs, 1, 1, large, {}, term[2])
        for name, kernel in layers.named_parameters():
            if "depthwise" in name:
                summed = kernel.data * weights[1, large]
                summed[..., 1:4] += kernel.data[..., 1:4] * weights[1, small]
                kernel.data = summed
        torch.testing.assert_close(found, layers(functional.relu(inputs)), rtol=1e-4, atol=1e-5)
    image = Separable(2, 5, Geometry.of((1, 7, 7)), stride=2, dilation=2)
    small, pixels = Separable(2, 3, Geometry.of((1, 7, 7)), stride=2, dilation=2), items(98).reshape(-1, 2, 7, 7)[:3]
    small.pointwise.weight.data = image.pointwise.weight.data
    small.depthwise.weight.data = image.depthwise.weight.data[..., 1:4, 1:4]
    taps = functional.pad(torch.ones(1, 1, 3, 3), (1, 1, 1, 1))
    torch.testing.assert_close(image(pixels, taps), small(pixels))
    costs = EdgeCosts.of(MICRO_DARTS, SHAPE, 4, entangled=True)
    assert costs.mixture_of(range(8)) == costs.base + costs.operations[:, [4, 6]].sum() + costs.operations[:, :3].sum()
    assert costs.mixture_of([3, 6]) == costs.base + costs.operations[:, [3, 6]].sum()


def test_a_step_of_a_path_touches_its_own_weights_alone():
    network, arch = supernet(), SPACE.sample(1, rng(5))[0].tolist()
    network.path(items(), arch).sum().backward()
    codes = edge_codes(np.array([arch]))[0].tolist()
    for name, parameter in network.named_parameters():
        if ".edges." in name:
            cell, edge, operation = (name.split(".")[place] for place in (1, 3, 4))
            code = codes[int(edge) + len(EDGES) * network.cells[int(cell)].reduces]
            assert (parameter.grad is not None) == (code != ABSENT and OPERATIONS[code] == operation), name


def test_two_edges_a_node_are_kept_by_their_best_operation_but_none():
    p = np.full((28, 8), 0.01)
    p[:, NONE] = 0.9
    for edge, code in ((0, 3), (1, 4), (2, 5), (4, 2), (6, 0), (8, 1), (9, 6), (13, 3)):
        p[edge, code] = p[14 + edge, code] = 0.05
    (arch,) = derived(p)
    codes = edge_codes(arch[None])[0].tolist()
    kept = {0: 3, 1: 4, 2: 5, 4: 2, 6: 0, 8: 1, 9: 6, 13: 3}
    assert codes == [kept.get(edge, ABSENT) for edge in range(14)] * 2
    edges = np.ones(28)
    edges[[2, 3]] = 0.1, 9
    assert edge_codes(derived(p, edges))[0][2:5].tolist() == [ABSENT, 0, 2], "the weight of an edge counts"
    np.testing.assert_array_equal(derived(one_hot(arch).numpy()), [arch])


def test_costs_are_those_of_networks_and_mixtures_are_sums():
    archs = SPACE.sample(20, rng())
    costs = EdgeCosts.of(MICRO_DARTS, SHAPE, 4)
    expected = networks.cost("darts", archs, MICRO_DARTS, SHAPE, 4).macs
    assert [costs.path(arch) for arch in archs.tolist()] == expected.tolist()
    assert costs.mixture_of(range(8)) == costs.base + costs.operations.sum()
    assert costs.mixture_of([NONE]) == costs.base
    assert costs.on_edges([3] * 28) == costs.base + costs.operations[:, 3].sum()
    assert EdgeCosts.of(MICRO_DARTS, SHAPE, 4, 2).operations.sum() < costs.operations.sum() / 2


@pytest.mark.parametrize(("place", "stride"), [(1, 2), (2, 1)])
def test_drawn_channels_go_through_the_operations_of_their_edge_and_the_others_pass_in_their_places(place, stride):
    network = supernet(partial=2, channel_choice="random")
    draw_channels(network, rng(3), torch.device("cpu"))
    cell, draws = network.cells[place], rng(2)
    cell.before = cell.last = torch.nn.Identity()
    states = [torch.from_numpy(draws.normal(size=(8, 16, 1, 6)).astype(np.float32)) for _ in range(2)]
    weights, edges = (torch.from_numpy(draws.random(size, dtype=np.float32)) for size in ((14, 8), 14))
    total = 0
    for edge, state in enumerate(states):
        seen = torch.zeros(16, 1, 1)
        seen[cell.orders[edge, :8]] = 1
        pooled = functional.max_pool2d(state, (1, 3), (1, stride), (0, 1))
        mixed = weights[edge, 0] * functional.batch_norm(pooled, None, None, training=True)
        passing = functional.max_pool2d(state, (1, stride), (1, stride))
        total = total + edges[edge] * (seen * mixed + (1 - seen) * passing)
    kept = [(0, NONE), (0,)] * 7
    found = cell.mixture(*states, weights, edges, kept)
    torch.testing.assert_close(found[:, :16], total, rtol=1e-4, atol=1e-5)


def test_partial_channels_must_divide_the_width():
    with pytest.raises(HarnessError, match="divide the 4 channels"):
        supernet(partial=3)
