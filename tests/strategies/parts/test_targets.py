"""Targets: monotone, and never without a value."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.problem import Budget
from harness.search.loop import make_problem
from harness.testing.toy import ToyBenchmark
from strategies.multi_objective.parego import ParEGO
from strategies.parts import targets
from surrogates.linear.ridge import Ridge


@pytest.mark.parametrize("name", targets.NAMES)
@pytest.mark.parametrize("objectives", [[3.0, 1.0, 1.0, 90.0], [-94.0, -90.0, 0.0], [0.0, 5.0]])
def test_order_and_ties_are_kept_and_values_are_finite(name, objectives):
    given = np.array(objectives)
    fitted = targets.transformed(name, given)
    assert np.isfinite(fitted).all()
    assert np.array_equal(np.sign(fitted[:, None] - fitted), np.sign(given[:, None] - given))


def test_logarithms_where_all_are_positive():
    np.testing.assert_allclose(targets.transformed("log", np.array([1.0, np.e])), [0.0, 1.0])


def test_several_objectives_are_not_ranked_one_by_one():
    table = ToyBenchmark(objectives=2)
    problem = make_problem(table, Budget(evaluations=9), 1)
    learner = Ridge(table.space)
    with pytest.raises(HarnessError, match="`target` must be one of 'identity', 'log', got 'normal_scores'"):
        ParEGO(problem, np.random.default_rng(0), surrogate=learner, target="normal_scores")
