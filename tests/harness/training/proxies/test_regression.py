"""GenNAS: maps that are what they are said to be, and an error that can be told by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from harness.errors import HarnessError
from harness.training import networks
from harness.training.proxies import regression
from harness.training.proxies.regression import HIGH, LOW, MAPS, WEIGHTS, crossed_waves, gennas, targets, waves
from harness.training.proxies.subject import Subject
from tests.harness.training.proxies.toys import subject
from tests.harness.training.support import MICRO, signals


def scored(cell, labels=0) -> Subject:
    data = signals()
    module = networks.build("nb201", cell, MICRO.but(channels=4), data.shape, data.classes, seed=0)
    items = torch.from_numpy(data.images["train"][:16])
    return Subject(module, items, torch.full((16,), labels), 16)


def turns(maps, axis):
    """Return ``(f(t - 1) + f(t + 1)) / 2 f(t)`` along an axis, the cosine of a step of a sine of whatever phase."""
    inner = np.take(maps, range(1, maps.shape[axis] - 1), axis)
    beside = np.take(maps, range(2, maps.shape[axis]), axis) + np.take(maps, range(maps.shape[axis] - 2), axis)
    ratio = np.where(np.abs(inner) > 1e-3, beside / 2 / np.where(np.abs(inner) > 1e-3, inner, 1.0), np.nan)
    middle = np.nanmedian(ratio, axis=(1, 2))
    return middle, np.nanmax(np.abs(ratio - middle[:, None, None]), axis=(1, 2)) < 1e-6


def test_waves_run_along_one_axis_at_the_frequencies_asked_for() -> None:
    maps = waves(HIGH, (8, 8), np.random.default_rng(0))
    assert maps.shape == (MAPS, 8, 8)
    assert np.abs(maps).max() <= 1
    down, right = np.ptp(maps, axis=1).max(axis=1) > 1e-9, np.ptp(maps, axis=2).max(axis=1) > 1e-9
    assert (down != right).all()
    assert 10 < down.sum() < 54
    cosines = np.cos(2 * np.pi * np.asarray(HIGH))
    for along, axis in ((down, 1), (right, 2)):
        found, whole = turns(maps[along], axis)
        assert whole.all()
        assert np.abs(found[:, None] - cosines).min(axis=1).max() < 1e-6
    of_signals = waves(HIGH, (1, 10), np.random.default_rng(0))
    assert (np.ptp(of_signals, axis=2) > 0.1).all(), "along the only axis"


def test_crossed_waves_run_along_both() -> None:
    maps = crossed_waves(LOW, (8, 8), np.random.default_rng(0))
    cosines = np.cos(2 * np.pi * np.asarray(LOW))
    for axis in (1, 2):
        found, whole = turns(maps, axis)
        assert whole.all()
        assert np.abs(found[:, None] - cosines).min(axis=1).max() < 1e-6
    assert crossed_waves(LOW, (1, 10), np.random.default_rng(0)).shape == (MAPS, 1, 10)


def test_only_the_last_maps_but_waves_are_signs_and_items() -> None:
    """Without waves the first have signs alone, and the second the items alone, whose extremes are -1 and 1."""
    items = torch.from_numpy(np.random.default_rng(0).normal(size=(16, 1, 1, 40)).astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("waves", "crossed_waves"):
            patch.setattr(regression, name, lambda frequencies, size, rng: np.zeros((MAPS, *size)))
        first, second, third = (maps.numpy() for maps in targets(items, (1, 10), np.random.default_rng(0)))
    assert set(np.unique(first)) == {-1.0, 1.0}
    assert abs(first.mean()) < 0.05
    np.testing.assert_allclose((second.min(), second.max()), (-1, 1))
    places = items.numpy()[:, 0, :, ::4]
    for item, known in zip(second, places, strict=True):
        np.testing.assert_allclose(np.corrcoef(item[0, 0], known[0])[0, 1], 1.0, rtol=1e-5)
    assert set(np.unique(np.abs(third - second).round(4))) == {1.0}


def test_a_network_that_computes_nothing_regresses_the_means() -> None:
    """Its heads have their biases alone: what remains is the variance of each map around its mean, or little more."""
    given = scored((0, 0, 0, 0, 0, 0))
    wanted = targets(given.items, (1, 3), np.random.default_rng(0))
    least = sum(
        weight * float(maps.var((0, 2, 3), correction=0).mean()) for weight, maps in zip(WEIGHTS, wanted, strict=True)
    )
    found = -gennas(given)["gennas"]
    assert least < found < 1.02 * least
    assert -gennas(scored((3, 3, 3, 3, 3, 3)))["gennas"] < 0.9 * found


def test_it_sees_no_labels_and_leaves_no_trace(monkeypatch) -> None:
    monkeypatch.setattr(regression, "STEPS", 4)
    given = scored((3, 2, 1, 4, 0, 3))
    found = gennas(given)
    assert gennas(given) == found == gennas(scored((3, 2, 1, 4, 0, 3), labels=3))


def test_an_error_without_a_number_is_the_worst(monkeypatch) -> None:
    monkeypatch.setattr(regression, "_RATE", 1e30)
    assert gennas(scored((3, 2, 1, 4, 0, 3)))["gennas"] == -np.inf


def test_a_network_without_stages_is_refused() -> None:
    with pytest.raises(HarnessError, match="`network` must have a stem, cells and reductions for gennas"):
        gennas(subject(nn.Sequential(nn.Flatten(), nn.Linear(3, 4)), torch.ones((4, 3, 1, 1))))
