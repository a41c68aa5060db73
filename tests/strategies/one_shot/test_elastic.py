"""Once-for-all: its phases, what it draws in them, its rates and what it charges, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.spaces import named
from harness.spaces.elastic.skeleton import LARGEST, parts_of
from strategies.one_shot.elastic import LIMITS, OFA, PHASES
from tests.harness.training.supernets.support import rng, search_data

SPACE = named.space("elastic")
QUICK = {"population": 3, "parents": 2, "mutants": 1, "crossovers": 1, "generations": 1, "batch_size": 25}


def made(epochs=39, **own):
    return OFA(SPACE, search_data(), rng(), epochs, **{**QUICK, **own})


def test_phases_have_the_epochs_that_they_are_given_and_others_their_share():
    assert np.bincount(made()._phases).tolist() == [15, 6, 3, 6, 3, 6]
    assert np.bincount(made(13)._phases).tolist() == [5, 2, 1, 2, 1, 2]
    with pytest.raises(HarnessError, match="`phases` must be 6 shares, the first above 0"):
        made(phases=[0, 1, 1, 1, 1, 1])


def test_a_phase_draws_what_it_has_and_no_more():
    method = made()
    for phase in PHASES:
        archs = np.concatenate([method.draw(phase) for _ in range(40)])
        assert SPACE.is_valid(archs).all()
        assert len(archs) == 40 * phase.subnets
        depths, kernels, expansions = parts_of(archs)
        there = np.arange(9)[None] % 3 <= np.repeat(depths, 3, axis=1)
        for codes, allowed in (
            (depths, phase.depths),
            (kernels[there], phase.kernels),
            (expansions[there], phase.expansions),
        ):
            assert set(np.unique(codes)) == set(allowed)


def test_the_rate_falls_over_each_phase_step_by_step():
    method = made(phases=[2, 2, 0, 0, 0, 0], epochs=4)
    assert method.rate() == 0.05
    method._steps = 1  # of two
    assert method.rate() == pytest.approx(0.025 * (1 + np.cos(np.pi / 4)))
    method.done, method._steps = 2, 0
    assert method.rate() == 0.03


def test_the_teacher_is_the_whole_network_as_it_was_and_sorting_changes_no_answer():
    method = made(phases=[1, 2, 0, 0, 0, 0], epochs=3)
    method.epoch()
    images = torch.from_numpy(rng(1).normal(size=(8, 1, 1, 12)).astype(np.float32))
    before = method.supernet.path(images, LARGEST)
    method.before_epoch()
    torch.testing.assert_close(method.supernet.path(images, LARGEST), before, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(method.teacher.path(images, LARGEST), before, rtol=0, atol=0)
    spent = method.epoch().macs
    items, whole = 50, method.costs.path(LARGEST)
    assert items * whole < spent < items * (1 + 3) * whole, "a pass of the teacher, and steps of smaller kernels"
    torch.testing.assert_close(method.teacher.path(images, LARGEST), before, rtol=1e-3, atol=1e-4)


def test_normalisations_and_biases_do_not_decay():
    method = made(1, weight_decay=0.5)
    loss = torch.stack([parameter.sum() * 0 for parameter in method.parameters]).sum()
    before = [parameter.detach().clone() for parameter in method.parameters]
    method.update(loss)
    for (name, after), old in zip(method.supernet.named_parameters(), before, strict=True):
        if old.abs().sum() > 0:
            assert torch.equal(after, old) == (".norm." in name or name.endswith("bias")), name


def test_what_is_handed_over_keeps_its_limit_and_is_the_best_that_was_evaluated():
    method = made(1)
    method.epoch()
    archs = method.recommend()
    assert (method.costs.paths(archs) <= np.array(LIMITS) * method.costs.path(LARGEST)).all()
    found = method.inherited(archs)
    assert (np.diff(found) <= 0).all(), "what keeps a limit keeps every larger one"
