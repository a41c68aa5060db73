"""Hypervolume improvement against known answers, Monte Carlo, moocore and BoTorch."""

from __future__ import annotations

import json
from pathlib import Path

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.parts.hypervolume import (
    directions,
    expected_improvement,
    improvement,
    reference_point,
    scalarised,
    shortfall,
    sphere_share,
    undominated,
)

FRONT, REFERENCE = np.array([[1.0, 4.0], [2.0, 2.0], [4.0, 1.0]]), np.array([5.0, 5.0])
SOLID = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0], [3.0, 3.0, 1.0], [2.0, 2.0, 2.0]])
BOTORCH = json.loads((Path(__file__).parents[2] / "peers" / "botorch_improvement.json").read_text(encoding="utf-8"))


def gained(points, front, reference):
    """What each point adds, by moocore."""
    volume = moocore.Hypervolume(ref=reference)
    before = volume(front) if len(front) else 0.0
    return np.array([volume(np.concatenate([front, point[None]])) - before for point in points])


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        ((1.5, 1.5), (0.5, 0.5), 2.498211),
        ((3.0, 3.0), (1.0, 1.0), 0.189283),
        ((2.5, 2.5), (0.3, 0.6), 0.111702),
        ((0.5, 0.5), (0.0, 0.0), 9.25),
        ((3.0, 1.5), (0.0, 0.0), 0.5),
    ],
)
def test_known_answers_of_two_objectives(mean, std, expected):
    found = expected_improvement(np.array([mean]), np.array([std]), undominated(FRONT, REFERENCE))
    assert found[0] == pytest.approx(expected, abs=1e-6)


def test_a_known_second_objective_leaves_the_heights_of_the_stripes():
    boxes = undominated(FRONT, REFERENCE)
    mean, std = np.array([[1.5, 1.5], [2.5, 0.5], [0.3, 6.0]]), np.array([[0.5, 0.0], [0.8, 0.0], [0.2, 0.0]])
    ends = [(-np.inf, 1.0, 5.0), (1.0, 2.0, 4.0), (2.0, 4.0, 2.0), (4.0, 5.0, 1.0)]
    by_hand = [
        sum(
            (shortfall(np.array(right), m, s) - shortfall(np.array(left), m, s)) * max(0.0, ceiling - known)
            for left, right, ceiling in ends
        )
        for (m, known), (s, _) in zip(mean, std, strict=True)
    ]
    np.testing.assert_allclose(expected_improvement(mean, std, boxes), by_hand, atol=1e-12)
    assert by_hand[2] == 0.0


@pytest.mark.parametrize("case", BOTORCH["cases"], ids=lambda case: f"{len(case['reference'])} objectives")
def test_botorch_finds_the_same(case):
    points = np.array(case["points"])
    boxes = undominated(points, np.array(case["reference"]))
    found = expected_improvement(np.array(case["mean"]), np.array(case["std"]), boxes)
    np.testing.assert_allclose(found, case["expected"], rtol=1e-9, atol=1e-12)
    front = points[moocore.is_nondominated(points)]
    np.testing.assert_allclose(reference_point(front), case["inferred"], rtol=1e-12)


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(0, 12))
def test_improvement_is_what_moocore_adds(seed, objectives, count):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 6, size=(count + 20, objectives)) / 5  # ties, doubles, points beyond the reference
    points, front = coarse[:20], coarse[20:]
    reference = np.full(objectives, 0.9)
    found = improvement(points, undominated(front, reference))
    if objectives == 1:
        expected = np.maximum(np.minimum(front.min(initial=0.9), 0.9) - points[:, 0], 0.0)
    else:
        expected = gained(points, front, reference)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@given(st.integers(0, 2**32))
def test_boxes_do_not_depend_on_order_or_on_what_is_dominated(seed):
    rng = np.random.default_rng(seed)
    front, points = rng.random((8, 3)), rng.random((10, 3))
    more = rng.permutation(np.concatenate([front, front[:3], front[:4] + 0.1, np.full((1, 3), 2.0)]))
    found = [improvement(points, undominated(rows, np.ones(3))) for rows in (front, more)]
    np.testing.assert_allclose(*found, atol=1e-14)


def test_contributions_of_three_objectives():
    reference = np.full(3, 4.0)
    rest = [np.delete(SOLID, row, axis=0) for row in range(4)]
    found = [float(improvement(SOLID[row][None], undominated(rest[row], reference))[0]) for row in range(4)]
    assert found == [2.0, 2.0, 1.0, 3.0]
    total, front = 0.0, SOLID[:0]
    for point in SOLID:
        total += float(improvement(point[None], undominated(front, reference))[0])
        front = np.concatenate([front, point[None]])
    assert total == 13.0


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_expectation_is_the_mean_of_draws(objectives):
    rng = np.random.default_rng(objectives)
    boxes = undominated(rng.random((6, objectives)), np.full(objectives, 1.1))
    mean, std = rng.random((4, objectives)), 0.4 * rng.random((4, objectives))
    std[0, 0] = 0.0
    draws = mean + std * rng.standard_normal((20_000, 1, objectives))
    gains = improvement(draws.reshape(-1, objectives), boxes).reshape(20_000, 4)
    error = gains.std(axis=0) / np.sqrt(20_000)
    assert np.all(np.abs(gains.mean(axis=0) - expected_improvement(mean, std, boxes)) < 4 * error)


def test_the_expectation_meets_the_improvement_as_deviations_vanish():
    rng = np.random.default_rng(0)
    boxes, points = undominated(rng.random((10, 3)), np.ones(3)), rng.random((50, 3))
    found = expected_improvement(points, np.full((50, 3), 1e-9), boxes)
    np.testing.assert_allclose(found, improvement(points, boxes), atol=1e-7)


def test_large_pools_are_served_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    boxes, points = undominated(rng.random((10, 3)), np.ones(3)), rng.random((50, 3))
    whole = improvement(points, boxes)
    monkeypatch.setattr("strategies.parts.hypervolume._NUMBERS_AT_ONCE", 7 * len(boxes.lower))
    np.testing.assert_array_equal(improvement(points, boxes), whole)


def test_scalarisations_in_all_directions_make_the_hypervolume():
    drawn = directions(40_000, 2, np.random.default_rng(0))
    best = sphere_share(2) * scalarised(FRONT, drawn, REFERENCE).max(axis=0)
    assert best.mean() == pytest.approx(11.0, abs=3 * best.std() / 200)
    assert sphere_share(2) == pytest.approx(np.pi / 4)
    assert sphere_share(3) == pytest.approx(np.pi / 6)
    assert scalarised(np.array([[6.0, 1.0]]), drawn, REFERENCE).max() == 0.0


def test_reference_points_lie_a_tenth_beyond_the_worst_and_not_beyond_the_most():
    assert reference_point(FRONT).tolist() == [4.3, 4.3]
    assert reference_point(FRONT, most=np.array([4.1, 5.0])).tolist() == [4.1, 4.3]
    np.testing.assert_allclose(reference_point(np.array([[2.0, 0.0, -3.0]])), [2.2, 0.1, -2.7])
