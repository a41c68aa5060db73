"""RUSH on the toy of nine: sequences that were worked out by hand, and what hurdles do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.errors import HarnessError, UnfitError
from harness.problem import Budget, Prior
from harness.search.loop import make_problem, run_block
from strategies.multi_fidelity.asha import ASHA
from strategies.transfer.rush import RUSH
from tests.strategies.multi_fidelity.support import E1, E3, E9, NAN, Table, in_order, steps


class InOrder(RUSH):
    """RUSH that begins the others in the order of the table."""

    def random(self, n):
        rows = np.arange(self.problem.space.cardinalities[0], dtype=self.problem.space.dtype)[:, None]
        new = [row for row, key in zip(rows, self.keys(rows), strict=True) if key not in self.taken][:n]
        self.taken.update(row.tobytes() for row in new)
        return np.array(new, dtype=rows.dtype).reshape(-1, 1)


def source(*best):
    """Return a source of which these architectures, counted from 1, are the best, in this order."""
    archs = np.array(best, dtype=np.uint8)[:, None] - 1
    return Prior("s", archs, np.arange(len(best), dtype=float)[:, None], np.ones(len(best)))


def run(priors, table=None, *, kind=InOrder, workers=1, seconds=1000.0, mode="resumable", **given):
    table = table or Table()
    problem = replace(make_problem(table, Budget(seconds=seconds, multi_fidelity=mode), workers), prior=tuple(priors))
    strategy = kind(problem, np.random.default_rng(0), **given)
    return strategy, run_block(table, problem, [strategy], None)[0].trace


def test_the_hurdle_stops_what_asha_lets_go_on():
    """c4 (30) and c9 (35) are within the third of their rung when they come, and c6, the source's best, had 20."""
    strategy, trace = run([source(6, 1)])
    assert steps(trace) == (
        "c6@1 1, c6@3 3, c6@9 9, c1@1 10, c2@1 11, c3@1 12, c4@1 13, c5@1 14, c7@1 15, c8@1 16, c9@1 17"
    )
    assert {fidelity: hurdle[1] for fidelity, hurdle in strategy.hurdles.items()} == {0: 20.0, 1: 19.0, 2: 16.0}
    _, plain = run([], kind=in_order(ASHA), rule="stopping")
    assert "c4@9" in steps(plain)


def test_a_low_hurdle_is_cleared():
    """c4 is the best of two sources: c9 is stopped by the rule, c6 clears 30 at epoch 1 and 22 at epoch 3."""
    _, trace = run([source(4), source(9)])
    assert steps(trace) == (
        "c4@1 1, c4@3 3, c4@9 9, c9@1 10, c1@1 11, c2@1 12, c3@1 13, c5@1 14, c6@1 15, c6@3 17, c6@9 23, "
        "c7@1 24, c8@1 25"
    )


def test_promotions_clear_the_hurdle_and_the_sources_own_need_not():
    """c9 is promoted though c4 was better there: both are sources'.  c8, third of nine, would have been next."""
    _, trace = run([source(4), source(9)], rule="promotion")
    assert steps(trace) == (
        "c4@1 1, c9@1 2, c1@1 3, c4@3 5, c2@1 6, c3@1 7, c5@1 8, c9@3 10, c6@1 11, c6@3 13, c6@9 19, c7@1 20, c8@1 21"
    )
    _, trace = run([source(6)], rule="promotion")  # c4 and c9 are among the best third of nine, and worse than c6
    assert steps(trace) == "c6@1 1, c1@1 2, c2@1 3, c6@3 5, c3@1 6, c4@1 7, c5@1 8, c7@1 9, c8@1 10, c9@1 11"


def test_the_best_of_each_source_begin_and_each_once():
    _, trace = run([source(6, 2, 5), source(6, 4), source(1)], top=2)
    begun = trace.archs[trace.fidelity == 0][:4, 0] + 1
    assert begun.tolist() == [6, 2, 4, 1]
    assert len(np.unique(trace.archs[trace.fidelity == 0])) == 9


def test_an_equal_result_clears_the_hurdle_and_a_failed_one_sets_none():
    errors = np.array([E1, E3, E9], dtype=float)
    errors[0, 3] = errors[0, 5]
    _, trace = run([source(6)], Table(errors))
    assert "c4@3" in steps(trace)
    errors = np.array([E1, E3, E9], dtype=float)
    errors[0, 5] = NAN
    strategy, trace = run([source(6)], Table(errors))
    assert strategy.hurdles == {}
    assert "c1@9" in steps(trace)  # the first that did not fail goes on, as in ASHA


def test_with_the_worst_of_a_source_it_is_asha_after_it():
    """A hurdle of 70 and 60 stops nothing: decisions are those of ASHA that began with the same architecture."""

    class Later(ASHA):
        begun = 0

        def fresh(self, n):
            order = np.array([4, 0, 1, 2, 3, 5, 6, 7, 8], dtype=np.uint8)[self.begun : self.begun + n, None]
            self.begun += len(order)
            return order

    for rule in ("stopping", "promotion"):
        for workers in (1, 3):
            _, misled = run([source(5)], rule=rule, workers=workers)
            _, plain = run([], kind=Later, rule=rule, workers=workers)
            assert steps(misled) == steps(plain)


def test_twice_as_slow_and_twice_as_long_is_the_same_trace():
    _, once = run([source(4)], seconds=20.0)
    _, twice = run([source(4)], Table(speed=[2.0] * 9), seconds=40.0)
    assert (once.archs.tolist(), once.fidelity.tolist()) == (twice.archs.tolist(), twice.fidelity.tolist())


def test_what_breaks_a_constraint_clears_no_hurdle():
    """c6 has the best errors, and breaks a bound that is told: no better than any that keeps it."""
    sizes = [-1.0] * 9
    sizes[5] = 1.0
    _, trace = run([source(9)], Table(sizes=sizes))
    assert set(trace.archs[trace.fidelity > 0, 0] + 1) == {9, 4}


def test_hyperparameters_and_problems_are_checked():
    with pytest.raises(HarnessError, match="`top` must be at least 1"):
        run([source(1)], top=0)
    with pytest.raises(HarnessError, match="`rule` must be one of 'promotion', 'stopping'"):
        run([source(1)], rule="median")
    with pytest.raises(UnfitError, match="learns from finished trainings of other tables"):
        run([])
