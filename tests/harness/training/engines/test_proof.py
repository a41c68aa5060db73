"""Proofs of levels: sound levels pass on any shape and precision, and every kind of wrong level is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.training.choice import load_level
from harness.training.engines import resident
from harness.training.engines.engine import Task
from harness.training.engines.packed.engine import PackedEngine
from harness.training.engines.packed.images import networks as image_networks
from harness.training.engines.packed.images.operations import PlainOperations
from harness.training.engines.packed.levels import WaveLevel
from harness.training.engines.packed.signals.networks import SignalNetworks
from harness.training.engines.packed.weights import PackWeights
from harness.training.engines.proof import Trial, drawn, like
from harness.training.engines.timing import seconds_per_step
from harness.training.recipe import Recipe
from harness.training.schedule import Member
from tests.harness.training.support import CPU, MICRO, pictures, signals

SIGNALS = Task("nb201", MICRO.but(channels=4, cells=1), signals(), CPU)
IMAGES = Task("nb201", Recipe("any", epochs=1, batch_size=16, channels=4, cells=1), pictures(), CPU)
Patch = pytest.MonkeyPatch


class Rounded(WaveLevel):
    """R4 on images with feature maps in bf16, as on CUDA."""

    def precision(self, task: Task) -> torch.dtype:
        return torch.bfloat16


@pytest.fixture
def _in_bf16(monkeypatch: Patch) -> None:
    monkeypatch.setattr(image_networks, "precision", lambda device: torch.bfloat16)


@pytest.fixture(scope="module")
def trial() -> Trial:
    return Trial(SIGNALS)


@pytest.mark.parametrize("name", ["R1", "R3", "R4"])
@pytest.mark.parametrize("changes", [{}, {"cells": 3, "nesterov": False, "weight_decay": 0.0, "batch_size": 7}])
def test_sound_levels_pass_on_signals(name, changes):
    assert Trial(replace(SIGNALS, recipe=SIGNALS.recipe.but(**changes))).fault(load_level(name)) == ""


@pytest.mark.parametrize("reduction", ["pool", "residual"])
def test_sound_levels_pass_on_images(reduction):
    trial = Trial(replace(IMAGES, recipe=IMAGES.recipe.but(reduction=reduction)))
    assert [trial.fault(load_level(name)) for name in ("R1", "R4")] == ["", ""]


@pytest.mark.usefixtures("_in_bf16")
def test_sound_levels_pass_in_bf16():
    assert Trial(IMAGES).fault(Rounded()) == ""
    assert "is off R0's" in Trial(IMAGES).fault(WaveLevel()), "bf16 is no rounding of fp32"


def test_other_networks_have_proofs_too():
    task = replace(IMAGES, network="nats_size", recipe=Recipe("any", epochs=1, batch_size=4, cells=1))
    assert Trial(task).fault(load_level("R1")) == ""


def wrapped(patch: Patch, owner: type, name: str, change: Callable[..., object]) -> None:
    """Put a function in a method's place; it is given the method first."""
    real = getattr(owner, name)
    patch.setattr(owner, name, lambda *given, **options: change(real, *given, **options))


def raises(patch: Patch) -> None:
    def change(real, *given, **options):
        raise RuntimeError("invalid device function\nwith a long story")

    wrapped(patch, SignalNetworks, "forward", change)


def makes_nan(patch: Patch) -> None:
    def change(real, networks, images, *, training):
        return real(networks, images, training=training) * torch.nan

    wrapped(patch, SignalNetworks, "forward", change)


def scales_gradients(patch: Patch) -> None:
    def change(real, networks, gradient):
        real(networks, gradient)
        networks._weights.gradients.views["stem.conv"].mul_(1.3)

    wrapped(patch, SignalNetworks, "backward", change)


def wrong_in_one(row: int) -> Callable[[Patch], None]:
    """Return a fault of one member of a pack, which orders its members by their cells."""

    def change(real, networks, images, *, training):
        logits = real(networks, images, training=training)
        logits[row] *= 1.01
        return logits

    return lambda patch: wrapped(patch, SignalNetworks, "forward", change)


def swaps_members(patch: Patch) -> None:
    def change(real, networks, gradient):
        real(networks, gradient)
        stem = networks._weights.gradients.views["stem.conv"]
        stem.copy_(stem.flip(0))

    wrapped(patch, SignalNetworks, "backward", change)


def forgets_decay(patch: Patch) -> None:
    wrapped(patch, PackWeights, "descend", lambda real, weights, rate, given: real(weights, rate, _undecayed(given)))


def _undecayed(given: Recipe) -> Recipe:
    return given.but(weight_decay=0.0)


def forgets_momentum(patch: Patch) -> None:
    def change(real, weights, rate, given):
        real(weights, rate, given)
        weights._momentum.flat.zero_()

    wrapped(patch, PackWeights, "descend", change)


def updates_too_far(patch: Patch) -> None:
    wrapped(patch, PackWeights, "descend", lambda real, weights, rate, given: real(weights, 1.5 * rate, given))


