"""PASHA: when one more rung is allowed, epsilon from curves that cross, and the answer that is trained fully."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.problem import Budget
from harness.search.loop import make_problem
from strategies.multi_fidelity.asha import ASHA
from strategies.multi_fidelity.pasha import PASHA, crossing_distances, same_ranking
from strategies.multi_fidelity.rungs import Result, Trial
from tests.strategies.multi_fidelity.support import E1, E3, E9, NAN, Table, in_order, run, steps

UP_TO_THREE = (
    "c1@1 1, c2@1 2, c3@1 3, c2@3 5, c4@1 6, c4@3 8, c5@1 9, c6@1 10, c6@3 12, c7@1 13, c8@1 14, c9@1 15, c9@3 17"
)


def test_where_the_ranking_holds_nothing_goes_above_the_second_rung_but_the_answer():
    """On the toy of nine the four that reach three epochs rank as they did after one."""
    assert steps(run(PASHA)) == f"{UP_TO_THREE}, c6@9 23"
    assert steps(run(PASHA, final_training=False)) == UP_TO_THREE


def test_a_ranking_that_changes_allows_one_more_rung():
    errors = [E1, list(E3), E9]
    errors[1][3] = 32  # c4 falls behind c2, which was ten worse
    shown = steps(run(PASHA, Table(errors)))
    assert shown.startswith("c1@1 1, c2@1 2, c3@1 3, c2@3 5, c4@1 6, c4@3 8, c5@1 9, c6@1 10, c6@3 12, c6@9 18")
    assert steps(run(PASHA, Table(errors), epsilon=10.0)).startswith(UP_TO_THREE[:-10])
    assert "c6@9 18" in steps(run(PASHA, Table(errors), epsilon=9.9))


def test_on_two_rungs_it_is_plain_promotion():
    table = Table([E1, E9], epochs=(3, 9))
    assert steps(run(PASHA, table), table) == steps(run(ASHA, table), table)


@pytest.mark.parametrize(("mode", "epochs"), [("resumable", [1, 2, 3]), ("from_scratch", [1, 3])])
def test_epochs_are_slices_only_where_they_are_continued(mode, epochs):
    table = Table([E1, [(a + b) / 2 for a, b in zip(E1, E3, strict=True)], E3, E9], epochs=(1, 2, 3, 9))
    trace = run(PASHA, table, mode=mode, seconds=8, final_training=False)
    second = trace.archs[:, 0] == 1
    assert np.array([1, 2, 3, 9])[trace.fidelity[second]].tolist() == epochs


def test_curves_that_cross_and_cross_back():
    curve = np.array([5.0, 3.0, 2.5, 1.0])
    others = np.array(
        [
            [4.0, 3.5, 2.0, 3.0],  # above, below, above, below: thrice
            [4.0, 3.0, 3.5, 0.5],  # a tie keeps the order: below, above, below
            [5.0, 3.5, 2.0, 0.5],  # a tie at first: above, below
            [4.0, 3.5, 3.5, 1.5],  # once
            [5.0, 3.0, 2.5, 1.0],  # the same
        ]
    )
    assert crossing_distances(curve, others).tolist() == [2.0, 0.5]
    assert crossing_distances(curve[:2], others[:, :2]).tolist() == []


def test_the_soft_ranking():
    def trial(tag, below):
        made = Trial(tag, np.zeros(1, dtype=np.uint8))
        made.results[0] = Result((0.0, below), (below,), 1.0)
        return made

    top = [trial(0, 20.0), trial(1, 21.0), trial(2, 19.0)]  # the best above first; below 19, 20, 21
    assert not same_ranking(top, 0, 0.5)
    assert not same_ranking(top, 0, 1.9)  # the last above is the first below
    assert same_ranking(top, 0, 2.0)
    assert same_ranking(sorted(top, key=lambda item: item.score(0)), 0, 0.0)


def test_epsilon_is_the_ninetieth_percentile_of_the_distances():
    problem = make_problem(Table(), Budget(seconds=10.0, multi_fidelity="resumable"))
    strategy = PASHA(problem, np.random.default_rng(0))
    assert strategy.epsilon == 0.0
    strategy._distances = list(range(11))
    assert strategy.epsilon == 9.0
    assert PASHA(problem, np.random.default_rng(0), epsilon=0.5).epsilon == 0.5


@pytest.mark.parametrize("mode", ["resumable", "from_scratch"])
@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("seconds", [14, 17, 20])
def test_the_answer_is_trained_fully_within_the_budget(mode, workers, seconds):
    """Six further seconds, or nine from scratch, and the best that is known by then."""
    trace = run(PASHA, Table([E * 5 for E in (E1, E3, E9)]), mode=mode, workers=workers, seconds=seconds)
    full = np.flatnonzero(trace.fidelity == 2)
    assert len(full) == 1
    assert trace.finished_seconds[full[0]] <= seconds
    if workers == 1:
        before = trace.take(slice(full[0]))
        highest = before.take(before.fidelity == before.fidelity.max())
        assert trace.archs[full[0], 0] == highest.archs[np.argmin(highest.objectives[:, 0]), 0]


def test_an_answer_that_takes_longer_than_what_is_left_gives_way_to_the_next():
    """The best, told late, would take 60 of the 10 seconds left."""
    errors = [[50, 40, 60, 30], [38, 31, 50, 22], [30, 25, 42, 14]]
    table = Table(errors, speed=[1, 1, 1, 10])
    trace = run(PASHA, table, seconds=46)
    full = trace.archs[trace.fidelity == 2, 0]
    assert len(full) == 1
    assert trace.finished_seconds.max() <= 46


def test_failures_on_the_way_count_as_members_of_the_rung_that_was_to_be_reached():
    errors = [list(E1), [(a + b) / 2 for a, b in zip(E1, E3, strict=True)], list(E3), list(E9)]
    errors[1][1] = NAN
    table = Table(errors, epochs=(1, 2, 3, 9))
    shown = steps(run(PASHA, table), table)
    assert "c2@1 2, c3@1 3, c2@2 4, c4@1 5, c4@2 6, c4@3 7" in shown
    assert "c2@3" not in shown


def test_everything_may_fail():
    trace = run(PASHA, Table(np.full((3, 9), NAN)), workers=3)
    assert len(trace) == 9


def test_it_recommends_the_best_of_the_highest_rung_until_one_was_trained_fully():
    table = Table()
    problem = make_problem(table, Budget(seconds=1000.0, multi_fidelity="resumable"))
    strategy = in_order(PASHA)(problem, np.random.default_rng(0))
    assert strategy.recommend().shape == (0, 1)
    recommended = []
    for _ in range(14):
        told = table.query(strategy.ask(1), noise_seed=None)
        strategy.tell(told)
        recommended.append(int(strategy.recommend()[0, 0]) + 1)
    assert recommended == [1, 2, 2, 2, 2, 4, 4, 4, 6, 6, 6, 6, 6, 6]


def test_epsilon_out_of_range():
    problem = make_problem(Table(), Budget(seconds=10.0))
    with pytest.raises(HarnessError, match="`epsilon` must be"):
        PASHA(problem, np.random.default_rng(0), epsilon=-1.0)
