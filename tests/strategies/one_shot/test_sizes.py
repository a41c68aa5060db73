"""Methods for the size space: what they draw, learn from and charge, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from harness.errors import HarnessError, UnfitError
from harness.spaces import named
from harness.spaces.nb201.space import NB201Space
from harness.training.supernets.sizes import LARGEST
from strategies.one_shot.sizes import TAS, MaskGumbel, MaskRL
from tests.harness.training.supernets.support import rng, search_data

SPACE = named.space("nats-size")
TRAINING, VALIDATION = 50, 48
"""Items of an epoch: two batches of 25, and of all 24."""


def made(factory, epochs=8, **own):
    return factory(SPACE, search_data(), rng(), epochs, **{"batch_size": 25, **own})


def set_to(method, alpha):
    with torch.no_grad():
        method.alpha.copy_(torch.as_tensor(alpha))


def items(method):
    (batch,) = method.batches.evaluation()
    return batch


def test_what_is_recommended_has_the_largest_alpha_of_each_layer():
    method, alpha = made(MaskGumbel), np.zeros((5, 8))
    alpha[range(5), [3, 0, 7, 2, 2]] = 0.1
    set_to(method, alpha)
    assert SPACE.format(method.recommend()) == ["32:8:64:24:24"]


def test_a_mixture_costs_the_widest_network_in_both_steps_and_draws_cost_what_they_are():
    whole = made(MaskGumbel)
    assert whole.epoch().macs == 3 * (TRAINING + VALIDATION) * whole.costs.mixture(LARGEST)
    alpha = np.zeros((5, 8))
    alpha[range(5), [1, 2, 3, 4, 5]] = 50.0
    sampled = made(MaskRL, warm_up=0.0)
    set_to(sampled, alpha)
    assert sampled.epoch().macs == (3 * TRAINING + VALIDATION) * sampled.costs.path((1, 2, 3, 4, 5))
    pair = made(TAS, temperature=1.0)
    alpha[range(5), [0, 1, 7, 6, 2]] = 40.0
    set_to(pair, alpha)
    assert pair.epoch().macs == 3 * (TRAINING + VALIDATION) * pair.costs.mixture((1, 2, 7, 6, 5))


def test_the_mixture_is_the_gumbel_softmax_at_a_temperature_that_falls():
    method, seen = made(MaskGumbel, epochs=5), []
    method.supernet.mixture = lambda images, weights: seen.append(weights) or torch.zeros(len(images), 4)
    alpha = rng(3).normal(size=(5, 8)).astype(np.float32)
    temperatures = []
    for method.done in range(5):
        temperatures.append(method.temperature)
        method.rng = rng(9)
        method.drawn(items(method)[0], torch.from_numpy(alpha))
        logits = (alpha - np.log(rng(9).standard_exponential((5, 8)))) / temperatures[-1]
        expected = np.exp(logits - logits.max(1, keepdims=True))
        np.testing.assert_allclose(seen[-1], expected / expected.sum(1, keepdims=True), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(temperatures, [10, 7.525, 5.05, 2.575, 0.1])


def test_two_widths_are_drawn_by_the_softmax_of_all_and_weighted_by_that_of_two():
    method, seen = made(TAS, temperature=1.0, last_temperature=1.0), []
    real = method.supernet.interpolated
    method.supernet.interpolated = lambda images, weights, pairs: (
        seen.append((weights, pairs)) or real(images, weights, pairs)
    )
    images = items(method)[0]
    for _ in range(5):
        method.drawn(images, method.alpha)
    for weights, pairs in seen:
        assert all(narrow < wide for narrow, wide in pairs)
        assert torch.count_nonzero(weights) == 10
        np.testing.assert_allclose(weights.gather(1, torch.tensor(pairs)).sum(1).detach(), 1, rtol=1e-6)
    assert len({tuple(pair) for _, pairs in seen for pair in pairs}) > 10


@pytest.mark.parametrize("factory", [MaskGumbel, TAS])
def test_the_loss_depends_on_the_widths_of_every_layer_the_last_one_too(factory):
    """What is normalised in the head would take a factor of all channels away."""
    gradient = made(factory, temperature=1.0, last_temperature=1.0).alpha_gradient(*items(made(factory)))
    assert (gradient.abs().amax(1) > 1e-4).all()
    torch.testing.assert_close(gradient.sum(1), torch.zeros(5), rtol=0, atol=1e-6)


def test_reinforce_has_the_gradient_of_the_logarithm_of_what_was_drawn():
    method, drawn = made(MaskRL), []
    real = method.sample
    method.sample = lambda alpha: drawn.append(real(alpha)) or drawn[-1]
    method.advantage = lambda reward: 3.0
    found = method.alpha_gradient(*items(method))
    logarithm = (torch.log_softmax(method.alpha, 1) * drawn[0]).sum()
    (expected,) = torch.autograd.grad(-3.0 * logarithm, [method.alpha])
    torch.testing.assert_close(found, expected)


def test_the_baseline_is_the_running_mean_with_the_reward_itself():
    method = made(MaskRL)
    assert method.advantage(50.0) == pytest.approx(0)
    assert method.advantage(60.0) == pytest.approx(60 - (0.95 * 50 + 60) / 1.95)


def test_reinforce_finds_the_width_that_is_rewarded():
    """Right answers as the second layer is narrow, and whatever the others are."""
    method = made(MaskRL, alpha_learning_rate=0.05)
    images, labels = items(method)

    def answers(_, arch):
        right = torch.arange(len(labels)) < len(labels) * (1 - arch[1] / 7)
        return functional.one_hot((labels + ~right) % 4, 4).float()

    method.supernet.path = answers
    for _ in range(300):
        method.alpha.grad = method.alpha_gradient(images, labels)
        method._adam.step()
    assert method.recommend()[0, 1] == 0
    assert method.probabilities()[1, :2].sum() > 0.9


def test_in_the_warm_up_alpha_rests_and_full_widths_become_fewer():
    method, seen = made(MaskRL, epochs=8, warm_up=0.5), []
    real = method.supernet.path
    method.supernet.path = lambda images, arch: seen.append(tuple(arch)) or real(images, arch)
    alpha, shares = method.alpha.detach().clone(), [method.full]
    assert method.epoch().macs == 3 * TRAINING * method.costs.path(LARGEST), "validation items are not looked at"
    assert set(seen) == {LARGEST}
    for _ in range(3):
        shares.append(method.full)
        method.epoch()
    assert shares == [1, 0.75, 0.5, 0.25]
    assert torch.equal(method.alpha, alpha)
    assert method.full is None
    assert len(set(seen)) > 3
    assert np.isnan(method.observed()["alpha_gradient"])
    gradient = method.alpha_gradient
    method.alpha_gradient = lambda images, labels: torch.full_like(gradient(images, labels), 2.0)
    method.epoch()
    assert not torch.equal(method.alpha, alpha)
    assert method.observed()["alpha_gradient"] == pytest.approx(2 * np.sqrt(alpha.numel()))
    assert np.isfinite(method.observed()["valid_loss"])


@pytest.mark.parametrize(
    ("factory", "given", "message"),
    [
        (MaskGumbel, {"temperature": 0.0}, "`temperature` must be greater than 0, got 0.0"),
        (MaskRL, {"warm_up": 1.5}, "`warm_up` must be .* got 1.5"),
        (MaskRL, {"temperature": 1.0}, "unknown parameter of MaskRL 'temperature'"),
        (TAS, {"without": ["none"]}, "unknown parameter of TAS 'without'"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(factory, given, message):
    with pytest.raises(HarnessError, match=message):
        made(factory, **given)


def test_another_space_is_refused():
    with pytest.raises(UnfitError, match="TAS searches nats-size alone, and the benchmark is of the space 'nb201'"):
        TAS(NB201Space(), search_data(), rng(), 2)
