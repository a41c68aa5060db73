"""The once-for-all network: its slices are the networks themselves, and what makes them keeps the whole network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from harness.spaces import named
from harness.spaces.elastic.skeleton import LARGEST, SMALLEST, blocks, genes_of, parts_of
from harness.training import networks
from harness.training.recipe import Recipe
from harness.training.supernets.batches import Batches
from harness.training.supernets.elastic import build
from harness.training.supernets.subnets import accuracies, standalone
from tests.harness.training.supernets.support import MICRO, rng, search_data

SPACE = named.space("elastic")
SHAPES = {"signals": (1, 1, 12), "images": (3, 8, 8)}


def supernet(shape=(1, 1, 12), *, moved: bool = False):
    network = build(MICRO, shape, 4, seed=3)
    if moved:  # from where it starts, so that no two channels are alike
        draws = rng(5)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.1 * torch.from_numpy(draws.normal(size=parameter.shape).astype(np.float32))
    return network


def items(shape=(1, 1, 12), count=16):
    return torch.from_numpy(rng(1).normal(size=(count, *shape)).astype(np.float32))


def test_the_numbers_of_the_small_network_are_the_published_ones():
    costs = networks.cost("elastic", np.array([LARGEST, SMALLEST]), Recipe("ofa", 1, channels=12), (1, 1, 40), 10)
    assert costs.macs.tolist() == [1_107_850, 189_130]
    assert SPACE.format(np.array([LARGEST, SMALLEST])) == [" | ".join(["e4k7 e4k7 e4k7"] * 3), "e2k3 | e2k3 | e2k3"]


def test_genes_are_taken_apart_and_put_together_again():
    archs = SPACE.sample(50, rng())
    np.testing.assert_array_equal(genes_of(*parts_of(archs)), archs)
    assert all(sum(map(len, blocks(arch))) == 3 + sum(arch[::7]) for arch in archs.tolist())


@pytest.mark.parametrize("kind", SHAPES)
def test_a_slice_is_the_network_of_its_own(kind):
    shape = SHAPES[kind]
    network, batches = supernet(shape, moved=True), Batches(search_data(images=kind == "images", recipe=MICRO))
    assert batches.shape == shape
    archs = [LARGEST, SMALLEST, *SPACE.sample(3, rng()).tolist()]
    for arch in archs:
        alone = standalone(network, arch, batches).train()
        torch.testing.assert_close(network.path(items(shape), arch), alone(items(shape)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", SHAPES)
def test_a_smaller_kernel_begins_as_the_centre_of_the_largest(kind):
    block = supernet(SHAPES[kind]).blocks[0]
    whole = block.depthwise.conv.weight
    assert block.filters(7, 8).data_ptr() == whole.data_ptr()
    for kernel, cut in ((5, 1), (3, 2)):
        rows = slice(None) if kind == "signals" else slice(cut, -cut)
        torch.testing.assert_close(block.filters(kernel, 8), whole[:8, :, rows, cut:-cut], rtol=0, atol=0)


def test_smaller_kernels_are_made_one_of_the_other_and_their_matrices_learn():
    network = supernet(moved=True)
    block = network.blocks[0]
    five = block.transforms["5"] @ block.depthwise.conv.weight[0, 0, 0, 1:6]
    torch.testing.assert_close(block.filters(3, 8)[0, 0, 0], block.transforms["3"] @ five[1:4])
    arch = genes_of(*(np.full((1, count), code) for count, code in ((3, 0), (9, 0), (9, 2))))[0].tolist()
    functional.cross_entropy(network.path(items(), arch), torch.arange(16) % 4).backward()
    there, absent = network.blocks[0], network.blocks[1]
    assert all(matrix.grad.abs().max() > 0 for matrix in there.transforms.values())
    assert all(parameter.grad is None for parameter in absent.parameters()), "blocks that are not there stay"


def test_sorting_keeps_the_whole_network_and_puts_important_channels_first():
    network = supernet(moved=True)
    before = network.path(items(), LARGEST)
    network.sort()
    torch.testing.assert_close(network.path(items(), LARGEST), before, rtol=1e-5, atol=1e-5)
    norms = network.blocks[4].project.conv.weight.abs().sum((0, 2, 3))
    assert (norms.diff() <= 0).all()


def test_sorting_again_keeps_the_channels_of_an_expansion_that_is_trained():
    network, some = supernet(moved=True), genes_of(*(np.full((1, n), c) for n, c in ((3, 2), (9, 2), (9, 1))))[0]
    network.blocks[0].project.conv.weight.data[:, :12] *= 0.01  # the least important ones
    before = network.path(items(), some.tolist())
    network.sort(kept=[3])
    torch.testing.assert_close(network.path(items(), some.tolist()), before, rtol=1e-5, atol=1e-5)
    network.sort()
    assert (network.path(items(), some.tolist()) - before).abs().max() > 1e-3


def test_subnets_are_evaluated_alike_in_any_order():
    batches, network = Batches(search_data()), supernet(moved=True)
    archs = np.concatenate([[LARGEST, SMALLEST], SPACE.sample(3, rng())])
    found = accuracies(network, archs, batches)
    np.testing.assert_array_equal(accuracies(network, archs[::-1], batches), found[::-1])
    assert accuracies(network, archs, batches, "recalibrated").shape == (5,)
