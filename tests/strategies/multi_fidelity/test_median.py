"""The median stopping rule: the toy by hand, both rules, grace, failures, constraints."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError, UnfitError
from harness.problem import Budget
from harness.search.loop import make_problem
from strategies.multi_fidelity.median import MedianStopping
from tests.strategies.multi_fidelity.support import NAN, Table, run, steps

FOUR = Table([[50, 60, 40, 58], [40, 50, 30, 46], [30, 40, 20, 30]], epochs=(1, 2, 3))
"""A, B and C are trained fully: running averages at the second step 45, 55, 35, with the median 45; then D."""
ALL_OF_THREE = ", ".join(f"c{row}@{epoch} {3 * (row - 1) + epoch}" for row in (1, 2, 3) for epoch in (1, 2, 3))


def strategy(**hyperparameters):
    problem = make_problem(FOUR, Budget(seconds=100.0, multi_fidelity="resumable"))
    return MedianStopping(problem, np.random.default_rng(0), **hyperparameters)


def test_the_best_value_against_the_median_of_running_averages():
    """D's best at the second step is 46 > 45: it is stopped there; at the first 58 > 50 would stop it already."""
    assert steps(run(MedianStopping, FOUR, grace_time=2, grace_population=3), FOUR) == (
        f"{ALL_OF_THREE}, c4@1 10, c4@2 11"
    )
    assert steps(run(MedianStopping, FOUR, grace_population=3), FOUR) == f"{ALL_OF_THREE}, c4@1 10"


def test_the_running_average_of_the_other_rule_goes_on():
    """D's average of 52 has two of four below it: half, and half may be better."""
    given = {"rule": "running_average", "grace_time": 2, "grace_population": 4}
    assert steps(run(MedianStopping, FOUR, **given), FOUR) == f"{ALL_OF_THREE}, c4@1 10, c4@2 11, c4@3 12"
    stricter = run(MedianStopping, FOUR, **given, rank_cutoff=0.49)
    assert steps(stricter, FOUR) == f"{ALL_OF_THREE}, c4@1 10, c4@2 11"


def test_the_default_population_of_each_rule():
    assert (strategy().grace_population, strategy(rule="running_average").grace_population) == (1, 5)
    assert steps(run(MedianStopping, FOUR, rule="running_average"), FOUR).endswith("c4@3 12")


def test_only_completed_trials_are_compared_with():
    """B is stopped at 60 > 50; it counts nowhere, so that D at 58 is compared with A's and C's 50 and 40."""
    table = Table([[50, 60, 40, 44], [40, 50, 30, 42], [30, 40, 20, 30]], epochs=(1, 2, 3))
    shown = steps(run(MedianStopping, table), table)
    assert shown == "c1@1 1, c1@2 2, c1@3 3, c2@1 4, c3@1 5, c3@2 6, c3@3 7, c4@1 8, c4@2 9"


def test_failed_trials_stop_and_are_left_out():
    table = Table([[50, NAN, 40, 44], [40, 50, NAN, 30], [30, 40, 20, 20]], epochs=(1, 2, 3))
    assert steps(run(MedianStopping, table), table) == (
        "c1@1 1, c1@2 2, c1@3 3, c2@1 4, c3@1 5, c3@2 6, c4@1 7, c4@2 8, c4@3 9"
    )


def test_what_breaks_a_constraint_stops_once_another_was_trained_that_does_not():
    errors = [[50, 40, 40, 30], [40, 35, 30, 20], [30, 30, 20, 10]]
    table = Table(errors, epochs=(1, 2, 3), sizes=[1, -1, -1, 1])
    assert steps(run(MedianStopping, table), table) == (
        "c1@1 1, c1@2 2, c1@3 3, c2@1 4, c2@2 5, c2@3 6, c3@1 7, c3@2 8, c3@3 9, c4@1 10"
    )


def test_workers_go_on_with_what_they_train():
    trace = run(MedianStopping, FOUR, workers=2)
    assert steps(trace, FOUR).startswith("c1@1 1, c2@1 1, c1@2 2, c2@2 2, c1@3 3, c2@3 3")
    assert trace.worker[:6].tolist() == [0, 1] * 3


def test_own_decision_points():
    assert strategy(rungs=[2]).ladder == (1, 2)
    assert strategy().ladder == (0, 1, 2)


def test_slices_from_scratch_are_refused():
    with pytest.raises(UnfitError, match="set it to 'resumable'"):
        MedianStopping(make_problem(FOUR, Budget(seconds=100.0)), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"rule": "mean"}, "`rule` must be one of 'vizier', 'running_average'"),
        ({"grace_time": 0}, "`grace_time` must be at least 1"),
        ({"grace_population": 0}, "`grace_population` must be at least 1"),
        ({"rank_cutoff": 1.5}, "`rank_cutoff` must"),
    ],
)
def test_hyperparameters_out_of_range(given, rule):
    with pytest.raises(HarnessError, match=rule):
        strategy(**given)
