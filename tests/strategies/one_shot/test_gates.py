"""Binary gates and the cost in the loss of alpha: frequencies, gradients and values by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from strategies.one_shot.gates import drawn_without_replacement, gates, settled
from strategies.one_shot.latency import constrained
from strategies.one_shot.presets import FBNet, ProxylessNAS
from strategies.one_shot.relaxed import Relaxed
from tests.harness.training.supernets.support import rng
from tests.strategies.one_shot.support import COSTS, TRAINING, VALIDATION, made

P = torch.tensor([[0.5, 0.3, 0.2]])


def test_two_operations_are_drawn_as_one_after_another_without_replacement():
    drawn = drawn_without_replacement(P.log().expand(20_000, 3), 2, rng(1))
    assert (drawn[:, 0] < drawn[:, 1]).all()
    pairs = [(0, 1), (0, 2), (1, 2)]
    found = [(drawn == torch.tensor(pair)).all(1).double().mean().item() for pair in pairs]
    p = P[0].tolist()
    np.testing.assert_allclose(found, [p[a] * p[b] * (1 / (1 - p[a]) + 1 / (1 - p[b])) for a, b in pairs], atol=0.012)


def test_one_gate_is_open_and_the_gradient_is_that_of_the_softmax_of_the_drawn_ones():
    alpha, drawn, costs = P.log().requires_grad_(), torch.tensor([[0, 2]]), torch.tensor([[2.0, 7.0, -1.0]])
    opened = gates(alpha, drawn, rng(3))
    assert sorted(opened[0].tolist()) == [0, 0, 1]
    assert opened[0, 1] == 0
    (gradient,) = torch.autograd.grad((opened * costs).sum(), alpha)
    first, second = 5 / 7, 2 / 7
    torch.testing.assert_close(gradient, torch.tensor([[3 * first * second, 0.0, -3 * first * second]]))


def test_drawn_operations_keep_their_joint_probability_and_the_others_are_the_same_bits():
    before, after, drawn = torch.randn(6, 5), torch.randn(6, 5), torch.tensor([[0, 3]] * 6)
    found = settled(before, after, drawn)
    assert torch.equal(found[:, [1, 2, 4]], before[:, [1, 2, 4]])
    p, then = torch.softmax(found, 1), torch.softmax(before, 1)
    torch.testing.assert_close(p[:, [0, 3]].sum(1), then[:, [0, 3]].sum(1))
    torch.testing.assert_close(found[:, 0] - found[:, 3], after[:, 0] - after[:, 3])


def test_proxyless_trains_paths_and_alpha_by_two_of_them():
    method = made(ProxylessNAS, frozen_epochs=0, alpha_every=1, latency_loss="none", without=["none"])
    seen, real = [], method.mixture_loss
    method.mixture_loss = lambda *given, **more: seen.append(more["kept"]) or real(*given, **more)
    before = method.alpha.detach().clone()
    method.epoch()
    assert np.shape(seen) == (2, 6, 2)
    moved = method.alpha.detach() != before
    drawn = torch.zeros_like(moved)
    for kept in seen:
        for edge, codes in enumerate(kept):
            drawn[edge, [method.codes.index(code) for code in codes]] = True
    assert moved.any()
    assert not (moved & ~drawn).any()


def test_alpha_of_proxyless_rests_but_every_fifth_step():
    method = made(ProxylessNAS, frozen_epochs=0, batch_size=9)  # six steps
    calls, real = [], method._alpha_step
    method._alpha_step = lambda batch: calls.append(method._place) or real(batch)
    method.epoch()
    assert calls == [5]


def test_expected_costs_of_two_operations_and_their_gradient_are_those_of_the_paper():
    costs = type(COSTS)(0, (1, 3, 0, 0, 0))
    alpha = torch.zeros(1, 2, requires_grad=True)
    p = torch.nn.functional.pad(torch.softmax(alpha, 1), (0, 3))
    expected = costs.expected(p)
    assert expected.item() == 2
    (gradient,) = torch.autograd.grad(expected, alpha)
    torch.testing.assert_close(gradient, torch.tensor([[-0.5, 0.5]]))
    halves = type(COSTS)(7, (1, 3, 0, 0, 0), partial=2)
    assert halves.expected(p).item() == 7 + 2 / 4


def test_one_hot_weights_cost_what_their_path_costs():
    arch = (3, 2, 1, 4, 0, 3)
    weights = torch.nn.functional.one_hot(torch.tensor(arch), 5).float()
    assert COSTS.expected(weights).item() == COSTS.path(arch)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("none", 2.0),
        ("linear", 2.0 + 0.5 * (300 - 200) / 200),
        ("relative", 0.5 * 2.0 * (math.log(300) / math.log(200)) ** 0.6),
        ("power", 0.5 * 2.0 * math.log(300) ** 0.6),
    ],
)
def test_losses_with_a_cost_have_the_value_of_their_formula(form, value):
    found = constrained(torch.tensor(2.0), torch.tensor(300.0), form, 0.5, 0.6, 200.0)
    assert found.item() == pytest.approx(value)


@pytest.mark.parametrize("sampler", ["softmax", "binary_gates"])
def test_a_cost_in_the_loss_takes_probability_from_what_is_dear(sampler):
    shares = []
    for factor in (0.0, 1e4):
        method = made(Relaxed, sampler=sampler, latency_loss="linear", latency_factor=factor, alpha_learning_rate=0.1)
        method.epoch()
        shares.append(method.probabilities()[:, 3].mean())
    assert shares[1] < shares[0]


def test_the_temperature_of_fbnet_falls_by_its_factor_over_ninety_epochs():
    method = made(FBNet, epochs=90)
    assert method.temperature == 5.0
    method.done = 30
    assert method.temperature == pytest.approx(5 * math.exp(-0.045 * 30), rel=1e-3)


def test_the_auxiliary_skip_and_the_entropy_enter_the_loss_as_they_should():
    method = made(Relaxed, auxiliary_skip=1.0, auxiliary_schedule="cosine", epochs=4)
    method.done = 1
    seen, real = [], method.mixture_loss
    method.mixture_loss = lambda batch, weights, *more, **how: (
        seen.append(weights) or real(batch, weights, *more, **how)
    )
    batch = next(method.batches.training(rng(), 25))
    plain, _ = method.loss(batch)
    extra = seen[0] - torch.softmax(method.alpha.detach(), 1)
    torch.testing.assert_close(extra[:, 1], torch.full((6,), (1 + math.cos(math.pi / 4)) / 2))
    strict = made(Relaxed, auxiliary_skip=1.0, auxiliary_schedule="cosine", epochs=4, entropy_penalty=0.5)
    strict.done = 1
    found, _ = strict.loss(batch, differentiable=True)
    assert found.item() - plain.item() == pytest.approx(0.5 * math.log(5), rel=1e-4)


def test_an_epoch_of_adversarial_smoothing_costs_nine_times_a_step_of_the_weights_less_one_pass():
    method = made(Relaxed, first_perturbation=0.1, perturbation=0.1, perturbed_by="adversarial")
    assert method.epoch().macs == pytest.approx(((3 * 9 - 1) * TRAINING + 3 * VALIDATION) * COSTS.mixture)
