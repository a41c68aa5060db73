"""Paths written out: losses and gradients are those of autograd, for any path after any other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.nn import functional

from harness.training.supernets.batches import Batches
from harness.training.supernets.cells import build
from harness.training.supernets.subnets import accuracies
from harness.training.supernets.written import full_plan, written_paths
from tests.harness.training.supernets.support import MICRO, rng, search_data

LOOSE = (3, 0, 0, 0, 0, 2)  # its only live edge leaves a node that nothing reaches
PATHS = [
    (3, 2, 1, 4, 0, 3), (0,) * 6, (3,) * 6, LOOSE, (1,) * 6, (4,) * 6, (2, 3, 0, 0, 3, 4), (0, 0, 3, 0, 0, 2),
    (3, 3, 0, 3, 1, 2),
]  # fmt: skip


@pytest.fixture
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def supernet(batches, **options):
    return build(MICRO, batches.shape, batches.classes, seed=3, **options)


@pytest.mark.usefixtures("doubles")
def test_losses_and_gradients_are_those_of_autograd_for_any_path_after_any_other():
    batches = Batches(search_data())
    by_hand, by_autograd = supernet(batches), supernet(batches)
    paths = written_paths(by_hand, batches)
    for place, arch in enumerate([*PATHS, *PATHS[::-1]]):
        count, smoothing = (7, 0.1) if place % 3 else (12, 0.0)
        images = torch.from_numpy(rng(place).normal(size=(count, *batches.shape)))
        labels = torch.from_numpy(rng(place).integers(0, batches.classes, count))
        expected = functional.cross_entropy(by_autograd.path(images, arch), labels, label_smoothing=smoothing)
        expected.backward()
        assert paths.learn(images, labels, arch, smoothing) == pytest.approx(expected.item(), rel=1e-10)
        for (name, hand), auto in zip(by_hand.named_parameters(), by_autograd.parameters(), strict=True):
            assert (hand.grad is None) == (auto.grad is None), (arch, name)
            if auto.grad is not None:
                assert torch.allclose(hand.grad, auto.grad, rtol=1e-7, atol=1e-9), (arch, name)
            hand.grad = auto.grad = None


def test_the_supernet_and_its_written_paths_have_one_memory():
    batches = Batches(search_data())
    bound, other = supernet(batches), supernet(batches)
    paths = written_paths(bound, batches)
    archs = np.array(PATHS)
    assert np.array_equal(accuracies(bound, archs, batches), accuracies(other, archs, batches))
    images, labels = next(batches.training(rng(), 25))
    before = paths.learn(images, labels, PATHS[0])
    with torch.no_grad():
        bound.head.linear.bias[0] += 1.0
        bound.stages[0][0].edges[0]["3"].weight.mul_(torch.linspace(0.2, 3, 3))
    loss = functional.cross_entropy(bound.path(images, PATHS[0]), labels)
    assert paths.learn(images, labels, PATHS[0]) == pytest.approx(loss.item(), rel=1e-4)
    assert abs(loss.item() - before) > 1e-3


def test_paths_of_images_of_partial_channels_and_of_entangled_kernels_are_left_to_autograd():
    signals, pictures = Batches(search_data()), Batches(search_data(images=True))
    assert written_paths(supernet(signals), signals) is not None
    for options in ({"partial": 4}, {"entangled": True}):
        assert written_paths(supernet(signals, **options), signals) is None
    assert written_paths(build(pictures.recipe, pictures.shape, pictures.classes, seed=0), pictures) is None


def test_the_full_plan_has_every_operation_on_every_edge_once():
    edges = [(gene, bucket.operation) for bucket in full_plan().buckets for gene in bucket.genes]
    assert sorted(edges) == [(gene, code) for gene in range(6) for code in range(1, 5)]
