"""Indicators of fronts: known answers by hand and of the literature, and the true fronts of the tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness import registry
from harness.errors import HarnessError
from harness.judging.front import fronts_of, on_front
from harness.judging.indicators import (
    Normalisation,
    anytime_hypervolume,
    attainment,
    contributions,
    epsilon,
    hypervolume,
    igd_plus,
    r2,
    share_found,
)

A = np.array([(1, 4), (2, 2), (4, 1)], dtype=float)
R = np.array([(1, 3), (2, 1.5), (3, 1)])
UNIT = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.floats(0, 1))


def test_hypervolume_and_contributions_in_two_and_three_dimensions():
    assert hypervolume(A, 5.0) == 11
    assert contributions(A, 5.0).tolist() == [1, 4, 1]
    three = np.array([(1, 2, 3), (2, 1, 3), (3, 3, 1), (2, 2, 2)], dtype=float)
    assert hypervolume(three, 4.0) == 13
    assert contributions(three, 4.0).tolist() == [2, 2, 1, 3]
    assert hypervolume(np.empty((0, 2))) == 0
    assert hypervolume(np.array([[1.1, 0.0], [2.0, -5.0]])) == 0


def test_igd_plus_epsilon_and_r2_by_hand():
    assert igd_plus(A, R) == pytest.approx((1 + 0.5 + 1) / 3)
    assert epsilon(A, R) == 1
    assert r2(A) == pytest.approx(1.0333, abs=5e-5)


def test_igd_plus_is_not_fooled_where_igd_is():
    """Ishibuchi et al., EMO 2015, Example 1: A is the better set, and IGD prefers B."""
    true = np.array([(10, 0), (6, 1), (2, 2), (1, 6), (0, 10)], dtype=float)
    better = np.array([(4, 2), (3, 3), (2, 4)], dtype=float)
    worse = np.array([(8, 2), (4, 4), (2, 8)], dtype=float)
    plain = [
        np.mean(np.min(np.linalg.norm(points[None] - true[:, None], axis=2), axis=1)) for points in (better, worse)
    ]
    assert plain == pytest.approx([3.707, 2.591], abs=5e-4)
    assert [igd_plus(points, true) for points in (better, worse)] == pytest.approx([1.483, 2.260], abs=5e-4)


def test_attainment_surfaces_of_three_sets():
    points = np.array([(1, 3), (3, 1), (2, 2), (1, 2), (2, 1)], dtype=float)
    surfaces = attainment(points, np.array([0, 0, 1, 2, 2]), (100 / 3, 200 / 3, 100))
    assert [surface.tolist() for surface in surfaces.values()] == [
        [[1, 2], [2, 1]], [[1, 3], [2, 2], [3, 1]], [[2, 3], [3, 2]],
    ]  # fmt: skip
    again = attainment(points[[4, 0, 2, 1, 3]], np.array([7, 3, 5, 3, 7]), (50,))
    assert again[50.0].tolist() == [[1, 3], [2, 2], [3, 1]], "neither order nor numbers of sets matter"


def test_share_found_counts_points():
    assert share_found(A, A[:2]) == 1
    assert share_found(A + 1e-13, A) == 1
    assert share_found(A[:1], A) == pytest.approx(1 / 3)
    assert share_found(np.empty((0, 2)), A) == 0


def test_the_hypervolume_of_every_front_of_a_run():
    values = np.array([(3, 3), (4, 1), (2, 2), (1, 4)], dtype=float)
    history = fronts_of(values)
    assert anytime_hypervolume(values[history.rows], history, 5.0).tolist() == [4, 6, 10, 11]
    judged = np.array([(4, 4), (4, 1), (3, 3), (1, 4)], dtype=float)  # members of a noisy front may be dominated
    assert anytime_hypervolume(judged[history.rows], history, 5.0).tolist() == [1, 4, 6, 8]


@given(UNIT)
def test_hypervolume_grows_with_points_and_contributions_are_what_is_lost(points):
    whole = hypervolume(points)
    for place in range(len(points)):
        assert hypervolume(np.delete(points, place, axis=0)) <= whole + 1e-12
    front = points[on_front(points)]
    assert hypervolume(front) == pytest.approx(whole)
    lost = [whole - hypervolume(np.delete(front, place, axis=0)) for place in range(len(front))]
    np.testing.assert_allclose(contributions(front), lost, atol=1e-12)


@given(UNIT, UNIT)
def test_epsilon_is_what_covers_the_front(points, front):
    moved = points - epsilon(points, front)
    covers = np.all(moved[:, None] <= front[None] + 1e-12, axis=2)
    assert covers.any(axis=0).all()


def test_normalisation_by_the_range_of_a_table_and_of_its_logarithm():
    values = np.array([(10, 1), (20, 100), (15, 10), (np.nan, 1e6)])
    made = Normalisation.of(values, (False, True))
    np.testing.assert_allclose(made.unit(values)[:3], [(0, 0), (1, 1), (0.5, 0.5)])
    assert np.isnan(made.unit(values)[3, 0])
    with pytest.raises(HarnessError, match="differ between rows"):
        Normalisation.of(np.array([(1.0, 2.0), (1.0, 3.0)]))
    with pytest.raises(HarnessError, match="minimised and positive"):
        Normalisation.of(np.array([(1.0, 0.0), (2.0, 3.0)]), (False, True))
    with pytest.raises(HarnessError, match="of one row"):
        Normalisation.of(np.full((2, 2), np.nan))


TABLES = ("nb201-cifar10", "nb201-cifar100", "nb201-imagenet16")
NB201 = {  # column: (log, members and hypervolume on each table)
    ("params_m", False): ((13, 1.199964), (15, 1.183421), (13, 1.173269)),
    ("params_m", True): ((13, 1.182983), (15, 1.146622), (13, 1.106396)),
    ("macs_m", False): ((13, 1.200031), (15, 1.183639), (13, 1.173745)),
    ("macs_m", True): ((13, 1.181100), (15, 1.141258), (13, 1.096066)),
    ("latency_seconds", False): ((25, 1.162039), (28, 1.163608), (21, 1.146159)),
}
"""Of (error, cost) by means over trainings; of equal points one is counted."""
MICRO = {
    ("params_m", True): (10, 0.917416), ("macs_m", True): (10, 0.886421), ("params_m", False): (10, 1.130868),
}  # fmt: skip
BY_PARAMS = {
    "nb201-cifar10": [758, 6875, 10689, 10720, 3511, 8276, 5576, 14638, 10872, 14375, 14174, 13390, 6111],
    "nb201-cifar100": [
        8324, 4711, 2835, 479, 12639, 14112, 8192, 15363, 13171, 11692, 699, 11797, 2053, 13714, 9930,
    ],
}  # fmt: skip
OPTIMA = [  # table, bound, feasible cells, best validation, its row
    ("nb201-cifar10", ("params_m", 0.1), 729, 84.664, 758),
    ("nb201-cifar10", ("params_m", 0.3), 4096, 88.654, 10720),
    ("nb201-cifar10", ("params_m", 0.5), 10240, 90.83466, 5576),
    ("nb201-cifar10", ("params_m", 0.8), 14080, 91.416, 14375),
    ("nb201-cifar10", ("macs_m", 50.0), 7984, 90.724, 8276),
    ("nb201-cifar100", ("params_m", 0.3), 4096, 68.24667, 14112),
    ("nb201-cifar100", ("params_m", 0.5), 10240, 71.51, 13171),
]


@pytest.fixture(scope="module")
def oracles():
    return {name: registry.oracle(name) for name in (*TABLES, "micro-mnist1d")}


def front_of(oracle, column, log):
    """Return the rows of the true front of (error, column), and its hypervolume; errors to a millionth of a point."""
    values = np.stack([100 - oracle.values("valid_accuracy").round(6), oracle.values(column)], axis=1)
    points = Normalisation.of(values, (False, log)).unit(values)
    rows = np.flatnonzero(on_front(points))
    return rows[np.argsort(values[rows, 1])], hypervolume(points[rows])


def test_true_fronts_of_the_tables(oracles):
    for (column, log), answers in NB201.items():
        for name, answer in zip(TABLES, answers, strict=True):
            rows, volume = front_of(oracles[name], column, log)
            assert (len(rows), round(volume, 6)) == answer, (name, column, log)
    for (column, log), answer in MICRO.items():
        rows, volume = front_of(oracles["micro-mnist1d"], column, log)
        assert (len(rows), round(volume, 6)) == answer, (column, log)


def test_members_of_true_fronts_and_constrained_optima(oracles):
    space = oracles["nb201-cifar10"].space
    for name, rows in BY_PARAMS.items():
        assert front_of(oracles[name], "params_m", False)[0].tolist() == rows, name
    for name, (column, bound), feasible, best, row in OPTIMA:
        values, costs = (oracles[name].values(one) for one in ("valid_accuracy", column))
        kept = np.flatnonzero(costs <= bound)
        assert len(kept) == feasible
        found = kept[np.argmax(values[kept])]
        assert found == row
        assert values[found] == pytest.approx(best, abs=1e-5)
    assert space.genes == 6
