"""R-DARTS that goes back when the eigenvalue rises: where to, what of it goes back, and what it costs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from strategies.one_shot import relaxed, stopping
from strategies.one_shot.presets import AdaptiveRDARTS
from strategies.one_shot.stopping import KEPT, Rollbacks
from tests.strategies.one_shot.support import COSTS, TRAINING, VALIDATION, made


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Compare means from the third epoch, not from the tenth."""
    for room in (relaxed, stopping):
        monkeypatch.setattr(room, "FIRST", 3)


def search(eigenvalues, **hyperparameters):
    """Return a search whose eigenvalues are given, one after another."""
    method = made(AdaptiveRDARTS, epochs=30, batch_size=50, **hyperparameters)
    left = iter(eigenvalues)
    method._curvature = lambda: next(left)
    return method


RISING = (1.0,) * 7 + (1.9,) * 20
"""The mean of the values 5 to 9 is 1.36, that of 1 to 5 is 1."""


def test_a_rise_goes_back_to_the_earlier_mean_with_three_times_the_decay_and_later_values_are_forgotten():
    method, alphas = search(RISING), {}
    for passes in range(1, 10):
        drawn = method.rng.bit_generator.state
        method.epoch()
        alphas[passes] = method.alpha.detach().clone()
        assert method.observed()["weight_decay"] == 3e-4
    assert method.done == 3
    assert torch.equal(method.alpha, alphas[3])
    assert not torch.equal(alphas[8], alphas[3])
    assert method.rng.bit_generator.state != drawn, "other batches come than before"
    other = search(())
    other.done = 3
    assert method.rate() == other.rate()
    assert method._rise.state()["rise.epochs"].tolist() == [1, 2, 3]
    assert np.isfinite([method.train_loss, method.valid_loss]).all()
    spent = method.epoch()
    assert spent.macs == pytest.approx(3 * (TRAINING + VALIDATION / 2) * COSTS.mixture)
    assert method.observed()["weight_decay"] == pytest.approx(9e-4)
    assert method.done == 4
    assert not method.finished


def test_decay_ends_at_its_most_and_the_search_goes_to_the_end_of_its_schedule():
    method = search((*RISING[:9], 1.0, 1.0, *RISING[4:]), most_weight_decay=5e-4, schedule_epochs=12)
    seen = []
    while not method.finished:
        method.epoch()
        seen.append((method.done, method.weight_decay))
    assert seen == [(1 + passes, 3e-4) for passes in range(8)] + [(3, 3e-4)] + [(done, 5e-4) for done in range(4, 13)]
    assert not [name for name in method.state() if name.startswith("rollback")]


def test_the_last_epoch_of_the_schedule_is_not_gone_back_from():
    method = search(RISING, schedule_epochs=9)
    for _ in range(9):
        method.epoch()
    assert (method.done, method.finished, method._rise.stops) == (9, True, True)


def test_a_search_continues_from_a_state_before_it_goes_back_to_the_same_bits():
    method = search(RISING)
    for _ in range(8):
        method.epoch()
    again = search(RISING[8:])
    again.restore(method.state())
    for one in (method, again):
        for _ in range(2):
            one.epoch()
    first, second = method.state(), again.state()
    assert method.done == 4
    assert first.keys() == second.keys()
    assert any(name.startswith("rollback.3.velocity") for name in first)
    assert all(np.array_equal(value, second[name], equal_nan=True) for name, value in first.items())


def test_no_more_states_are_kept_than_can_be_gone_back_to():
    kept = Rollbacks()
    for epoch in range(1, 12):
        kept.keep(epoch, {"alpha": np.array(epoch), "rollback.1.alpha": np.array(0)})
    assert kept.at(11 - KEPT) is None
    assert list(kept.state()) == [f"rollback.{epoch}.alpha" for epoch in range(12 - KEPT, 12)]
    again = Rollbacks()
    again.restore(kept.state())
    assert again.at(9)["alpha"] == 9
