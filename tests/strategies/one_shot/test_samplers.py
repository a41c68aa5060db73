"""Samplers of one-shot methods: frequencies, gradients and divergences against closed forms and autograd."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from strategies.one_shot.samplers import (
    SAMPLERS,
    BinaryGates,
    Dirichlet,
    HardGumbel,
    ReinMax,
    Score,
    Sigmoid,
    Softmax,
    straight_through,
)
from strategies.one_shot.smoothing import attacked, smoothed

ALPHA = torch.tensor([[0.3, -1.0, 0.8], [0.0, 0.0, 0.0]])


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", SAMPLERS)
def test_rows_sum_to_one_and_the_generator_alone_draws(name):
    sampler, before = SAMPLERS[name](), torch.get_rng_state()
    first, second = (sampler.weights(ALPHA, rng(4), 1.5) for _ in range(2))
    assert torch.equal(first, second)
    if sampler.sums:
        torch.testing.assert_close(first.sum(-1), torch.ones(2))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_gradient_of_the_mixture_is_that_of_darts():
    alpha, costs = ALPHA.clone().requires_grad_(), torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 1.0]])
    (Softmax().weights(alpha, rng(), 1.0) * costs).sum().backward()
    p = torch.softmax(ALPHA, -1)
    torch.testing.assert_close(alpha.grad, p * (costs - (p * costs).sum(-1, keepdim=True)))


@pytest.mark.parametrize(
    ("sampler", "temperature"),
    [(HardGumbel(), 10.0), (HardGumbel(), 0.2), (ReinMax(), 1.0), (BinaryGates(), 1.0), (Score(), 1.0)],
)
def test_hard_samples_are_drawn_by_softmax_at_any_temperature(sampler, temperature):
    many = ALPHA[:1].expand(20_000, 3)
    found = sampler.weights(many, rng(1), temperature)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(found.mean(0).numpy(), torch.softmax(ALPHA[0], 0).numpy(), atol=0.012)


def test_a_straight_through_sample_is_one_hot_exactly_with_the_gradient_of_the_soft_one():
    soft = torch.softmax(ALPHA / 0.7, -1).requires_grad_()
    hard = straight_through(soft)
    assert hard.tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    (gradient,) = torch.autograd.grad((hard * torch.tensor([1.0, 2.0, 3.0])).sum(), soft)
    assert gradient.tolist() == [[1.0, 2.0, 3.0]] * 2


def test_reinmax_at_two_equal_logits_has_the_exact_derivative_whichever_was_drawn():
    for seed in range(4):
        logits = torch.zeros(1, 2, requires_grad=True)
        drawn = ReinMax().weights(logits, rng(seed), 1.0)
        (gradient,) = torch.autograd.grad(drawn[0, 0], logits)
        torch.testing.assert_close(gradient, torch.tensor([[0.25, -0.25]]))


def test_dirichlet_samples_have_the_mean_of_their_concentrations_and_its_derivative():
    alpha = ALPHA[:1].clone().requires_grad_()
    c = Dirichlet.concentrations(ALPHA[0])
    assert (Dirichlet.concentrations(torch.tensor([-50.0, 0.0, 3.0])) > 0).all()
    found = Dirichlet().weights(alpha.expand(20_000, 3), rng(2), 1.0)
    np.testing.assert_allclose(found.detach().mean(0).numpy(), (c / c.sum()).numpy(), atol=0.01)
    (gradient,) = torch.autograd.grad(found[:, 0].mean(), alpha)
    leaf = ALPHA[:1].clone().requires_grad_()
    (exact,) = torch.autograd.grad(Dirichlet().probabilities(leaf)[0, 0], leaf)
    np.testing.assert_allclose(gradient.numpy(), exact.numpy(), atol=0.01)


def test_the_divergence_is_that_of_torch_and_zero_at_the_uniform_one():
    c = Dirichlet.concentrations(ALPHA)
    law = torch.distributions.Dirichlet
    expected = torch.distributions.kl_divergence(law(c), law(torch.ones_like(c))).sum()
    torch.testing.assert_close(Dirichlet().penalty(ALPHA), expected)
    assert Dirichlet().penalty(torch.zeros(6, 5)).item() == pytest.approx(0, abs=1e-5)


def test_smoothed_weights_stay_on_the_simplex_and_without_noise_as_they_are():
    p, searched = torch.softmax(torch.randn(6, 5, generator=torch.Generator().manual_seed(0)), -1), torch.ones(5)
    torch.testing.assert_close(smoothed(p, 0.0, rng(), searched), p)
    for seed in range(5):
        found = smoothed(p, 0.3, rng(seed), torch.tensor([0.0, 1, 1, 1, 1]))
        torch.testing.assert_close(found.sum(-1), torch.ones(6))
        assert (found >= 0).all()
        assert (found[:, 0] == 0).all()
    nothing = smoothed(p, 5.0, np.random.default_rng(3), torch.tensor([1.0, 0, 0, 0, 0]))
    assert set(nothing.unique().tolist()) <= {0.0, 1.0}


def test_the_zero_one_loss_is_minus_the_square_of_what_is_above_a_half_and_drives_alpha_away_from_it():
    alpha = torch.tensor([[0.0, math.log(3.0)], [0.0, -math.log(3.0)]], requires_grad=True)
    loss = Sigmoid().penalty(alpha)  # weights of 1/2, 3/4, 1/2, 1/4
    assert loss.item() == pytest.approx(-2 * 0.25**2 / 4)
    (gradient,) = torch.autograd.grad(loss, alpha)
    assert gradient.sign().tolist() == [[0.0, -1.0], [0.0, 1.0]]


def test_an_attack_raises_the_loss_within_its_reach_and_gives_the_weights_back_where_nothing_rises():
    p, signs = torch.full((6, 5), 0.2), torch.tensor([1.0, -1, -1, -1, -1])
    calls = []

    def loss(weights):
        calls.append(weights.requires_grad)
        return (weights * signs).sum()

    found = attacked(p, 0.1, rng(), torch.ones(5), loss, 7)
    assert (found[:, 0] > 0.3).all()
    torch.testing.assert_close(found.sum(-1), torch.ones(6))
    assert (sum(calls), len(calls)) == (7, 9)
    assert attacked(p, 0.1, rng(), torch.ones(5), lambda weights: 0 * weights.sum(), 3) is p


def test_the_mean_of_the_score_functions_gradients_is_the_derivative_of_the_expected_cost():
    costs, leaf = torch.tensor([1.0, 4.0, -2.0]), ALPHA[:1].clone().requires_grad_()
    drawn = Score().weights(leaf.expand(40_000, 3), rng(5), 1.0)
    (found,) = torch.autograd.grad((drawn * costs).sum(1).mean(), leaf)
    (exact,) = torch.autograd.grad((torch.softmax(leaf, -1) * costs).sum(), leaf)
    np.testing.assert_allclose(found.numpy(), exact.numpy(), atol=0.03)
