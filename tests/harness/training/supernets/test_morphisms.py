"""Morphisms keep the function, with statistics of the batch and with running ones; what keeps it not is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.spaces.nb201.space import NB201Space
from harness.training import networks
from harness.training.networks.operations import Norm
from harness.training.supernets.morphisms import appended, child, inherit, silenced, widened
from tests.harness.training.supernets.support import FULL, MICRO, rng

SHAPES = {"signals": (MICRO, (1, 1, 12)), "images": (FULL, (3, 8, 8))}
PARENT = (2, 0, 3, 1, 0, 2)


def trained(arch, recipe, shape):
    """Return a network whose normalisations have statistics, scales and shifts as after training."""
    network = networks.build("nb201", arch, recipe, shape, 4, seed=3)
    torch.manual_seed(0)
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, Norm):
                part.weight.uniform_(0.5, 1.5)
                part.bias.uniform_(-0.5, 0.5)
        for _ in range(3):
            network(torch.randn(16, *shape))
    return network


def deviation(one, other, shape, *, training):
    images = torch.randn(8, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return float((one.train(training)(images) - other.train(training)(images)).abs().max())


def made(edit, recipe, shape):
    if edit == "append":
        parent = trained((3, 0, 3, 1, 0, 3), recipe, shape)
        return parent, appended(parent, (3, 0, 3, 1, 0, 3), recipe, shape, 4, seed=7)
    parent = trained(PARENT, recipe, shape)
    if edit == "widen":
        return parent, widened(parent, PARENT, recipe, 7, shape, 4, rng())
    after = {"add": (2, 3, 3, 1, 2, 2), "grow": (3, 0, 3, 1, 0, 3), "both": (3, 2, 3, 1, 3, 2)}[edit]
    return parent, child(parent, PARENT, after, recipe, shape, 4, seed=7)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("edit", ["add", "grow", "both", "append", "widen"])
def test_a_morphism_keeps_the_function_in_both_modes(edit, kind, training):
    recipe, shape = SHAPES[kind]
    parent, grown = made(edit, recipe, shape)
    assert deviation(parent, grown, shape, training=training) < 1e-5
    assert networks.parameters(grown) > networks.parameters(parent)


def test_a_silent_branch_and_a_cell_change_not_one_bit():
    recipe, shape = SHAPES["signals"]
    for edit in ("add", "append"):
        parent, grown = made(edit, recipe, shape)
        assert deviation(parent, grown, shape, training=True) == 0


@pytest.mark.parametrize("training", [False, True])
def test_a_skip_is_no_convolution_with_the_kernel_of_an_identity(training):
    """The edit that `child` refuses: ReLU cuts what is negative."""
    recipe, shape = SHAPES["signals"]
    before, after = (3, 0, 3, 1, 0, 1), (3, 0, 3, 3, 0, 1)
    parent = trained(before, recipe, shape)
    network = networks.build("nb201", after, recipe, shape, 4, seed=0)
    inherit(network, parent)
    with torch.no_grad():
        for stage in network.stages:
            edge = stage[0].edges["3"]
            edge.conv.weight.zero_()
            edge.conv.weight[range(len(edge.conv.weight)), range(len(edge.conv.weight)), 0, 1] = 1
    assert deviation(parent, network, shape, training=training) > 0.05
    with pytest.raises(HarnessError, match="`gene 3` must change from none to a convolution"):
        child(parent, before, after, recipe, shape, 4, seed=0)


def test_every_edit_that_the_space_knows_can_be_made():
    """From cells with dead parts, too: what was not computed begins silent."""
    recipe, shape = SHAPES["signals"]
    space = NB201Space()
    for arch in space.sample(6, rng(5)):
        parent = trained(arch, recipe, shape)
        for after in space.morphisms(arch)[:4]:
            grown = child(parent, arch, after, recipe, shape, 4, seed=1)
            assert deviation(parent, grown, shape, training=False) < 1e-5
            assert deviation(parent, grown, shape, training=True) < 1e-5


def test_no_two_silent_convolutions_stand_in_a_row():
    """Two new ones in a row: the first is heard, the second has a gradient."""
    recipe, shape = SHAPES["signals"]
    before, after = (0, 0, 0, 1, 0, 0), (3, 0, 3, 1, 0, 3)
    assert silenced(before, after) == {5}
    parent = trained(before, recipe, shape)
    grown = child(parent, before, after, recipe, shape, 4, seed=1)
    assert deviation(parent, grown, shape, training=True) < 1e-5
    grown.train()(torch.randn(8, *shape)).square().mean().backward()
    assert float(grown.stages[0][0].edges["5"].norm.weight.grad.abs().max()) > 0


def test_what_leads_to_the_output_by_skips_and_pools_begins_silent():
    assert silenced((0, 0, 0, 1, 1, 0), (3, 0, 0, 1, 1, 0)) == {0}
    assert silenced((0, 0, 1, 1, 0, 4), (2, 0, 1, 1, 0, 4)) == {0}
    assert silenced((0, 0, 0, 3, 0, 3), (0, 2, 0, 3, 0, 3)) == {1}, "node 2 was read as zeros"
    assert silenced((3, 0, 0, 0, 3, 0), (3, 3, 0, 3, 3, 3)) == {3, 5}
    assert silenced((2, 0, 0, 0, 2, 0), (3, 0, 0, 0, 3, 0)) == set()


def test_a_silent_branch_learns_from_its_second_step_on():
    recipe, shape = SHAPES["signals"]
    _, grown = made("add", recipe, shape)
    branch = grown.stages[0][0].edges["1"]
    images = torch.randn(8, *shape)
    grown.train()(images).square().mean().backward()
    assert float(branch.conv.weight.grad.abs().max()) == 0
    assert float(branch.norm.weight.grad.abs().max()) > 0


def test_noise_on_copies_is_small_and_on_copies_alone():
    recipe, shape = SHAPES["signals"]
    parent = trained(PARENT, recipe, shape)
    exact = widened(parent, PARENT, recipe, 6, shape, 4, rng())
    noised = widened(parent, PARENT, recipe, 6, shape, 4, rng(), noise=0.01)
    one, other = exact.stages[0][0].edges["0"].conv.weight, noised.stages[0][0].edges["0"].conv.weight
    assert torch.equal(one[:4], other[:4])
    assert 0 < float((one[4:] - other[4:]).detach().abs().max()) < 0.1
    assert 0 < deviation(parent, noised, shape, training=False) < 0.5


def test_what_cannot_be_kept_is_refused():
    recipe, shape = SHAPES["signals"]
    parent = trained((1, 0, 0, 1, 1, 0), recipe, shape)
    with pytest.raises(HarnessError, match="a convolution on every other way"):
        appended(parent, (1, 0, 0, 1, 1, 0), recipe, shape, 4, seed=0)
    with pytest.raises(HarnessError, match="`channels` must be at least 4"):
        widened(parent, (1, 0, 0, 1, 1, 0), recipe, 3, shape, 4, np.random.default_rng(0))
