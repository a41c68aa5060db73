"""Scores of architectures: finite, repeatable, and unmoved by what must not matter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.training import networks
from harness.training.data import exported
from harness.training.proxies import PROXIES, UNTRAINED
from harness.training.proxies.activations.codes import relu_codes
from harness.training.proxies.gradients.saliency import saliency
from harness.training.proxies.jacobians.inputs import jacobian
from harness.training.proxies.no_data.synflow import synflow
from harness.training.proxies.score import LOWEST, measure, over_inits, score
from harness.training.proxies.setting import BATCHES, Setting
from harness.training.proxies.subject import Subject, gradients, layers, loss_of
from harness.training.recipe import TrainingSetup
from tests.harness.training.support import MICRO, pictures, signals

CELLS = np.array(
    [
        [0, 0, 0, 0, 0, 0],  # nothing
        [0, 0, 0, 1, 0, 0],  # the identity
        [1, 1, 1, 1, 1, 1],
        [0, 0, 0, 2, 0, 0],
        [0, 0, 0, 0, 0, 3],  # a convolution of what nothing reaches
        [3, 3, 0, 2, 0, 0],  # dead convolutions
        [4, 4, 4, 4, 4, 4],
        [3, 2, 1, 4, 0, 3],
        [3, 3, 3, 3, 3, 3],
    ]
)
NO_DATA = ("params", "macs", "l2_norm", "synflow", "zen", "meco", "linear_regions", "az_expressivity",
           "az_progressivity", "az_trainability")  # fmt: skip
SETTING = Setting(TrainingSetup("nb201", "micro", "mnist1d", recipe_changes={"channels": 4}), batch=10, inits=(0,))


@pytest.fixture(scope="module")
def data():
    return signals()


@pytest.fixture(scope="module")
def scores(data):
    return score(CELLS, replace(SETTING, inits=(0, 1)), data)


def toy(data, cell=(3, 2, 1, 4, 0, 3)) -> Subject:
    module = networks.build("nb201", cell, MICRO.but(channels=4), data.shape, data.classes, seed=0)
    return Subject(module, torch.from_numpy(data.images["train"][:10]), torch.from_numpy(data.labels["train"][:10]), 10)


def test_every_proxy_of_every_kind_of_cell_is_finite(scores) -> None:
    assert set(scores.values) == set(UNTRAINED)
    for name, values in scores.values.items():
        assert values.shape == (len(CELLS), 2)
        assert np.isfinite(values).all(), name
        assert (scores.seconds[name] >= 0).all()


def test_the_cell_of_nothing_is_worst_where_a_score_is_not_defined(scores) -> None:
    for name in ("zen", "nwot", "epe_nas", "ntk", "az_trainability"):
        assert (scores.values[name][0] == LOWEST).all(), name
    assert (scores.values["synflow"][0] == 0.0).all()
    assert (scores.values["jacov"][0] < -1e5).all()
    others = [row for row in range(len(CELLS)) if row not in (0, 4)]
    assert all((scores.values[name][others] > LOWEST).all() for name in ("zen", "epe_nas"))
    assert all((scores.values[name][7:] > LOWEST).all() for name in ("nwot", "ntk", "az_trainability"))


def test_sizes_are_those_of_the_network(data, scores) -> None:
    for row, cell in enumerate(CELLS):
        module = networks.build("nb201", cell, MICRO.but(channels=4), data.shape, data.classes, seed=0)
        assert (scores.values["params"][row] == networks.parameters(module)).all()


def test_a_score_depends_on_its_architecture_and_seed_alone(data, scores) -> None:
    apart = score(CELLS[[7]], SETTING, data, names=("swap", "zico", "grasp", "linear_regions"), inits=(1,))
    for name, values in apart.values.items():
        assert values[0, 0] == scores.values[name][7, 1], name


def test_scores_without_data_do_not_see_it(scores) -> None:
    other = signals(seed=5)
    other = replace(other, labels={split: labels[::-1].copy() for split, labels in other.labels.items()})
    again = score(CELLS[[7]], SETTING, other, names=NO_DATA)
    for name in NO_DATA:
        assert again.values[name][0, 0] == scores.values[name][7, 0], name


def test_swap_and_nwot_keep_their_bounds(data, scores) -> None:
    widths = 4 * (12 + 2 * 6 + 4 * 3)  # units of a convolution's ReLU, over the stages
    head = 16 * 3
    units = head + widths * np.isin(CELLS[[3, 6, 8]], (2, 3)).sum(axis=1)
    assert (scores.values["swap"][[3, 6, 8]] <= units[:, None]).all()
    assert (scores.values["nwot"][[3, 6, 8]] <= 10 * np.log(units)[:, None]).all()


def test_other_networks_are_scored_too() -> None:
    images = pictures(size=8)
    for network, cell, changes in (
        ("nb201", [3, 2, 1, 4, 0, 3], {"channels": 4, "cells": 2, "reduction": "residual"}),
        ("nats_size", [0, 1, 0, 1, 0], {}),
    ):
        setting = replace(SETTING, training=TrainingSetup(network, "micro", "cifar10", recipe_changes=changes))
        found = score(np.array([cell]), setting, images, names=("synflow", "zen", "nwot", "az_trainability", "ntk"))
        assert all(math.isfinite(values[0, 0]) and values[0, 0] > LOWEST for values in found.values.values())


def of_items(subject: Subject, order: list[int]) -> Mapping[str, float]:
    moved = Subject(subject.module, subject.items[order], subject.labels[order], subject.batch)
    return saliency(moved) | measure(PROXIES["grasp"].measure)(moved)


def test_the_order_of_items_does_not_matter(data) -> None:
    found, again = of_items(toy(data), list(range(10))), of_items(toy(data), [3, 1, 4, 5, 9, 2, 6, 8, 7, 0])
    for name in ("snip", "grad_norm", "fisher", "grasp"):
        assert again[name] == pytest.approx(found[name], rel=1e-3), name


def test_scaling_weights_before_normalisation_divides_their_gradient_and_keeps_snip(data) -> None:
    def slopes(scale: float) -> tuple[float, float, float]:
        subject = toy(data)
        with torch.no_grad():
            subject.module.stem.conv.weight.mul_(scale)
        subject = replace(subject)
        module = subject.fresh()
        loss = loss_of(module, *subject.minibatch())
        norm = float(gradients(loss, [module.stem.conv.weight])[0].norm())
        return float(loss.detach()), norm, saliency(subject)["snip"]

    (loss, norm, snip), (other_loss, other_norm, other_snip) = slopes(1.0), slopes(8.0)
    assert other_loss == pytest.approx(loss, rel=1e-3)
    assert other_norm == pytest.approx(norm / 8, rel=1e-2)
    assert other_snip == pytest.approx(snip, rel=1e-2)


def test_normalised_filters_add_nothing_to_plain(data) -> None:
    module = toy(data).fresh(torch.float64)
    subject = toy(data)
    loss = loss_of(module, subject.minibatch()[0].double(), subject.minibatch()[1])
    normed = [part.weight for part in layers(module) if isinstance(part, torch.nn.Conv2d)]
    for weight, slope in zip(normed, gradients(loss, normed), strict=True):
        products = (weight * slope).detach().flatten(1)
        assert float(products.sum(1).abs().max()) < 0.02 * float(products.abs().sum()) + 1e-12


def test_signs_and_names_of_channels_do_not_matter_to_synflow(data) -> None:
    subject = toy(data)
    before = synflow(subject)["synflow"]
    with torch.no_grad():
        for part in layers(subject.fresh()):
            part.weight.mul_(torch.sign(torch.randn(part.weight.shape, generator=torch.Generator().manual_seed(0))))
        conv, after = subject.module.stem, subject.module.stages[0][0].edges
        order = torch.tensor([2, 0, 3, 1])
        conv.conv.weight.copy_(conv.conv.weight[order])
        for edge in after.values():
            if hasattr(edge, "conv"):
                edge.conv.weight.copy_(edge.conv.weight[:, order][order])
        reduction = subject.module.reductions[0].conv
        reduction.weight.copy_(reduction.weight[:, order])
    assert synflow(replace(subject))["synflow"] == pytest.approx(before)


def test_scaling_logits_or_what_enters_relus_changes_no_code_or_correlation(data) -> None:
    subject = toy(data)
    jacov, codes = jacobian(subject)["jacov"], relu_codes(subject)
    with torch.no_grad():
        module = subject.fresh()
        module.head.linear.weight.mul_(5.0)
        module.head.norm.weight.mul_(3.0)
        module.head.norm.bias.mul_(3.0)
    scaled = replace(subject)
    assert jacobian(scaled)["jacov"] == pytest.approx(jacov, rel=1e-3)
    assert relu_codes(scaled) == codes


def test_a_mean_over_initial_weights_is_that_of_finite_scores() -> None:
    values = np.array([[1.0, 3.0], [LOWEST, 3.0], [LOWEST, LOWEST], [math.nan, 2.0], [math.nan, math.nan]])
    np.testing.assert_array_equal(over_inits(values), [2.0, 3.0, LOWEST, 2.0, math.nan])


def test_minibatches_hold_classes_in_turn_and_no_item_twice(data) -> None:
    order = SETTING.order(data)
    assert len(np.unique(order)) == BATCHES * SETTING.batch
    for part in np.split(data.labels["train"][order], BATCHES):
        counts = np.bincount(part, minlength=4)
        assert counts.max() - counts.min() <= 1
    assert not np.array_equal(order, replace(SETTING, batch_seed=1).order(data))
    assert np.array_equal(order, SETTING.order(data))


@pytest.mark.parametrize(
    ("changes", "names", "message"),
    [
        ({"batch": 12}, ("jacov",), "`batch` must be smaller than the 12 values of an item for jacov"),
        ({"batch": 7}, ("epe_nas",), "at least 8"),
        ({"batch": 26}, ("snip",), "`batch` must be at most 25"),
        ({}, ("snap",), "unknown proxy 'snap'"),
    ],
)
def test_what_cannot_be_scored_is_told(data, changes, names, message) -> None:
    with pytest.raises(HarnessError, match=message):
        score(CELLS[:1], replace(SETTING, **changes), data, names=names)


def test_seeds_are_named_once() -> None:
    for inits in ((), (0, 0)):
        with pytest.raises(HarnessError, match="name at least one seed, and each once"):
            replace(SETTING, inits=inits)


def test_a_setting_is_told_whole(tmp_path, data) -> None:
    exported.save(data, tmp_path / "data.npz")
    told = replace(SETTING, training=replace(SETTING.training, dataset=str(tmp_path / "data.npz"))).as_dict()
    assert (told["batch"], told["loss"], told["recipe"]["channels"]) == (10, "mean cross-entropy", 4)
