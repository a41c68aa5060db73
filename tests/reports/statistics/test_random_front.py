"""Random search in several objectives: exact expectations, by enumeration and of real tables, and simulations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.judging.front import on_front
from harness.judging.indicators import Normalisation, hypervolume
from reports.statistics.random_front import (
    Draws,
    expected_hypervolume,
    simulated_hypervolumes,
    whole_table_hypervolume,
)

POINTS = np.array([(0.0, 1.0), (0.5, 0.5), (0.5, 0.25), (1.0, 0.0), (1.0, 1.0), (np.nan, 0.0)])
N = np.array([10, 50, 100, 200, 500, 1000])
GAPS = {  # of (error, log10 params) after n draws with replacement
    "nb201-cifar10": [0.15245, 0.03717, 0.01782, 0.00926, 0.00439, 0.00285],
    "nb201-cifar100": [0.17236, 0.05576, 0.03417, 0.02232, 0.01313, 0.00900],
}


def noiseless(points):
    return Draws(points[:, None], np.ones((len(points), 1), bool), np.ones(len(points), bool), (points,))


@pytest.mark.parametrize("replacement", [True, False])
def test_the_expectation_is_that_over_all_possible_draws(replacement):
    for n in (1, 2, 3):
        draws = itertools.product(range(6), repeat=n) if replacement else itertools.permutations(range(6), n)
        values = [hypervolume(POINTS[list(rows)][~np.isnan(POINTS[list(rows)]).any(axis=1)]) for rows in draws]
        exact = expected_hypervolume(POINTS, np.array([n]), replacement=replacement)
        assert exact[0] == pytest.approx(np.mean(values), abs=1e-12)
    whole = hypervolume(POINTS[:5])
    assert expected_hypervolume(POINTS, np.array([0, 5000 if replacement else 6]), replacement=replacement) == (
        pytest.approx([0, whole])
    )


@pytest.mark.parametrize("name", GAPS)
def test_the_expected_gap_on_real_tables(name):
    oracle = registry.oracle(name)
    values = np.stack([100 - oracle.values("valid_accuracy"), oracle.values("params_m")], axis=1)
    points = Normalisation.of(values, (False, True)).unit(values)
    whole = hypervolume(points[on_front(points)])
    assert (whole - expected_hypervolume(points, N)).round(5).tolist() == GAPS[name]
    fewer = expected_hypervolume(points, N, replacement=False) - expected_hypervolume(points, N)
    assert (fewer > 0).all()
    assert (fewer < 2e-4).all()
    runs = simulated_hypervolumes(noiseless(points), 100, 60, np.random.default_rng(0), replacement=True)
    ends = np.array([volumes[0][-1] for _, volumes in runs])
    assert abs(whole - ends.mean() - GAPS[name][2]) < 3 * ends.std(ddof=1) / np.sqrt(len(ends))


def test_axes_can_be_exchanged_and_the_dominated_add_nothing():
    rng = np.random.default_rng(1)
    points, n = rng.random((200, 2)).round(2), np.array([1, 7, 60])
    np.testing.assert_allclose(expected_hypervolume(points, n), expected_hypervolume(points[:, ::-1], n))
    far = np.concatenate([points, np.full((200, 2), 1.2)])
    np.testing.assert_allclose(expected_hypervolume(far, n[:1]), expected_hypervolume(points, n[:1]) / 2)


def test_wrong_questions_are_refused():
    with pytest.raises(HarnessError, match="two objectives"):
        expected_hypervolume(np.zeros((3, 3)), N)
    with pytest.raises(HarnessError, match=r"lie in 0\.\.6"):
        expected_hypervolume(POINTS, np.array([7]), replacement=False)


def test_a_simulated_run_is_told_one_training_and_judged_by_another_value():
    shown = np.array([[[1.0, 1.0], [9.0, 9.0]], [[2.0, 2.0], [np.nan, np.nan]], [[0.0, 0.0], [0.0, 0.0]]])
    trainings = np.array([[True, True], [True, False], [True, True]])
    judged = np.array([(0.1, 0.1), (0.5, 0.5), (0.0, 0.0)])
    draws = Draws(shown, trainings, np.array([True, True, False]), (judged, judged + 0.1))
    told = np.array([draws.told(np.random.default_rng(seed))[:, 0] for seed in range(50)])
    assert set(told[:, 0]) == {1.0, 9.0}
    assert set(told[:, 1]) == {2.0}
    assert np.isnan(told[:, 2]).all(), "what breaks a constraint shows nothing"
    ends = {round(whole_table_hypervolume(draws, np.random.default_rng(seed))[0], 9) for seed in range(20)}
    assert ends == {1.0, 0.36}, "the better, or what the noise prefers"
    runs = list(simulated_hypervolumes(draws, 3, 20, np.random.default_rng(0), replacement=False))
    assert all(len(changes) == len(each) for changes, volumes in runs for each in volumes)
    assert all(changes.min() >= 1 and changes.max() <= 3 for changes, _ in runs)
