"""Weak learners: the parent is what it was; gates and weights descend the loss of the nodes that they would enter."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional

from harness.spaces.nb201.operations import KERNELS
from harness.training import networks
from harness.training.networks.operations import Norm
from harness.training.schedule import Member
from harness.training.supernets.morphisms import inherit
from harness.training.supernets.weak_learners import Candidate, WeakLearners, candidates, grown, stop_forward
from tests.harness.training.supernets.support import FULL, MICRO

SHAPES = {"signals": (MICRO, (1, 1, 12)), "images": (FULL, (3, 8, 8))}
ARCH = (3, 0, 2, 1, 0, 3)


def made(kind="signals", arch=ARCH):
    """Return a network with statistics, the same with weak learners beside it, and items with labels."""
    recipe, shape = SHAPES[kind]
    network = networks.build("nb201", arch, recipe, shape, 4, seed=2)
    torch.manual_seed(0)
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, Norm):
                part.weight.uniform_(0.5, 1.5)
                part.bias.uniform_(-0.5, 0.5)
        network(torch.randn(16, *shape))
    weak = WeakLearners(copy.deepcopy(network), candidates(arch), recipe, shape)
    networks.initialise(weak.cells, Member((), 5), "nb201")
    with torch.no_grad():
        weak.gates.uniform_(-0.1, 0.1)
    return network, weak, torch.randn(8, *shape), torch.arange(8) % 4


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", SHAPES)
def test_outputs_and_gradients_of_the_parent_are_the_same_bits(kind, training):
    network, weak, images, labels = made(kind)
    network.train(training)
    weak.train(training)
    one, other = network(images), weak(images)
    assert torch.equal(one, other)
    functional.cross_entropy(one, labels).backward()
    functional.cross_entropy(other, labels).backward()
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter.grad, weak.network.get_parameter(name).grad), name
    assert all(parameter.grad.abs().max() > 0 for parameter in weak.cells.parameters())


def test_the_gradient_of_a_gate_is_that_of_the_node_times_the_operation():
    """By adding a free term to the output of every cell."""
    arch = (0, 0, 0, 1, 0, 0)
    network, weak, images, labels = made(arch=arch)
    one = Candidate(0, 4, 3)  # a pool from the input, which enters the output by way of node 1
    assert one in weak.chosen
    functional.cross_entropy(weak(images), labels).backward()
    inputs, terms = [], []

    def hook(cell, given, output):
        inputs.append(given[0].detach())
        terms.append(torch.zeros_like(output, requires_grad=True))
        return output + terms[-1]

    for stage in network.stages:
        stage[0].register_forward_hook(hook)
    functional.cross_entropy(network(images), labels).backward()
    by_hand = sum((term.grad * weak.pool(features)).sum() for term, features in zip(terms, inputs, strict=True))
    torch.testing.assert_close(weak.gates.grad[weak.chosen.index(one)], by_hand)


def test_the_penalty_is_the_gradient_of_gates_that_do_nothing():
    _, weak, _, _ = made()
    weak.penalty().backward()
    assert torch.equal(weak.gates.grad, weak.gates.detach().sign())


def test_stop_forward_is_zero_with_the_gradient_of_the_identity():
    x = torch.randn(5, requires_grad=True)
    assert torch.equal(stop_forward(x), torch.zeros(5))
    (stop_forward(x) * torch.arange(5.0)).sum().backward()
    assert torch.equal(x.grad, torch.arange(5.0))


def test_candidates_begin_where_something_enters_and_reach_the_output():
    genes = {(one.gene, one.target) for one in candidates((3, 0, 3, 0, 0, 3))}
    assert genes == {(1, 2), (3, 3), (4, 3)}
    assert len(candidates((0, 0, 0, 1, 0, 0))) == 2 * 4
    assert candidates((3, 3, 3, 3, 3, 3)) == ()
    assert all(one.code != 0 for one in candidates(ARCH))
    # The output of node 1 is a convolution that nothing enters: a growth would not start as its parent.
    assert {one.gene for one in candidates((0, 0, 0, 1, 3, 0))} == {1}


def test_a_grown_cell_has_its_candidates_and_a_way_to_the_output():
    assert grown((0, 0, 0, 1, 0, 0), [Candidate(0, 3, 3), Candidate(1, 4, 3)]) == (3, 4, 0, 1, 1, 1)
    assert grown((3, 0, 3, 0, 0, 3), [Candidate(1, 2, 2)]) == (3, 2, 3, 0, 0, 3)


def test_the_best_are_those_of_the_largest_gates_by_size_one_on_an_edge():
    _, weak, _, _ = made(arch=(3, 0, 3, 0, 0, 3))
    assert [one.gene for one in weak.chosen] == [1] * 4 + [3] * 4 + [4] * 4
    with torch.no_grad():
        weak.gates.copy_(torch.tensor([0.1, -0.9, 0.8, 0, 0.2, 0.3, -0.1, 0, 0, 0, 0, -0.5]))
    assert [(one.gene, one.code) for one in weak.best(2)] == [(1, 2), (4, 4)]
    assert len(weak.best(5)) == 3


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", SHAPES)
def test_a_child_with_convolutions_starts_as_its_parent_and_has_their_weights(kind, training):
    network, weak, images, _ = made(kind, (0, 0, 0, 1, 0, 0))
    recipe, shape = SHAPES[kind]
    taken = [one for one in weak.chosen if (one.gene, one.code) in ((0, 3), (1, 2))]
    child = networks.build("nb201", grown((0, 0, 0, 1, 0, 0), taken), recipe, shape, 4, seed=9)
    inherit(child, weak.network)
    weak.hand_over(child, taken)
    with torch.no_grad():
        assert (child.train(training)(images) - network.train(training)(images)).abs().max() < 1e-5
    for one in taken:
        assert KERNELS[one.code] == child.stages[0][0].edges[str(one.gene)].conv.kernel_size[1]
        own = weak.cells[0][f"{one.gene}_{one.code}"].weight
        assert torch.equal(child.stages[0][0].edges[str(one.gene)].conv.weight, own)
