"""Rungs: the order of members, ties, failures, promoted places."""

from __future__ import annotations

from math import inf, nan

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from strategies.multi_fidelity.rungs import Result, Rung, Trial
from strategies.parts.ranking import FAILED


def rung_of(values, fidelity=0):
    rung = Rung(fidelity)
    for tag, value in enumerate(values):
        trial = Trial(tag, np.zeros(1, dtype=np.uint8))
        score = FAILED if value is None else value if isinstance(value, tuple) else (0.0, value)
        trial.results[fidelity] = Result(score, (nan,), 1.0)
        rung.add(trial)
    return rung


def test_the_best_come_first_ties_to_the_earliest_told_failed_ones_never():
    rung = rung_of([5.0, 3.0, None, 3.0, 4.0])
    assert [trial.tag for trial in rung.best(9)] == [1, 3, 4, 0]
    assert [trial.tag for trial in rung.best(2)] == [1, 3]
    assert rung.best(0) == rung.best(-1) == []
    assert len(rung) == 5


def test_a_kept_constraint_is_better_than_a_good_value():
    assert [trial.tag for trial in rung_of([(2.0, 1.0), (0.0, 9.0), (1.0, 5.0)]).best(3)] == [1, 2, 0]


@given(st.lists(st.one_of(st.none(), st.integers(0, 5).map(float)), max_size=30))
def test_members_are_counted_as_a_sort_does(values):
    rung = rung_of(values)
    finite = [value for value in values if value is not None]
    assert [trial.score(0)[1] for trial in rung.best(len(values))] == sorted(finite)
    for value in finite:
        assert rung.better_than((0.0, value)) == sum(other < value for other in finite)
    assert rung.better_than((0.0, inf)) == len(finite)


def test_a_trial_failed_when_its_last_training_did():
    trial = Trial(0, np.zeros(1, dtype=np.uint8))
    assert not trial.failed
    trial.results[0] = Result((0.0, 1.0), (1.0,), 1.0)
    assert not trial.failed
    trial.results[1] = Result(FAILED, (nan,), 1.0)
    assert trial.failed
