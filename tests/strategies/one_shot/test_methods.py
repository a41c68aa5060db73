"""Every one-shot method on a small search: deterministic, resumed to the same bits, charged in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness import registry
from harness.digests import without
from harness.errors import HarnessError, UnfitError
from harness.spaces.nats_size.space import SizeSpace
from harness.testing.one_shot import check_one_shot
from strategies import ONE_SHOT
from strategies.one_shot.grid import LATER
from strategies.one_shot.paths import RSPS, SinglePath
from strategies.one_shot.presets import (
    DARTS,
    GDAS,
    RDARTS,
    AdaptiveRDARTS,
    DrNAS,
    FairDARTS,
    FBNet,
    ProxylessNAS,
    TangleNAS,
)
from strategies.one_shot.relaxed import Relaxed
from tests.harness.training.supernets.support import rng, search_data
from tests.strategies.one_shot.support import COSTS, QUICK, SPACE, made

QUICKER = {
    "r_darts": {"eigenvalue_every": 3},
    "r_darts_adaptive": {"eigenvalue_every": 3},
    "tanglenas": {"frozen_epochs": 0},
    "darts_plus": {"most_skips": 6},
    "sdarts_adv": {"attack_steps": 1},
    "rsps": {"candidates": 3, "items": 12},
    "spos": {"population": 4, "parents": 2, "mutants": 2, "crossovers": 1, "generations": 1},
    "fairnas": {"candidates": 3},
    "ofa": {"population": 3, "parents": 2, "mutants": 1, "crossovers": 1, "generations": 1},
    "pc_darts": {"frozen_epochs": 1},
    "drnas": {"frozen_epochs": 0},
    "drnas_progressive": {"frozen_epochs": 0},
    "bayesnas": {"warm_epochs": 0},
    "proxylessnas": {"frozen_epochs": 0, "alpha_every": 1},
    "fbnet": {"frozen_epochs": 0},
    "setn": {"candidates": 3, "items": 12},
    "enas": {"candidates": 3, "items": 12, "updates": 2, "samples": 2},
}


@pytest.mark.parametrize("name", ONE_SHOT)
def test_a_method_keeps_the_rules(name):
    """Among them: it continues from a state to the same bits."""
    factory = registry.one_shot(name)
    kept = check_one_shot(factory, {**QUICK, **QUICKER.get(name, {})})
    assert "a state continues to the same bits" in kept
    assert factory.paper
    assert factory.year


class Draws(SinglePath):
    """Draws where it recommends."""

    def recommend(self):
        self.rng.random()
        return super().recommend()


class Forgets(DARTS):
    """Leaves the optimiser of alpha out of its state."""

    def tensors(self):
        return {name: value for name, value in super().tensors().items() if not name.startswith("adam")}


@pytest.mark.parametrize(
    ("factory", "own", "rule"),
    [
        (Draws, {"candidates": 2}, "recommend and inherited draw nothing"),
        (Forgets, {}, "a state continues to the same"),
    ],
)
def test_a_method_that_breaks_a_rule_is_told_which(factory, own, rule):
    with pytest.raises(HarnessError, match=f"one-shot method {factory.__name__} breaks the rule: {rule}"):
        check_one_shot(factory, {**QUICK, **own})


def test_an_epoch_of_darts_costs_two_steps_of_the_mixture_for_each_item():
    method, costs = made(DARTS), COSTS
    assert method.epoch().macs == pytest.approx(3 * (50 + 2 * 24) * costs.mixture)
    unrolled = made(DARTS, order=2)
    assert unrolled.epoch().macs == pytest.approx(3 * (50 + 3 * 50 + 2 * 24) * costs.mixture)
    frozen = made(DARTS, frozen_epochs=1)
    alpha = frozen.alpha.detach().clone()
    assert frozen.epoch().macs == pytest.approx(3 * 50 * costs.mixture)
    assert torch.equal(frozen.alpha, alpha)


@pytest.mark.parametrize(
    ("factory", "own", "steps"),
    [(DARTS, {}, 2), (DARTS, {"bilevel": False}, 2), (ProxylessNAS, {"frozen_epochs": 1, "alpha_every": 2}, 1)],
    ids=["bilevel", "single level", "gates"],
)
def test_the_norm_of_the_gradient_of_alpha_is_told_where_alpha_is_trained(factory, own, steps):
    method, norms = made(factory, **{"frozen_epochs": 1, **own}), []
    method._adam.register_step_pre_hook(lambda adam, *_: norms.append(adam.param_groups[0]["params"][0].grad.norm()))
    method.epoch()
    assert np.isnan(method.observed()["alpha_gradient"])
    assert norms == []
    method.epoch()
    assert method.observed()["alpha_gradient"] == pytest.approx(np.mean(norms))
    assert len(norms) == steps


def test_entangled_convolutions_are_one_in_a_mixture_and_in_its_cost():
    one = COSTS.base + 6 * COSTS.operations[3]
    method = made(DARTS, entangled=True)
    assert method.epoch().macs == pytest.approx(3 * (50 + 2 * 24) * one)
    images, labels = next(method.batches.training(rng(), 25))
    logits = method.supernet.mixture(images, torch.softmax(method.alpha, 1))
    torch.testing.assert_close(method.loss((images, labels))[0], torch.nn.functional.cross_entropy(logits, labels))


def test_channels_are_drawn_in_each_step_for_alpha_and_weights_alike_and_not_between_epochs():
    method = made(DARTS, partial_channels=2, channel_choice="random")
    cell, given = method.supernet.stages[0][0], []
    loss = method.loss
    method.loss = lambda batch, **how: given.append(cell.orders) or loss(batch, **how)
    method.epoch()
    (alpha, weights), (again, _) = given[:2], given[2:]
    assert torch.equal(alpha, weights)
    assert not torch.equal(alpha, again)
    assert cell.orders is None
    again = made(DARTS, seed=7, partial_channels=2, channel_choice="random")
    again.restore(method.state())
    assert again.epoch().macs == method.epoch().macs
    assert torch.equal(again.alpha, method.alpha)


def test_the_choice_of_channels_changes_nothing_where_all_go_through_operations():
    first, drawn = made(DARTS), made(DARTS, channel_choice="random")
    for method in (first, drawn):
        method.epoch()
    assert all(np.array_equal(value, drawn.state()[name]) for name, value in first.state().items())


def test_the_mean_cost_of_uniform_paths_is_that_of_the_mean_cell():
    method = made(SinglePath, epochs=40, batch_size=2)
    found = [method.epoch().macs / 50 for _ in range(4)]
    assert np.mean(found) == pytest.approx(3 * COSTS.mean, rel=0.1)


def test_what_is_recommended_has_the_largest_alpha_with_none_and_without():
    method = made(DARTS)
    with torch.no_grad():
        method.alpha.copy_(torch.tensor([[2.0, 1, 0, 0, 0], [0, 3, 0, 0, 0], [0, 0, 1, 0, 0],
                                         [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [5, 0, 0, 0, 4]]))  # fmt: skip
    assert method.recommend().tolist() == [[0, 1, 2, 3, 4, 0], [1, 1, 2, 3, 4, 4]]
    left_out = made(DARTS, without=["none", "skip_connect"])
    with torch.no_grad():
        left_out.alpha.zero_()
    assert left_out.alpha.shape == (6, 3)
    assert left_out.recommend().tolist() == [[2] * 6] * 2


def test_alpha_moves_on_validation_items_in_gdas_and_on_training_items_on_one_level():
    for factory, bilevel in ((GDAS, True), (Relaxed, False)):
        data = search_data()
        altered = replace(data, images={**data.images, "valid": np.full_like(data.images["valid"], 3.0)})
        results = []
        for given in (data, altered):
            method = factory(SPACE, given, rng(), 2, **QUICK, **({} if bilevel else {"bilevel": False}))
            method.epoch()
            results.append(method.alpha.detach())
        assert torch.equal(*results) is not bilevel


def test_a_fair_step_trains_every_operation_of_every_edge_once():
    method = made(SinglePath, paths="fair", batch_size=50)
    seen = []
    real = method.learn_path
    method.learn_path = lambda batch, arch, *how: seen.append(arch) or real(batch, arch, *how)
    method.epoch()
    assert np.array_equal(np.sort(np.array(seen), axis=0), np.repeat(np.arange(5)[:, None], 6, axis=1))


def test_two_skips_stop_darts_plus_and_no_further_epoch_is_wanted():
    method = made(Relaxed, early_stop="skips")
    with torch.no_grad():
        method.alpha[:2, 1] = 5.0
    method.epoch()
    assert method.finished
    patient = made(Relaxed, early_stop="skips", most_skips=6)
    patient.epoch()
    assert not patient.finished


@pytest.mark.parametrize(
    ("factory", "given", "message"),
    [
        (DARTS, {"alpha_lerning_rate": 1e-3}, "unknown parameter of DARTS 'alpha_lerning_rate'. Did you mean 'alpha_"),
        (DARTS, {"learning_rate": -1.0}, "`learning_rate` must be greater than 0, got -1.0"),
        (DARTS, {"without": ["zero"]}, "`without` must be one of 'none', 'skip_connect'"),
        (DrNAS, {"order": 2}, "`order` must be 1 with a sampler that draws"),
        (FairDARTS, {"entropy_penalty": 0.1}, "`entropy_penalty` must be 0 where weights do not sum to 1, got 0.1"),
        (FairDARTS, {"perturbation": 0.1}, "`perturbation` must be 0 where weights do not sum to 1, got 0.1"),
        (ProxylessNAS, {"latency_factor": 0}, "`latency_factor` must be above 0 where `latency_loss = 'relative'`"),
        (FBNet, {"latency_factor": 0.0}, "`latency_factor` must be above 0 where `latency_loss = 'power'`"),
        (DARTS, {"sampler": "binary_gates", "bilevel": False}, "`bilevel` must be true with binary gates, got False"),
        (DARTS, {"penalty": 0.1}, "`penalty` must be 0 but for 'dirichlet' and 'sigmoid', got 0.1"),
        (GDAS, {"edge_normalisation": True}, "`sampler` must be one of a mixture"),
        (DARTS, {"early_stop": "eigenvalue"}, "`eigenvalue_every` must be at least 1 where it stops"),
        (DARTS, {"partial_channels": 3}, "`partial_channels` must divide the 4 channels"),
        (DARTS, {"channel_choice": "last"}, "`channel_choice` must be one of 'first', 'random', got 'last'"),
        (TangleNAS, {"without": ["nor_conv_1x1"]}, "`entangled` must be false where a convolution is left out"),
        (DARTS, {"early_stop": "adaptive"}, "`eigenvalue_every` must be at least 1 where it stops"),
        (AdaptiveRDARTS, {"weight_decay": 0.0}, "`weight_decay` must be between 0 and `most_weight_decay`, 0.0243"),
        (AdaptiveRDARTS, {"schedule_epochs": 3}, "`schedule_epochs` must be at most 2, got 3"),
        (RDARTS, {"schedule_epochs": 1}, "`schedule_epochs` must be 0 but for `early_stop = 'adaptive'`, got 1"),
        (RSPS, {"parents": 99}, "`parents` must be at most the population of 50, got 99"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(factory, given, message):
    with pytest.raises(HarnessError, match=message.replace("(", r"\(")):
        made(factory, **given)


def test_a_space_without_a_supernet_is_refused():
    with pytest.raises(
        UnfitError, match="DARTS searches nb201 and darts alone, and the benchmark is of the space 'nats-size'"
    ):
        DARTS(SizeSpace(), search_data(), rng(), 2)


def test_choices_that_came_later_leave_the_identity_of_earlier_results():
    kept = without(DARTS.known(), DARTS.later_hyperparameters)
    assert set(LATER) == {name for name in DARTS.known() if name not in kept}
    assert list(kept)[-5:] == ["auxiliary_skip", "early_stop", "most_skips", "stable_epochs", "eigenvalue_every"]
    assert "latency_loss" in without(DARTS.known() | {"latency_loss": "linear"}, LATER)


def test_weights_that_do_not_sum_to_one_are_told_as_shares():
    method = made(Relaxed, sampler="sigmoid")
    np.testing.assert_allclose(method.probabilities().sum(1), 1)
