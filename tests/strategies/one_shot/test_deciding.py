"""DARTS-PT, the stages of DrNAS, BayesNAS: what is decided, pruned and widened, and when."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from strategies.one_shot.perturbation import DARTSPT
from strategies.one_shot.pruning import ProgressiveDrNAS, largest, widening
from strategies.one_shot.sparse import LEAST, BayesNAS, proximal, reweighted
from tests.harness.training.supernets.support import rng
from tests.strategies.one_shot.support import COSTS, TRAINING, VALIDATION, made


def test_an_edge_keeps_the_operation_whose_removal_costs_most_and_the_others_keep_their_weights():
    method = made(DARTSPT)
    p, removed = torch.softmax(method.alpha.detach(), 1), []
    worth = {0: 50.0, 1: 30.0, 2: 40.0, 3: 10.0, 4: 20.0}

    def measured(weights, items):
        (code,) = torch.nonzero(weights[2] == 0).flatten().tolist()
        removed.append(weights.clone())
        return worth[code]

    method._accuracy = measured
    method.macs = 0.0
    method.decide(2)
    assert method.decided.tolist() == [-1, -1, 3, -1, -1, -1]
    assert method.recommend()[:, 2].tolist() == [3, 3]
    torch.testing.assert_close(removed[1][2, [0, 2, 3, 4]], p[2, [0, 2, 3, 4]])
    assert torch.equal(removed[1][[0, 1, 3, 4, 5]], p[[0, 1, 3, 4, 5]])
    assert method.macs == pytest.approx(5 * 24 * COSTS.mixture)
    assert method.mixture_macs == COSTS.mixture - sum(COSTS.operations) + COSTS.operations[3]


def test_edges_are_decided_between_equally_many_epochs_and_the_last_after_the_last():
    method = made(DARTSPT, epochs=12, tuned_epochs=2, tuning_divisor=5.0)
    decided = []
    method.decide = lambda gene: decided.append(method.done) or method.decided.__setitem__(gene, 1)
    for done in range(1, 13):
        method.done = done
        method.after_epoch()
    assert decided == [2, 4, 6, 8, 10, 12]
    assert method.rate() == pytest.approx(0.025 / 5)
    assert not method.learns
    short = made(DARTSPT)
    short.decide = lambda gene: short.decided.__setitem__(gene, 1)
    for short.done in (1, 2):
        short.after_epoch()
        assert np.count_nonzero(short.decided == 1) == (5 if short.done == 1 else 6)


def test_a_supernet_whose_edges_are_all_decided_is_the_path():
    method, arch = made(DARTSPT), [3, 2, 1, 4, 0, 3]
    method.decided[:] = arch
    images, labels = next(method.batches.training(rng(), 25))
    found, macs = method.loss((images, labels))
    expected = torch.nn.functional.cross_entropy(method.supernet.path(images, arch), labels)
    torch.testing.assert_close(found, expected)
    assert macs == COSTS.path(arch)


def test_stages_prune_to_the_largest_alpha_and_copy_channels_with_their_momentum():
    method = made(ProgressiveDrNAS, epochs=4, frozen_epochs=1)
    learns = [method.learns]
    method.epoch()
    learns.append(method.learns)
    with torch.no_grad():
        method.alpha.copy_(torch.tensor([3.0, 0, 2, -1, 1]).expand(6, 5))
        for speed in method.velocity:
            speed.copy_(torch.randn(speed.shape))
    name = "stages.1.0.edges.4.3.weight"
    place = method._names().index(name)
    old, speed = method.parameters[place].detach().clone(), method.velocity[place].clone()
    method.advance()
    learns.append(method.learns)  # the second epoch is not of the second stage: it rests
    assert learns == [False, True, False]
    assert method.kept == [[0, 2, 4]] * 6
    new, momentum = method.parameters[place], method.velocity[place]
    assert (old.shape[:2], new.shape[:2]) == ((2, 2), (4, 4))
    assert torch.equal(new[:2, :2], old)
    pairs = {tuple(part.flatten().tolist()) for part in new.detach().flatten(0, 1)}
    assert pairs == {tuple(part.flatten().tolist()) for part in old.flatten(0, 1)}
    rows = [next(row for row in range(2) if torch.equal(new[at, :2], old[row])) for at in range(4)]
    assert all(torch.equal(momentum[at, :2], speed[row]) for at, row in enumerate(rows))
    weights = method.mixed(torch.full((6, 5), 0.2))
    torch.testing.assert_close(weights[0], torch.tensor([1 / 3, 0, 1 / 3, 0, 1 / 3]))
    assert method.recommend().tolist() == [[0] * 6, [2] * 6]


def test_a_search_in_stages_continues_from_any_of_them_and_its_epochs_cost_what_they_compute():
    method = made(ProgressiveDrNAS, epochs=4, frozen_epochs=0)
    spent = [method.epoch().macs for _ in range(3)]
    quarter = 3 * (TRAINING + VALIDATION) * (COSTS.base + 6 * sum(COSTS.operations) / 16)
    assert spent[:2] == pytest.approx([quarter] * 2)
    half = COSTS.base + sum(COSTS.operations[code] for codes in method.kept for code in codes) / 4
    assert spent[2] == pytest.approx(3 * (TRAINING + VALIDATION) * half)
    again = made(ProgressiveDrNAS, seed=5, epochs=4, frozen_epochs=0)
    again.restore(method.state())
    assert again.epoch().macs == method.epoch().macs
    first, second = method.state(), again.state()
    assert all(np.array_equal(value, second[name]) for name, value in first.items())


def test_channels_of_a_wider_layer_are_all_that_there_were_and_copies_of_them():
    found = widening(3, 6, rng())
    assert found[:3].tolist() == [0, 1, 2]
    assert set(found[3:]) <= {0, 1, 2}
    assert largest(np.array([[2.0, 2.0, 3.0]]), 2).tolist() == [[True, False, True]]


def test_the_prior_of_a_switch_is_updated_as_by_hand():
    one, s = torch.ones(3), torch.tensor([3.0, -3.0, 3.0])
    omega, gamma = reweighted(s, one, torch.tensor([1e12, 1.0, 0.0]), one)
    torch.testing.assert_close(omega, torch.tensor([1.0, 0.5**0.5, LEAST]))
    torch.testing.assert_close(gamma, torch.tensor([3.0, 3 * 2**0.5, 3 / LEAST]))
    omega, _ = reweighted(s[:1], one[:1] / 2, torch.tensor([4.0]), torch.tensor([2.0]))
    assert omega.item() == pytest.approx((2 - (1 / (2 + 2)) * 4) ** 0.5)  # c = 1/4


def test_a_proximal_step_minimises_the_penalised_parabola():
    for value, gradient, penalty in ((0.3, 2.0, 1.0), (-0.1, 0.0, 3.0), (0.5, -1.0, 0.2)):
        grid = torch.linspace(-2, 2, 400_001, dtype=torch.float64)
        best = grid[((grid - value) ** 2 / 0.2 + gradient * grid + penalty * grid.abs()).argmin()]
        found = proximal(torch.tensor([value]), torch.tensor([gradient]), 0.1, torch.tensor([penalty]))
        assert found.item() == pytest.approx(best.item(), abs=1e-4)


def test_an_operation_dies_with_its_edge_and_a_dead_edge_is_none():
    method = made(BayesNAS)
    with torch.no_grad():
        method.gamma[:-6] = torch.tensor([1.0, 1.0, 4.0, 1.0]).repeat(6)
        method.gamma[-6:] = torch.tensor([4.0, 4.0, 4.0, 4.0, 4.0, 1e-4])
    np.testing.assert_allclose(method.variances()[0], [0, 0.8, 0.8, 2.0, 0.8], rtol=1e-6)
    assert method.recommend().tolist() == [[3, 3, 3, 3, 3, 0], [3] * 6]
    without = made(BayesNAS, without=["none"])
    without.gamma = method.gamma
    assert without.recommend().tolist() == [[3] * 6] * 2


def test_bayesnas_warms_up_then_shrinks_switches_and_ends_after_its_rounds():
    method = made(BayesNAS, epochs=9, rounds=1, operation_penalty=5.0, edge_penalty=1e-6)
    spent = method.epoch().macs
    assert spent == pytest.approx(3 * TRAINING * COSTS.mixture)
    assert torch.equal(method.switches, torch.ones(30))
    assert not method.finished
    method.epoch()
    assert (method.switches[:-6] < 0.9).all()
    assert (method.switches[-6:] > 0.9).all()
    assert method.finished


@pytest.mark.parametrize(
    ("factory", "given", "message"),
    [
        (DARTSPT, {"early_stop": "skips"}, "`early_stop` must be 'none' where edges are decided at the end"),
        (DARTSPT, {"sampler": "hard_gumbel"}, "`sampler` must be one of a mixture where operations are taken out"),
        (DARTSPT, {"auxiliary_skip": 1.0}, "`auxiliary_skip` must be 0 where operations are taken out, got 1.0"),
        (ProgressiveDrNAS, {"widened": [5]}, "`widened` must be at most 4, got 5"),
        (ProgressiveDrNAS, {"widened": [3]}, "`widened` must divide the 4 channels, got 3"),
        (ProgressiveDrNAS, {"pruned": [6]}, "`pruned` must be at most 5, got 6"),
        (ProgressiveDrNAS, {"pruned": [3, 2]}, "`pruned` must have a value for each of 'widened', 1"),
        (ProgressiveDrNAS, {"sampler": "reinmax"}, "`sampler` must be one of a mixture where operations are pruned"),
        (BayesNAS, {"without": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3"]}, "`without` must leave two"),
    ],
)
def test_wrong_settings_are_refused(factory, given, message):
    with pytest.raises(HarnessError, match=message):
        made(factory, **given)