def biased_variances(patch: Patch) -> None:
    wrapped(patch, PackWeights, "corrections", lambda real, weights, counts: torch.ones_like(real(weights, counts)))


def wrong_means(patch: Patch) -> None:
    def change(real, weights, corrections):
        real(weights, corrections)
        weights.means.views["head"].mul_(1.001)

    wrapped(patch, PackWeights, "track", change)


def wrong_in_evaluation(patch: Patch) -> None:
    def change(real, networks, images, *, training):
        logits = real(networks, images, training=training)
        return logits if training else 1.1 * logits

    wrapped(patch, SignalNetworks, "forward", change)


def wrong_statistics_in_evaluation(patch: Patch) -> None:
    def change(real, networks, images, *, training):
        if training:
            return real(networks, images, training=training)
        kept = networks._weights.variances.flat.clone()
        networks._weights.variances.views["head"].mul_(1.1)
        logits = real(networks, images, training=training)
        networks._weights.variances.flat.copy_(kept)
        return logits

    wrapped(patch, SignalNetworks, "forward", change)


def wrong_in_partial_batches(patch: Patch) -> None:
    def change(real, networks, images, *, training):
        logits = real(networks, images, training=training)
        return -logits if training and images.shape[1] < SIGNALS.recipe.batch_size else logits

    wrapped(patch, SignalNetworks, "forward", change)


def miscounts(patch: Patch) -> None:
    def change(logits: Tensor, labels: Tensor, sums: Tensor) -> Tensor:
        gradient = real(logits, labels, sums)
        sums[:, 1] += 5
        return gradient

    real = PackedEngine._learn
    patch.setattr(PackedEngine, "_learn", staticmethod(change))


FAULTS = {
    raises: "it raised RuntimeError: invalid device function",
    makes_nan: "NaN",
    scales_gradients: "is off R0's by",
    wrong_in_one(0): "in network 2 of 2",
    wrong_in_one(1): "in network 1 of 2",
    swaps_members: "the momentum of 'stem.conv.weight'",
    forgets_decay: "after a step",
    forgets_momentum: "momentum",
    updates_too_far: "is off R0's by",
    biased_variances: "running_var' is off",
    wrong_means: "'head.norm.running_mean' is off",
    wrong_in_evaluation: "the loss in 'valid' is off",
    wrong_statistics_in_evaluation: "the loss in 'valid' is off",
    wrong_in_partial_batches: "after two steps",
    miscounts: "are judged otherwise",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_wrong_level_is_found(trial, fault, monkeypatch):
    fault(monkeypatch)
    found = trial.fault(load_level("R4"))
    assert FAULTS[fault] in found
    assert "\n" not in found


@pytest.mark.parametrize("name", ["scale", "relu"])
@pytest.mark.usefixtures("_in_bf16")
def test_a_wrong_kernel_is_found_through_the_rounding_of_bf16(name, monkeypatch):
    def weigh(real, operations, *given, **options):
        run = real(operations, *given, **(options | ({"relu": False} if name == "relu" else {})))

        def wrong(batch):
            run(batch)
            if name == "scale":
                operations._gradients.mul_(2)

        return wrong

    wrapped(monkeypatch, PlainOperations, "weigh", weigh)
    assert "is off R0's" in Trial(IMAGES).fault(Rounded())


def test_a_wrong_update_of_single_networks_is_found(trial, monkeypatch):
    real = resident.sgd_step
    monkeypatch.setattr(resident, "sgd_step", lambda *given: real(*given[:2], _undecayed(given[2]), given[3]))
    assert "after a step" in trial.fault(load_level("R1"))


def test_networks_are_packed_as_the_level_packs_them(trial, monkeypatch):
    made = []
    real = PackedEngine.__init__
    monkeypatch.setattr(
        PackedEngine, "__init__", lambda self, members, task: made.append(members) or real(self, members, task)
    )
    for name in ("R3", "R4"):
        assert trial.fault(load_level(name)) == ""
    assert [len({member.arch for member in members}) for members in made] == [1, 2]
    assert [len(members) for members in made] == [2, 2]


def test_the_global_generators_are_not_touched(trial):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    trial.fault(load_level("R4"))
    assert torch.equal(before, torch.get_rng_state())


def test_made_up_images_are_of_the_same_shape_and_type():
    for dataset in (signals(), pictures()):
        made = like(dataset, 9)
        assert made.shape == dataset.shape
        assert made.images["train"].dtype == dataset.images["train"].dtype
        assert [len(made.labels[split]) for split in ("train", "valid")] == [9, 12]
    assert np.array_equal(drawn("nb201", 3)[:2], drawn("nb201", 3)[:2])


@pytest.mark.parametrize("name", ["R0", "R3", "R4"])
def test_levels_are_timed_on_few_networks(name, monkeypatch):
    level, built = load_level(name), list[Member]()
    real = type(level).engine
    monkeypatch.setattr(type(level), "engine", lambda self, *given: built.extend(given[0]) or real(self, *given))
    assert 0 < seconds_per_step(level, SIGNALS, 500, 3) < 1
    assert [member.seed for member in built] == [0, 1, 2] * 2
