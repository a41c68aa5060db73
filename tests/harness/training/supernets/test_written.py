"""Steps written out: losses and gradients are those of autograd, for mixtures, gates and paths, in any order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.nn import functional

from harness.training.supernets.batches import Batches
from harness.training.supernets.cells import build
from harness.training.supernets.subnets import accuracies
from harness.training.supernets.written.supernet import written_supernet
from tests.harness.training.supernets.support import MICRO, rng, search_data

LOOSE = (3, 0, 0, 0, 0, 2)  # its only live edge leaves a node that nothing reaches
PATHS = [
    (3, 2, 1, 4, 0, 3), (0,) * 6, (3,) * 6, LOOSE, (1,) * 6, (4,) * 6, (2, 3, 0, 0, 3, 4), (0, 0, 3, 0, 0, 2),
    (3, 3, 0, 3, 1, 2),
]  # fmt: skip
EVERY = [range(5)] * 6


@pytest.fixture
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def supernet(batches, **options):
    return build(MICRO, batches.shape, batches.classes, seed=3, **options)


def batch_of(batches, count, seed):
    images = torch.from_numpy(rng(seed).normal(size=(count, *batches.shape)))
    return images, torch.from_numpy(rng(seed).integers(0, batches.classes, count))


def compare(by_hand, by_autograd, *, dead=False):
    """Compare all gradients, and forget them; those of dead operations may be missing where autograd has zeros."""
    for (name, hand), auto in zip(by_hand.named_parameters(), by_autograd.parameters(), strict=True):
        if dead and hand.grad is None and auto.grad is not None:
            assert not auto.grad.any(), name
        else:
            assert (hand.grad is None) == (auto.grad is None), name
            assert auto.grad is None or torch.allclose(hand.grad, auto.grad, rtol=1e-7, atol=1e-9), name
        hand.grad = auto.grad = None


@pytest.mark.usefixtures("doubles")
def test_losses_and_gradients_of_paths_are_those_of_autograd_for_any_after_any_other():
    batches = Batches(search_data())
    by_hand, by_autograd = supernet(batches), supernet(batches)
    written = written_supernet(by_hand, batches)
    for place, arch in enumerate([*PATHS, *PATHS[::-1]]):
        count, smoothing = (7, 0.1) if place % 3 else (12, 0.0)
        images, labels = batch_of(batches, count, place)
        expected = functional.cross_entropy(by_autograd.path(images, arch), labels, label_smoothing=smoothing)
        expected.backward()
        assert written.learn(images, labels, arch, smoothing) == pytest.approx(expected.item(), rel=1e-10)
        compare(by_hand, by_autograd)


@pytest.mark.usefixtures("doubles")
def test_shares_of_paths_add_up():
    batches = Batches(search_data())
    by_hand, by_autograd = supernet(batches), supernet(batches)
    written, batch = written_supernet(by_hand, batches), batch_of(batches, 6, 0)
    loss = sum(functional.cross_entropy(by_autograd.path(batch[0], arch), batch[1]) for arch in PATHS[:3]) / 3
    loss.backward()
    found = sum(written.learn(*batch, arch, share=1 / 3) for arch in PATHS[:3])
    assert found == pytest.approx(loss.item(), rel=1e-10)
    compare(by_hand, by_autograd)


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("learns", [True, False])
def test_gradients_of_mixtures_and_of_their_weights_are_those_of_autograd(learns):
    batches = Batches(search_data())
    by_hand, by_autograd = supernet(batches), supernet(batches)
    written, draw = written_supernet(by_hand, batches), rng(5)
    some = [[sorted(draw.choice(5, draw.integers(1, 5), replace=False).tolist()) for _ in EVERY] for _ in range(6)]
    for place, kept in enumerate([EVERY, *some, EVERY]):
        images, labels = batch_of(batches, 8 + place % 2, place)
        scales = [
            torch.from_numpy(draw_of.normal(size=(6, 5))).requires_grad_() for draw_of in (rng(place), rng(place))
        ]
        weights = [torch.softmax(scale, 1) for scale in scales]
        expected = functional.cross_entropy(by_autograd.mixture(images, weights[0], kept=kept), labels)
        found = written.loss(images, labels, weights[1], kept, learns=learns)
        assert found.item() == pytest.approx(expected.item(), rel=1e-10)
        (2.5 * expected).backward(inputs=None if learns else [scales[0]])
        (2.5 * found).backward()
        assert torch.allclose(scales[1].grad, scales[0].grad, rtol=1e-7, atol=1e-9)
        compare(by_hand, by_autograd, dead=True)


@pytest.mark.usefixtures("doubles")
def test_gradients_of_gates_are_those_of_autograd():
    batches = Batches(search_data())
    by_hand, by_autograd = supernet(batches), supernet(batches)
    written = written_supernet(by_hand, batches)
    images, labels = batch_of(batches, 7, 1)
    for arch in PATHS:
        gates = [functional.one_hot(torch.tensor(arch), 5).to(images).requires_grad_() for _ in range(2)]
        expected = functional.cross_entropy(by_autograd.path(images, arch, gates[0]), labels)
        expected.backward()
        found = written.loss(images, labels, gates[1], [(code,) for code in arch], learns=True, gated=True)
        found.backward()
        assert found.item() == pytest.approx(expected.item(), rel=1e-10)
        expected_slope = torch.zeros_like(gates[0]) if gates[0].grad is None else gates[0].grad
        assert torch.allclose(gates[1].grad, expected_slope, rtol=1e-7, atol=1e-9), arch
        compare(by_hand, by_autograd, dead=True)


def test_a_gradient_that_another_pass_has_overwritten_is_refused():
    batches = Batches(search_data())
    written, (images, labels) = written_supernet(supernet(batches), batches), next(batches.training(rng(), 25))
    weights = torch.full((6, 5), 0.2, requires_grad=True)
    first = written.loss(images, labels, weights, EVERY, learns=True)
    written.loss(images, labels, weights, EVERY, learns=True).backward()
    with pytest.raises(RuntimeError, match="another pass"):
        first.backward()


def test_the_supernet_and_its_written_steps_have_one_memory():
    batches = Batches(search_data())
    bound, other = supernet(batches), supernet(batches)
    written = written_supernet(bound, batches)
    archs = np.array(PATHS)
    assert np.array_equal(accuracies(bound, archs, batches), accuracies(other, archs, batches))
    images, labels = next(batches.training(rng(), 25))
    before = written.learn(images, labels, PATHS[0])
    with torch.no_grad():
        bound.head.linear.bias[0] += 1.0
        bound.stages[0][0].edges[0]["3"].weight.mul_(torch.linspace(0.2, 3, 3))
    loss = functional.cross_entropy(bound.path(images, PATHS[0]), labels)
    assert written.learn(images, labels, PATHS[0]) == pytest.approx(loss.item(), rel=1e-4)
    assert abs(loss.item() - before) > 1e-3


def test_steps_of_images_of_partial_channels_and_of_entangled_kernels_are_left_to_autograd():
    signals, pictures = Batches(search_data()), Batches(search_data(images=True))
    assert written_supernet(supernet(signals), signals) is not None
    for options in ({"partial": 4}, {"entangled": True}):
        assert written_supernet(supernet(signals, **options), signals) is None
    assert written_supernet(build(pictures.recipe, pictures.shape, pictures.classes, seed=0), pictures) is None
