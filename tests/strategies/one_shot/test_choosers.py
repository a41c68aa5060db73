"""SETN and ENAS: what is trained and chosen, the controller against finite differences, and its baseline."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from strategies.one_shot.controllers import ENAS
from strategies.one_shot.likelihood import SETN
from tests.strategies.one_shot.support import COSTS, TRAINING, VALIDATION, check_controller, made

ENAS_QUICK = {"updates": 2, "samples": 3, "candidates": 2, "items": 12}


def test_setn_trains_weights_by_paths_and_alpha_by_the_mixture_and_chooses_among_the_likely():
    method = made(SETN, epochs=1, candidates=4, items=12, without=["none"])
    with torch.no_grad():
        method.alpha[:, 0] = 9.0  # skips
    paths, asked, real = [], [], method.sampled_loss
    method.sampled_loss = lambda batch, arch: paths.append(tuple(arch)) or real(batch, arch)
    method.best_of = lambda archs, items: asked.append((archs, items)) or archs[2]
    spent = method.epoch().macs
    mixture = 3 * VALIDATION * COSTS.mixture_of(method.codes)
    assert spent == pytest.approx(mixture + sum(3 * TRAINING / 2 * COSTS.path(arch) for arch in paths))
    ((archs, items),) = asked
    assert (archs.shape, items) == ((4, 6), 12)
    assert (archs[0] == 1).all()
    assert (np.count_nonzero(archs[1:] != 1, axis=1) == 1).all()
    assert np.array_equal(method.recommend(), archs[2:3])


def test_the_gradient_of_the_controller_is_that_of_the_mean_of_its_advantages_by_finite_differences():
    method = made(ENAS, **ENAS_QUICK, controller_learning_rate=1e-9, controller_clip=0.0, entropy=0.0)
    check_controller(method, count=6, checked=12)


def test_the_first_baseline_is_the_cells_own_accuracy_and_then_the_mean_of_the_epoch_before():
    method = made(ENAS, **ENAS_QUICK)
    told, real = [], method.learn
    method.learn = lambda places, right: told.append(right) or real(places, right)
    method.epoch()
    first = np.concatenate(told)
    assert method.baseline == pytest.approx(first.mean())
    told.clear()
    before = method.baseline
    method.epoch()
    assert method.baseline == pytest.approx(0.99 * before + 0.01 * np.mean(told), abs=1e-4)  # but for the entropy


def test_the_controller_learns_what_is_rewarded_and_says_how_likely_it_is():
    method = made(ENAS, controller_learning_rate=0.05, without=["none"], units=8)
    method.baseline = 0.5
    start = method.probabilities()
    np.testing.assert_allclose(start.sum(1), 1)
    assert (start[:, 0] == 0).all()
    for _ in range(30):
        places = method.policy.sample(20)
        method.learn(places, (places == 2).mean(1))  # convolutions of 3
    assert (method.probabilities()[:, 3] > 0.6).all()
    drawn = method.draw(2000)
    np.testing.assert_allclose((drawn == 3).mean(0), method.probabilities()[:, 3], atol=0.04)


def test_the_learning_rate_of_enas_falls_and_rises_in_ten_epochs_each():
    method = made(ENAS, epochs=40)
    rates = []
    for method.done in (0, 5, 10, 20):
        rates.append(method.rate())
    assert rates == pytest.approx([0.05, (0.05 + 0.0005) / 2, 0.0005, 0.05])
    assert made(ENAS, epochs=40, half_period=0).rate() == 0.05


@pytest.mark.parametrize(
    ("factory", "given", "message"),
    [
        (ENAS, {"paths": "uniform"}, "`paths` must be one of 'controller', got 'uniform'"),
        (SETN, {"bilevel": False}, "`bilevel` must be true where weights are trained on paths, got False"),
        (SETN, {"early_stop": "skips"}, "`early_stop` must be 'none' where the best of candidates is chosen"),
    ],
)
def test_wrong_settings_are_refused(factory, given, message):
    with pytest.raises(HarnessError, match=message):
        made(factory, **given)
    assert math.isnan(made(ENAS).baseline)
