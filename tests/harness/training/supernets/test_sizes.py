"""The supernet of the size space: full masks are the plain network, slices and masks are the networks themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from harness.spaces.nats_size.skeleton import WIDTHS
from harness.training import networks
from harness.training.networks import operations
from harness.training.networks.operations import Conv
from harness.training.supernets.batches import Batches
from harness.training.supernets.costs import SizeCosts
from harness.training.supernets.sizes import LARGEST, WIDEST, build
from harness.training.supernets.subnets import accuracies, standalone
from tests.harness.training.supernets.support import FULL, MICRO, rng, search_data

SHAPES = {"signals": (1, 1, 12), "images": (3, 8, 8)}
RECIPES = {"signals": MICRO, "images": FULL}
ARCHS = [(1, 1, 1, 1, 1), (2, 2, 2, 5, 5), (1, 4, 2, 3, 6)]


def supernet(kind="signals"):
    network, draws = build(RECIPES[kind], SHAPES[kind], 4, seed=3), rng(5)
    with torch.no_grad():  # from where it starts, so that no two channels are normalised alike
        for parameter in network.parameters():
            parameter += 0.1 * torch.from_numpy(draws.normal(size=parameter.shape).astype(np.float32))
    return network


def items(kind="signals", count=16):
    return torch.from_numpy(rng(1).normal(size=(count, *SHAPES[kind])).astype(np.float32))


def one_hot(arch):
    return torch.eye(8)[list(arch)]


def alone(network, arch, kind):
    return standalone(network, arch, Batches(search_data(images=kind == "images", recipe=RECIPES[kind]))).train()


@pytest.mark.parametrize("kind", SHAPES)
def test_full_masks_are_the_plain_network_to_the_bit(kind):
    network = supernet(kind)
    plain = alone(network, LARGEST, kind)
    assert networks.parameters(plain) == networks.cost("nats_size", [LARGEST], RECIPES[kind], SHAPES[kind], 4).params
    given = items(kind).contiguous(memory_format=torch.channels_last)
    network.to(memory_format=torch.channels_last)
    expected = plain(given)
    assert torch.equal(network.mixture(given, one_hot(LARGEST)), expected)
    assert torch.equal(network.path(given, LARGEST), expected)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("kind", SHAPES)
def test_slices_and_masks_of_one_width_a_layer_are_the_network_of_these_widths(kind, arch):
    """Copied slices; where the width of a cell changes, its skip is a convolution."""
    network = supernet(kind)
    expected = alone(network, arch, kind)(items(kind))
    for found in (
        network.path(items(kind), arch),
        network.mixture(items(kind), one_hot(arch)),
        network.interpolated(items(kind), one_hot(arch), [(0, code) for code in arch]),
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert (network.path(items(kind), LARGEST) - expected).abs().max() > 1e-2


def test_a_mask_comes_after_normalisation():
    """Shifts of masked channels change nothing."""
    network, arch = supernet(), (1, 2, 3, 2, 1)
    before = network.mixture(items(), one_hot(arch))
    with torch.no_grad():
        for norm, code in ((network.stem.norm, 1), (network.reductions[0].norm, 2), (network.head.norm, 1)):
            norm.bias[8 * (code + 1) :] += 3
    torch.testing.assert_close(network.mixture(items(), one_hot(arch)), before, rtol=0, atol=0)


def test_a_mixture_weighs_channels_by_the_widths_that_have_them():
    network, seen = supernet(), []
    weights = torch.full((5, 8), 0.125)
    weights[0] = torch.tensor([0.5, 0, 0, 0, 0, 0, 0, 0.5])
    network._through = lambda images, codes, same, *limits: seen.extend(limits)
    network.mixture(items(), weights)
    ones = torch.ones(1, WIDEST, 1, 1)
    assert seen[0](ones, 0).flatten().tolist() == [1.0] * 8 + [0.5] * 56
    assert seen[1](ones, 4).flatten()[::8].tolist() == [1 - place / 8 for place in range(8)]


def test_widths_are_equal_with_the_probability_of_equal_draws():
    network, weights = supernet(), torch.full((5, 8), 0.125)
    weights[1] = weights[2] = torch.tensor([0.25, 0, 0, 0.75, 0, 0, 0, 0])
    seen = []
    network._through = lambda images, codes, same, *_: seen.append(same)
    network.mixture(items(), weights)
    assert seen[0][0] is True
    assert [float(part) for part in seen[0][1:]] == [0.25**2 + 0.75**2, 0.125]


def test_the_narrower_of_two_widths_is_averaged_over_bins_of_channels():
    """One of three quarters: 8 channels as 24 are each three times; 16 as 24 are a, (a + b) / 2, b."""
    network, weights = supernet(), torch.zeros(5, 8)
    weights[:, [0, 2]] = torch.tensor([0.75, 0.25])
    limits = []
    network._through = lambda images, codes, same, limit: limits.append((codes, limit))
    network.interpolated(items(), weights, [(0, 2)] * 5)
    codes, limit = limits[0]
    assert codes == [2] * 5
    features = torch.from_numpy(rng().normal(size=(2, 24, 1, 3)).astype(np.float32))
    expected = 0.75 * features[:, :8].repeat_interleave(3, 1) + 0.25 * features
    torch.testing.assert_close(limit(features, 4), expected)
    other = torch.zeros(5, 8)
    other[:, 1] = 1
    network.interpolated(items(), other, [(1, 2)] * 5)
    first = limits[1][1](features, 0)[:, :3]
    expected = torch.stack([features[:, 0], features[:, :2].mean(1), features[:, 1]], 1)
    torch.testing.assert_close(first, expected)


def test_no_weight_without_a_channel_has_a_gradient():
    network, arch = supernet(), (1, 1, 1, 1, 1)
    network.path(items(), arch).square().sum().backward()
    for part in network.modules():
        if isinstance(part, Conv) and part.weight.grad is not None:
            assert part.weight.grad[16:].abs().max() == 0
            assert part.weight.grad[:16].abs().max() > 0
    assert network.stages[1].edges["3"].conv.weight.grad is None, "a skip of equal widths"


@pytest.mark.parametrize("kind", SHAPES)
def test_multiply_adds_are_those_of_the_convolutions_that_are_computed(kind):
    network, costs = supernet(kind), SizeCosts("nats_size", RECIPES[kind], SHAPES[kind], 4)
    flat = torch.full((5, 8), 0.125)
    pairs = [(0, 1), (2, 5), (1, 5), (0, 7), (3, 6)]
    two = torch.zeros(5, 8).scatter(1, torch.tensor(pairs), 0.5)
    wide = [code for _, code in pairs]
    for compute, macs, last in (
        (lambda given: network.path(given, ARCHS[2]), costs.path(ARCHS[2]), ARCHS[2][-1]),
        (lambda given: network.mixture(given, flat), costs.mixture(LARGEST), LARGEST[-1]),
        (lambda given: network.interpolated(given, two, pairs), costs.mixture(wide), wide[-1]),
    ):
        classifier = 4 * WIDTHS[last] + 4
        assert counted(compute, items(kind, 2)) + classifier == macs


def counted(compute, given):
    """Count the multiply-adds of convolutions, of one item."""
    total, real = 0, functional.conv2d

    def conv(features, weight, bias=None, stride=1, padding=0):
        nonlocal total
        found = real(features, weight, bias, stride, padding)
        total += weight.numel() * found.shape[2] * found.shape[3]
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functional, "conv2d", conv)
        patch.setattr(operations, "pointwise", conv)
        compute(given)
    return total


def test_subnets_are_evaluated_alike_in_any_order():
    batches, network = Batches(search_data()), supernet()
    archs = np.array([LARGEST, *ARCHS], dtype=np.uint8)
    found = accuracies(network, archs, batches)
    np.testing.assert_array_equal(accuracies(network, archs[::-1], batches), found[::-1])
    assert accuracies(network, archs, batches, "recalibrated").shape == (4,)


def test_a_supernet_starts_as_its_seed_says():
    first, second, other = (build(MICRO, SHAPES["signals"], 4, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.stem.conv.weight, other.stem.conv.weight)
