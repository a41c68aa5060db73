"""The plane of a cloud: distances, order and signs."""

from __future__ import annotations

import numpy as np
import pytest

from reports.statistics.plane import principal_plane


def test_points_of_a_plane_keep_their_distances_however_it_lies():
    flat = np.random.default_rng(0).normal(size=(40, 2)) * [3.0, 1.0]
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0][:2]
    places, share = principal_plane(flat @ turned + 7.0)
    assert share == pytest.approx(1.0)
    distances = [np.linalg.norm(points[:, None] - points[None], axis=2) for points in (flat, places)]
    assert distances[0] == pytest.approx(distances[1])
    assert places[:, 0].var() > places[:, 1].var()


def test_the_order_of_points_means_nothing():
    cloud = np.random.default_rng(2).normal(size=(30, 6)) * np.arange(1, 7)
    order = np.random.default_rng(3).permutation(30)
    assert principal_plane(cloud[order])[0] == pytest.approx(principal_plane(cloud)[0][order], abs=1e-9)


def test_points_that_do_not_differ_lie_on_one_another():
    places, share = principal_plane(np.ones((3, 4)))
    assert places.tolist() == [[0.0, 0.0]] * 3
    assert share == 1.0
