"""What one-shot methods compute beside a network: the unrolled gradient, rules of stopping, the evolution of paths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness import registry
from harness.errors import HarnessError
from harness.training.supernets.choices import CHOICES
from strategies.one_shot.paths import SPOS, evolve
from strategies.one_shot.stopping import EigenvalueRise, StableRanking
from strategies.one_shot.unrolled import unrolled_gradient


def test_the_unrolled_gradient_of_the_toy_is_nine_hundredths():
    w, alpha = torch.tensor([1.0], requires_grad=True), torch.tensor([0.0], requires_grad=True)

    def loss(split):
        return ((w - alpha) ** 2 / 2).sum() if split == "train" else (w**2 / 2).sum()

    value, (gradient,) = unrolled_gradient(
        loss, "train", "valid", [w], [torch.zeros(1)], [alpha], rate=0.1, momentum=0.0, weight_decay=0.0
    )
    assert value.item() == pytest.approx(0.9**2 / 2)
    assert gradient.item() == pytest.approx(0.09, rel=1e-3)
    assert w.item() == 1.0


def test_the_unrolled_gradient_is_that_of_autograd_through_the_step():
    numbers = np.random.default_rng(0)
    hidden, x, y = (torch.from_numpy(numbers.normal(size=shape)) for shape in ((3, 3), (2, 5, 3), (2, 5)))
    weights = [torch.from_numpy(numbers.normal(size=size)).requires_grad_() for size in ((3,), (1,))]
    velocity = [torch.from_numpy(numbers.normal(size=size)) for size in ((3,), (1,))]
    alpha = torch.from_numpy(numbers.normal(size=3)).requires_grad_()
    before = [weight.detach().clone() for weight in weights]

    def error(split, first, second):
        return ((torch.tanh(x[split] @ hidden) @ (first * alpha) + second - y[split]) ** 2).mean()

    rate, momentum, decay = 0.05, 0.9, 0.01
    steps = torch.autograd.grad(error(0, *weights), weights, create_graph=True)
    moved = [
        weight - rate * (momentum * speed + step + decay * weight)
        for weight, speed, step in zip(weights, velocity, steps, strict=True)
    ]
    (exact,) = torch.autograd.grad(error(1, *moved), alpha)
    _, (found,) = unrolled_gradient(
        lambda split: error(split, *weights), 0, 1, weights, velocity, [alpha],
        rate=rate, momentum=momentum, weight_decay=decay,
    )  # fmt: skip
    torch.testing.assert_close(found, exact, rtol=1e-3, atol=1e-5)
    assert all(torch.equal(weight, old) for weight, old in zip(weights, before, strict=True))


def test_a_ranking_is_stable_after_so_many_equal_orders_and_continues_from_a_state():
    rule, same, other = StableRanking(2), np.array([[0.1, 0.2]]), np.array([[0.2, 0.1]])
    assert [rule.note(alpha) for alpha in (same, other, other)] == [False] * 3
    again = StableRanking(2)
    again.restore(rule.state())
    assert again.note(other * 3)
    assert rule.note(other)


def test_an_eigenvalue_that_rises_by_more_than_three_tenths_stops_and_gives_the_earlier_cell():
    flat, rising = EigenvalueRise(), EigenvalueRise()
    for epoch in range(1, 21):
        cell = np.full((2, 6), epoch % 5, dtype=np.uint8)
        flat.note(epoch, 1.0, cell)
        rising.note(epoch, 1.0 if epoch <= 15 else 1.9, cell)
        if rising.stops:
            break
    assert not flat.stops
    assert epoch == 17  # the mean of 13 to 17 is 1.36
    assert rising.earlier.tolist() == [[11 % 5] * 6] * 2
    again = EigenvalueRise()
    again.restore(rising.state())
    assert again.stops


def test_a_rise_before_the_tenth_epoch_does_not_stop():
    rule = EigenvalueRise()
    for epoch in range(1, 12):
        rule.note(epoch, float(epoch**2), np.zeros((2, 6), dtype=np.uint8))
    assert not rule.stops


def test_the_first_means_that_are_compared_are_of_the_eleventh_epoch_and_the_fifteenth():
    """As in the authors' code, which counts epochs from 0 and waits until the earlier one is the tenth."""
    rule = EigenvalueRise()
    for epoch in range(1, 30):
        rule.note(epoch, 1.0 if epoch < 12 else 9.0, np.full((2, 6), epoch, dtype=np.uint8))
        if rule.stops:
            break
    assert epoch == 17
    assert rule.earlier[0, 0] == 11


def test_skips_are_counted():
    assert CHOICES["nb201"].skips(np.array([1, 0, 1, 3, 1, 4])) == 3
    assert CHOICES["darts"].skips(np.array([2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0] + [2] * 11)) == 3, "no pair of inputs"


def test_evolution_finds_the_best_of_a_smooth_space_and_evaluates_none_twice():
    rng, target = np.random.default_rng(3), np.array([3, 1, 4, 1, 0, 2])
    asked = []

    def score(archs):
        asked.extend(map(bytes, archs))
        return -np.abs(archs.astype(int) - target).sum(1).astype(float)

    found = evolve(score, lambda count: rng.integers(5, size=(count, 6)).astype(np.uint8), SPOS.preset, rng)
    assert found.tolist() == target.tolist()
    assert len(set(asked)) == len(asked) == 50 + 20 * 50


def test_an_evolution_that_runs_out_of_new_architectures_ends():
    settings, rng = replace(SPOS.preset, generations=3), np.random.default_rng(0)

    def draw(count):
        return rng.integers(2, size=(count, 2)).astype(np.uint8)

    found = evolve(lambda archs: archs.sum(1).astype(float), draw, settings, rng)
    assert found.tolist() == [1, 1]


@pytest.mark.parametrize("name", registry.names("one_shot"))
def test_hyperparameters_of_other_types_and_numbers_beyond_single_precision_are_refused(name):
    method = registry.one_shot(name)
    for key, value in method.known().items():
        others = ("a", None, [[]], float("nan"), *([1e300] if isinstance(value, float) else []))
        for other in others:
            with pytest.raises(HarnessError, match=r"must|unknown"):
                method.set_to({key: other})


def test_a_whole_number_for_a_real_one_is_made_real_whatever_its_size():
    """Optimisers take whole numbers of 64 bits alone."""
    settings = registry.one_shot("darts").set_to({"alpha_weight_decay": 10**30, "batch_size": 7, "learning_rate": 1})
    assert (settings.alpha_weight_decay, settings.learning_rate) == (1e30, 1.0)
    assert isinstance(settings.alpha_weight_decay, float)
    assert isinstance(settings.batch_size, int)
