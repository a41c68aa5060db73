"""Supernets of NAS-Bench-201: mixtures, paths and networks of their own compute the same with the same weights."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from harness.errors import HarnessError
from harness.spaces.layers import Geometry
from harness.training.supernets.batches import Batches
from harness.training.supernets.cells import EDGES, MixedCell, build
from harness.training.supernets.costs import PathCosts
from harness.training.supernets.partial import draw_channels
from harness.training.supernets.subnets import accuracies, recalibrate, standalone
from tests.harness.training.supernets.support import MICRO, rng, search_data

CELLS = [
    (0,) * 6, (1,) * 6, (3,) * 6, (3, 2, 1, 4, 0, 3), (3, 3, 3, 0, 0, 0), (0, 0, 3, 0, 3, 3), (4, 1, 2, 3, 4, 1),
]  # fmt: skip
CLASSES, SHAPE = 4, (1, 1, 12)


def supernet(**options):
    return build(MICRO, SHAPE, CLASSES, seed=3, **options)


def items(count=9, shape=SHAPE):
    return torch.from_numpy(rng(1).normal(size=(count, *shape)).astype(np.float32))


def one_hot(arch):
    return functional.one_hot(torch.tensor(arch), 5).float()


def drawn_weights(seed=2):
    return torch.from_numpy(rng(seed).dirichlet(np.ones(5), size=6).astype(np.float32))


def test_a_mixture_is_the_sum_of_weighted_operations_by_hand():
    cell, weights = MixedCell(4, Geometry(signal=True)), drawn_weights()
    features = torch.from_numpy(rng(5).normal(size=(3, 4, 1, 12)).astype(np.float32))

    def normed(values):
        mean, var = values.mean((0, 2, 3), keepdim=True), values.var((0, 2, 3), unbiased=False, keepdim=True)
        return (values - mean) / torch.sqrt(var + 1e-5)

    nodes = [features]
    for target in (1, 2, 3):
        total = torch.zeros_like(features)
        for gene, (source, end) in enumerate(EDGES):
            if end != target:
                continue
            x = nodes[source]
            total = total + weights[gene, 1] * x
            for code, kernel, padding in ((2, "1", 0), (3, "3", 1)):
                weight = cell.edges[gene][kernel].weight
                total = total + weights[gene, code] * normed(
                    functional.conv2d(functional.relu(x), weight, padding=(0, padding))
                )
            pooled = functional.avg_pool2d(x, (1, 3), 1, (0, 1), count_include_pad=False)
            total = total + weights[gene, 4] * pooled
        nodes.append(total)
    torch.testing.assert_close(cell.mixture(features, weights), nodes[-1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("arch", CELLS)
def test_a_one_hot_mixture_is_the_path_and_the_path_is_the_network_of_its_own(arch):
    network, images = supernet(), items()
    batches = Batches(search_data())
    with torch.no_grad():
        path = network.path(images, arch)
        torch.testing.assert_close(network.mixture(images, one_hot(arch)), path, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(network.path(images, arch, one_hot(arch)), path, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(standalone(network, arch, batches)(images), path, rtol=1e-5, atol=1e-5)


def test_a_supernet_of_pictures_is_the_network_of_its_own_too():
    batches = Batches(search_data(images=True))
    network = build(batches.recipe, batches.shape, batches.classes, seed=1)
    images, arch = items(6, batches.shape), (3, 2, 1, 4, 0, 3)
    with torch.no_grad():
        torch.testing.assert_close(
            standalone(network, arch, batches)(images), network.path(images, arch), rtol=1e-4, atol=1e-4
        )


def test_a_step_of_a_path_touches_its_own_weights_alone():
    network, arch = supernet(), (3, 0, 2, 1, 4, 3)
    network.path(items(), arch).sum().backward()
    touched = {name for name, value in network.named_parameters() if ".edges." in name and value.grad is not None}
    expected = {
        f"stages.{stage}.0.edges.{gene}.{kernel}.weight"
        for stage, (gene, kernel) in itertools.product(range(3), ((0, 3), (2, 1), (5, 3)))
    }
    assert touched == expected


def test_operations_left_out_of_a_mixture_are_as_if_their_weights_were_zero():
    codes, weights = (1, 3), drawn_weights()
    weights[:, [0, 2, 4]] = 0
    torch.testing.assert_close(
        supernet(codes=codes).mixture(items(), weights), supernet().mixture(items(), weights), rtol=1e-5, atol=1e-5
    )


def test_operations_that_an_edge_does_not_keep_are_as_if_their_weights_were_zero_there():
    kept, weights = ((1, 3), (2, 3), (0, 2), (4,), (3,), (0, 1, 2, 3, 4)), drawn_weights()
    for gene, codes in enumerate(kept):
        weights[gene, [code for code in range(5) if code not in codes]] = 0
    found = supernet().mixture(items(), weights, kept=kept)
    torch.testing.assert_close(found, supernet().mixture(items(), weights), rtol=1e-5, atol=1e-5)
    costs = PathCosts(10, (0, 0, 1, 3, 0))
    assert costs.mixture_by_edge(kept) == 10 + 3 + 4 + 1 + 0 + 3 + 4
    assert costs.mixture_by_edge([range(5)] * 6) == costs.mixture


def test_gates_of_operations_that_were_not_drawn_add_zero_and_have_the_gradient_of_a_constant_one():
    cell, arch = MixedCell(4, Geometry(signal=True)), (3, 1, 2, 1, 3, 1)
    features, gates = items(3, (4, 1, 12)), one_hot(arch).requires_grad_()
    output = cell.path(features, arch, gates)
    upstream = torch.from_numpy(rng(8).normal(size=tuple(output.shape)).astype(np.float32))
    (gradient,) = torch.autograd.grad(output, gates, upstream)
    torch.testing.assert_close(gradient[3, [0, 2, 3, 4]], upstream.sum().expand(4), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradient[3, 1], (upstream * features).sum(), rtol=1e-4, atol=1e-4)


def test_partial_channels_pass_beside_the_operations_and_are_shuffled():
    cell, weights = MixedCell(4, Geometry(signal=True), partial=2), torch.zeros(6, 5)
    weights[3, 1] = 1.0  # skip on 0-3 alone
    features = items(3, (4, 1, 12))
    found, edges = cell.mixture(features, weights, torch.tensor([0.0, 0, 0, 1, 0, 0])), [0, 2, 1, 3]
    torch.testing.assert_close(found, features[:, edges])  # (0 1 | 2 3) is interleaved
    torch.testing.assert_close(supernet(partial=1).mixture(items(), drawn_weights()),
                               supernet().mixture(items(), drawn_weights(), torch.ones(6)))  # fmt: skip
    with pytest.raises(HarnessError, match="`partial_channels` must divide the 4 channels, got 3"):
        supernet(partial=3)


@pytest.mark.parametrize("channel_choice", ["first", "random"])
def test_a_path_on_partial_channels_is_the_one_hot_mixture_with_what_passes_on_edges_that_get_nothing(channel_choice):
    half = supernet(partial=2, channel_choice=channel_choice)
    for drawn in (None, rng(4)):
        draw_channels(half, drawn, torch.device("cpu"))
        for arch in ((3, 2, 1, 4, 0, 3), (0, 0, 3, 0, 3, 0), (3, 2, 0, 0, 0, 0)):
            with torch.no_grad():
                path = half.path(items(), arch)
                torch.testing.assert_close(half.mixture(items(), one_hot(arch)), path, rtol=1e-4, atol=1e-5)
                torch.testing.assert_close(half.path(items(), arch, one_hot(arch)), path, rtol=1e-4, atol=1e-5)


def test_drawn_channels_go_through_the_operations_of_their_edge_and_the_others_pass_in_their_places():
    cell = MixedCell(4, Geometry(signal=True), (1, 4), partial=2, channel_choice="random")
    cell.draw(rng(3), torch.device("cpu"))
    weights, edges = drawn_weights(), torch.tensor([1.0, 0.7, 0.3, 0.5, 0.2, 0.4])
    nodes = [items(3, (4, 1, 12))]
    for target in (1, 2, 3):
        total = 0
        for gene, (source, end) in enumerate(EDGES):
            if end == target:
                x, seen = nodes[source], torch.zeros(4, 1, 1)
                seen[cell.orders[gene, :2]] = 1  # equation (2) of the paper
                pooled = functional.avg_pool2d(x, (1, 3), 1, (0, 1), count_include_pad=False)
                mixed = weights[gene, 1] * x + weights[gene, 4] * pooled
                total = total + edges[gene] * (seen * mixed + (1 - seen) * x)
        nodes.append(total)
    torch.testing.assert_close(cell.mixture(nodes[0], weights, edges), nodes[-1])


def test_channels_are_drawn_for_each_edge_of_each_cell_by_the_generator_that_is_given_and_not_where_all_go_through():
    found = []
    for _ in range(2):
        half, generator = supernet(partial=2, channel_choice="random"), rng(6)
        draw_channels(half, generator, torch.device("cpu"))
        found.append([stage[0].orders for stage in half.stages])
    for orders, again in zip(*found, strict=True):
        assert torch.equal(orders, again)
        assert torch.equal(orders.sort(1).values, torch.arange(orders.shape[1]).expand(6, -1))
        assert len(set(map(tuple, orders.tolist()))) > 1
    for options in ({"channel_choice": "random"}, {"partial": 2}):
        generator = rng(6)
        network = supernet(**options)
        draw_channels(network, generator, torch.device("cpu"))
        assert network.stages[0][0].orders is None
        assert generator.bit_generator.state == rng(6).bit_generator.state


@pytest.mark.parametrize("arch", CELLS)
def test_an_entangled_path_is_the_one_hot_mixture_and_the_network_of_its_own(arch):
    network, batches = supernet(entangled=True), Batches(search_data())
    assert {name.split(".")[5] for name, _ in network.named_parameters() if ".edges." in name} == {"3"}
    with torch.no_grad():
        path = network.path(items(), arch)
        torch.testing.assert_close(network.mixture(items(), one_hot(arch)), path, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(network.path(items(), arch, one_hot(arch)), path, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(standalone(network, arch, batches)(items()), path, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("signal", [True, False])
def test_an_entangled_mixture_convolves_once_with_the_kernel_and_its_centre(signal):
    cell, weights = MixedCell(4, Geometry(signal=signal), entangled=True), drawn_weights()
    shape, around = ((4, 1, 12), (0, 1)) if signal else ((4, 6, 6), (1, 1))
    edges = torch.tensor([1.0, 0.7, 0.3, 0.5, 0.2, 0.4])
    nodes = [items(3, shape)]
    for target in (1, 2, 3):
        total = 0
        for gene, (source, end) in enumerate(EDGES):
            if end == target:
                x, kernel = nodes[source], cell.edges[gene]["3"].weight
                middle = torch.zeros_like(kernel)
                middle[:, :, around[0], 1] = kernel[:, :, around[0], 1]
                kernel = weights[gene, 3] * kernel + weights[gene, 2] * middle
                y = functional.conv2d(functional.relu(x), kernel, padding=around)
                y = functional.batch_norm(y, None, None, training=True)
                pooled = functional.avg_pool2d(x, kernel.shape[2:], 1, around, count_include_pad=False)
                total = total + edges[gene] * (y + weights[gene, 1] * x + weights[gene, 4] * pooled)
        nodes.append(total)
    torch.testing.assert_close(cell.mixture(nodes[0], weights, edges), nodes[-1], rtol=1e-4, atol=1e-5)


def test_entangled_operations_that_an_edge_does_not_keep_are_as_if_their_weights_were_zero_there():
    kept, weights = ((1, 3), (2, 3), (0, 2), (4,), (3,), (0, 1, 2, 3, 4)), drawn_weights()
    for gene, codes in enumerate(kept):
        weights[gene, [code for code in range(5) if code not in codes]] = 0
    network = supernet(entangled=True)
    expected = network.mixture(items(), weights)
    torch.testing.assert_close(network.mixture(items(), weights, kept=kept), expected, rtol=1e-4, atol=1e-5)
    costs = PathCosts(10, (0, 0, 1, 3, 0), entangled=True)
    assert costs.mixture_by_edge(kept) == 10 + 3 + 3 + 1 + 0 + 3 + 3, "one convolution, as wide as the widest"
    assert costs.mixture == costs.path((3,) * 6)
    assert costs.mean == PathCosts(10, (0, 0, 1, 3, 0)).mean


def test_subnets_are_evaluated_alike_in_any_order_and_leave_the_supernet_as_it_is():
    batches, network = Batches(search_data()), supernet()
    archs = np.array(CELLS, dtype=np.uint8)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for statistics in ("batch", "recalibrated"):
        found = accuracies(network, archs, batches, statistics)
        assert np.array_equal(accuracies(network, archs[::-1], batches, statistics)[::-1], found)
        assert np.array_equal(accuracies(network, archs[3:4], batches, statistics), found[3:4])
        assert ((found >= 0) & (found <= 100)).all()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_recalibration_takes_the_mean_statistics_of_training_batches():
    batches = Batches(search_data())
    network = standalone(supernet(), (3,) * 6, batches)
    parts = batches.evaluation("train", size=25)
    recalibrate(network, parts)
    raw = [network.stem.conv(images) for images, _ in parts]
    mean = torch.stack([part.mean((0, 2, 3)) for part in raw]).mean(0)
    torch.testing.assert_close(network.stem.norm.running_mean, mean, rtol=1e-4, atol=1e-5)
    assert not network.training


def test_validation_batches_visit_all_items_before_one_again_and_evaluation_keeps_their_order():
    batches = Batches(search_data(sizes=(50, 21, 1)))
    drawn = batches.validating(rng(), 8)
    labels = torch.cat([next(drawn)[1] for _ in range(21)])  # 8 passes
    assert torch.bincount(labels).tolist() == [48, 40, 40, 40]
    parts = batches.evaluation(size=10)
    assert [len(part) for _, part in parts] == [11, 10]
    assert torch.cat([part for _, part in parts]).tolist() == [place % 4 for place in range(21)]
    assert sum(len(part) for _, part in batches.training(rng(), 16)) == 50


def test_training_images_are_cropped_and_mirrored_and_evaluated_as_they_are():
    batches = Batches(search_data(images=True))
    (plain, _), *_ = batches.evaluation("train")
    augmented = torch.cat([images for images, _ in batches.training(rng(), 10)])
    assert plain.shape == augmented.shape == (30, 3, 8, 8)
    raw = search_data(images=True)
    expected = (raw.images["train"] - raw.mean[:, None, None]) / raw.std[:, None, None]
    np.testing.assert_allclose(plain.numpy(), expected, rtol=1e-5, atol=1e-5)
