"""Edit distances, and the Gaussian process on them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.spaces import named
from surrogates.gaussian_process.edit_distance import EditDistance, EditDistanceProcess, aligned

NB201, SIZES = named.space("nb201"), named.space("nats-size")
WIDTHS = st.lists(st.sampled_from([8.0, 16.0, 64.0, 512.0]), min_size=0, max_size=5)


def cost(a, b):
    return float(aligned(np.array([a]), np.array([b]))[0, 0])


def distance(space, *texts, skip_weight=0.1):
    archs = space.parse(texts)
    return EditDistance(space, skip_weight=skip_weight, absent="none", skip="skip_connect")(archs, archs)


def test_known_alignments():
    assert cost([64.0] * 3, [64.0, 128.0, 64.0]) == 0.5
    assert cost([64.0] * 2, [64.0, 64.0, 128.0]) == 1.0
    assert cost([16.0], [512.0]) == 0.96875


def by_recursion(a, b):
    if not a or not b:
        return float(len(a) + len(b))
    kept = by_recursion(a[1:], b[1:]) + abs(a[0] - b[0]) / max(a[0], b[0])
    return min(kept, 1 + by_recursion(a[1:], b), 1 + by_recursion(a, b[1:]))


@settings(max_examples=60, deadline=None)
@given(WIDTHS, WIDTHS)
def test_alignment_is_the_best_of_all_edits_and_symmetric(a, b):
    assert cost(a, b) == pytest.approx(by_recursion(a, b))
    assert cost(a, b) == pytest.approx(cost(b, a))


def test_sizes_are_chains_of_layers():
    found = distance(SIZES, "64:64:64:64:64", "64:32:64:64:64", "8:64:64:64:64")
    assert found[0].tolist() == [0.0, 0.5, 0.875]


def test_layers_and_skips_of_cells():
    cell = "|{}~0|+|none~0|none~1|+|none~0|none~1|none~2|".format
    names = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
    found = distance(NB201, *map(cell, names))
    np.testing.assert_allclose(found[0], [0.0, 0.1, 1.0, 1.0])
    np.testing.assert_allclose(found[1], [0.1, 0.0, 1.1, 1.1])
    assert found[2, 3] == 1.0


@pytest.mark.parametrize("space", ["nb201", "nats-size", "mnasnet", "nb101", "darts"])
def test_distances_of_every_space_are_metric_like(space):
    archs = named.space(space).sample(20, np.random.default_rng(0))
    found = EditDistance(named.space(space), skip_weight=0.1, absent="none", skip="skip_connect")(archs, archs)
    np.testing.assert_allclose(found, found.T)
    assert np.all(np.diag(found) == 0)
    assert np.all(found >= 0)


def test_a_kernel_that_is_not_positive_is_made_so():
    """Neighbours of one cell: exp(-d^2) has eigenvalues below 0, and yet predictions and spreads are finite."""
    archs = np.concatenate([NB201.neighbours(np.full(6, 2, dtype=np.uint8)), np.full((1, 6), 2, dtype=np.uint8)])
    learner = EditDistanceProcess(NB201, rate=0.1)
    gram = np.exp(-0.1 * np.square(learner._distance(archs, archs)))
    assert np.linalg.eigvalsh(gram)[0] < -1e-3
    model = learner.fit(archs, archs.sum(axis=1).astype(float), np.random.default_rng(0))
    said = model.predict(NB201.sample(50, np.random.default_rng(1)))
    assert np.isfinite(said.mean).all()
    assert np.isfinite(said.std).all()
    assert np.all(np.abs(model.predict(archs).mean - archs.sum(axis=1)) < 1.0)


def test_far_from_everything_the_prior_is_predicted():
    told = np.zeros((2, 6), dtype=np.uint8)
    told[1, 0] = 2
    said = (
        EditDistanceProcess(NB201)
        .fit(told, np.array([1.0, 3.0]), np.random.default_rng(0))
        .predict(np.full((1, 6), 3, dtype=np.uint8))
    )
    assert said.mean[0] == pytest.approx(2.0)
    assert said.std[0] > 0.5


def test_renaming_operations_that_are_layers_changes_nothing():
    archs, order = NB201.sample(30, np.random.default_rng(0)), np.array([0, 1, 4, 2, 3])
    targets = np.arange(30.0)
    before, after = (
        EditDistanceProcess(NB201).fit(rows[:20], targets[:20], np.random.default_rng(0)).predict(rows[20:]).mean
        for rows in (archs, order[archs].astype(np.uint8))
    )
    np.testing.assert_allclose(before, after)


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"noise": 1e-4}, "`noise` must be at least 0.001"),
        ({"rate": 0}, "`rate` must be greater than 0"),
        ({"skip_weight": -1}, "`skip_weight` must be at least 0"),
        ({"encoding": "path"}, "`encoding` must be 'one_hot'"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        EditDistanceProcess(NB201, **hyperparameters)
