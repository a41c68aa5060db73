"""The toy of nine: sequences, ends and utilisation that were worked out by hand, through the project's own loop."""

from __future__ import annotations

import numpy as np
import pytest

from strategies.multi_fidelity.asha import ASHA
from strategies.multi_fidelity.hyperband import Hyperband, SuccessiveHalving
from tests.strategies.multi_fidelity.support import E1, E3, E9, NAN, Table, busy, run, steps

LOWEST = ", ".join(f"c{row}@1 {row}" for row in range(1, 10))


@pytest.mark.parametrize("barrier", [True, False])
def test_successive_halving_with_one_worker(barrier):
    trace = run(SuccessiveHalving, barrier=barrier)
    assert steps(trace) == f"{LOWEST}, c6@3 11, c4@3 13, c9@3 15, c6@9 21"
    assert run(SuccessiveHalving, barrier=barrier, mode="from_scratch").finished_seconds.max() == 27
    full = trace.fidelity == 2
    assert trace.objectives[full].min() == 16  # c4 would have been 14


@pytest.mark.parametrize(
    ("workers", "end", "share", "scratch"), [(2, 15, 0.70, 20), (3, 11, 0.636, 15)], ids=["two", "three"]
)
def test_successive_halving_with_workers(workers, end, share, scratch):
    trace = run(SuccessiveHalving, workers=workers)
    assert trace.finished_seconds.max() == end
    assert busy(trace, workers) == pytest.approx(share, abs=5e-4)
    assert run(SuccessiveHalving, workers=workers, mode="from_scratch").finished_seconds.max() == scratch


def test_promotion_with_one_worker():
    trace = run(ASHA)
    assert steps(trace) == (
        "c1@1 1, c2@1 2, c3@1 3, c2@3 5, c4@1 6, c4@3 8, c5@1 9, c6@1 10, c6@3 12, c6@9 18, "
        "c7@1 19, c8@1 20, c9@1 21, c9@3 23"
    )
    assert run(ASHA, mode="from_scratch").finished_seconds.max() == 30


def test_promotion_with_two_workers():
    trace = run(ASHA, workers=2)
    assert steps(trace) == (
        "c1@1 1, c2@1 1, c3@1 2, c4@1 2, c2@3 4, c4@3 4, c5@1 5, c6@1 5, c7@1 6, c6@3 7, c8@1 7, c9@1 8, "
        "c9@3 10, c6@9 13"
    )
    assert busy(trace, 2) == pytest.approx(0.8846, abs=5e-5)
    scratch = run(ASHA, workers=2, mode="from_scratch")
    assert scratch.finished_seconds.max() == 18
    assert busy(scratch, 2) == pytest.approx(0.8333, abs=5e-5)


def test_promotion_with_three_workers():
    trace = run(ASHA, workers=3)
    assert trace.finished_seconds.max() == 11
    assert busy(trace, 3) == pytest.approx(0.697, abs=5e-4)
    assert run(ASHA, workers=3, mode="from_scratch").finished_seconds.max() == 15


def test_stopping_with_one_worker():
    assert steps(run(ASHA, rule="stopping")) == (
        "c1@1 1, c1@3 3, c1@9 9, c2@1 10, c2@3 12, c2@9 18, c3@1 19, c4@1 20, c4@3 22, c4@9 28, c5@1 29, "
        "c6@1 30, c6@3 32, c6@9 38, c7@1 39, c8@1 40, c9@1 41, c9@3 43"
    )


@pytest.mark.parametrize(("seen", "cutoff"), [(8, 41.666666666666667), (9, 38.333333333333333)])
def test_the_rank_that_stops_is_numpys_linear_quantile(seen, cutoff):
    """A trial goes on exactly where its value is at most the quantile of all that reached the rung, it among them."""
    assert np.quantile(E1[:seen], 1 / 3) == pytest.approx(cutoff)
    goes_on = {step.split("@")[0] for step in steps(run(ASHA, rule="stopping")).split(", ") if "@3" in step}
    assert (f"c{seen}" in goes_on) == (E1[seen - 1] <= cutoff)


def test_hyperband_begins_lower_and_higher():
    trace = run(Hyperband, Table([E * 2 for E in (E1, E3, E9)]))
    first = f"{LOWEST}, c6@3 11, c4@3 13, c9@3 15, c6@9 21"
    second = "c10@3 24, c11@3 27, c12@3 30, c13@3 33, c14@3 36, c13@9 42"
    third = "c15@9 51, c16@9 60, c17@9 69"
    assert steps(trace).startswith(f"{first}, {second}, {third}, c18@1 70")


def test_the_rounding_of_the_code_begins_fewer():
    trace = run(Hyperband, Table([E * 2 for E in (E1, E3, E9)]), rounding="code")
    assert "c10@3 24, c11@3 27, c12@3 30, c11@9 36, c13@9 45" in steps(trace)


def test_a_barrier_makes_workers_wait_and_overlapping_brackets_do_not():
    table = Table([E * 4 for E in (E1, E3, E9)])
    waiting = run(SuccessiveHalving, table, workers=4, barrier=True)
    flowing = run(SuccessiveHalving, table, workers=4)
    assert busy(waiting, 4) < 0.6 < 0.8 < busy(flowing, 4)
    tenth = np.flatnonzero(flowing.archs[:, 0] == 9)[0]
    assert flowing.started_seconds[tenth] < flowing.finished_seconds[flowing.fidelity == 2].min()


def test_the_space_that_ends_makes_the_last_bracket_short():
    """Two of the nine places are taken: one of the two rises."""
    errors = [row[:2] * 1 + row[2:] + row[:2] for row in (E1, E3, E9)]
    assert steps(run(SuccessiveHalving, Table(errors))).endswith("c10@1 22, c11@1 23, c11@3 25, c11@9 31")


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband])
@pytest.mark.parametrize("barrier", [True, False])
@pytest.mark.parametrize("workers", [1, 2, 8])
def test_a_bracket_that_loses_all_its_members_is_followed_by_the_next(kind, barrier, workers):
    errors = np.array([E * 3 for E in (E1, E3, E9)], dtype=float)
    errors[1, :9] = NAN  # all that reach the second rung of the first bracket
    trace = run(kind, Table(errors), workers=workers, barrier=barrier)
    assert (trace.archs.max(), len(np.unique(trace.archs))) == (26, 27)
    assert np.isfinite(trace.objectives[trace.fidelity == 2]).any()
    assert not np.isin(trace.archs[trace.fidelity == 2], np.arange(9)).any()


@pytest.mark.parametrize("kind", [SuccessiveHalving, ASHA])
def test_failed_members_are_never_promoted_and_count(kind):
    errors = np.array([E1, E3, E9], dtype=float)
    errors[0, [0, 1, 2, 5, 6, 7, 8]] = NAN
    trace = run(kind, Table(errors))
    risen = set((trace.archs[trace.fidelity > 0] + 1).ravel().tolist())
    # Of nine members three may rise, and two can; of the two on the second rung ASHA promotes none (2 // 3).
    assert risen == {4, 5}
    assert (trace.fidelity == 2).any() == (kind is SuccessiveHalving)


def test_failed_trials_are_stopped():
    errors = np.array([E1, E3, E9], dtype=float)
    errors[0, 0] = errors[1, 1] = NAN
    assert steps(run(ASHA, Table(errors), rule="stopping")).startswith("c1@1 1, c2@1 2, c2@3 4, c3@1 5, c4@1 6")


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband, ASHA])
@pytest.mark.parametrize("workers", [1, 3])
def test_everything_may_fail(kind, workers):
    trace = run(kind, Table(np.full((3, 9), NAN)), workers=workers)
    assert len(np.unique(trace.archs)) == 9
    assert len(trace) == 9


def test_of_costly_and_cheap_members_the_cheap_are_promoted_sooner():
    """Nine seconds for c1, one for all others: of c2 ... c6, worth 5 of 14 seconds, 14 / 3 may be spent at once."""
    table = Table(speed=[9, 1, 1, 1, 1, 1, 1, 1, 1])
    plain, aware = (run(ASHA, table, cost_aware=value) for value in (False, True))
    assert steps(plain).startswith("c1@1 9, c2@1 10, c3@1 11, c2@3 13, c4@1 14, c4@3 16, c5@1 17, c6@1 18, c6@3 20")
    # After c2: 1 of 10 seconds is worth a promotion, 10 of 10 are not. Third of 12 at c4: c4, c2 and c3's 60 is third.
    assert steps(aware).startswith("c1@1 9, c2@1 10, c2@3 12, c3@1 13, c4@1 14, c4@3 16")


def test_constraints_come_before_values():
    sizes = [-1.0] * 9
    sizes[5] = 1.0  # c6, the best
    trace = run(SuccessiveHalving, Table(sizes=sizes))
    assert steps(trace).endswith("c4@3 11, c9@3 13, c2@3 15, c4@9 21")


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband, ASHA])
def test_twice_as_slow_and_twice_as_long_is_the_same_trace(kind):
    for workers in (1, 3):
        once = run(kind, workers=workers, seconds=20.0)
        twice = run(kind, Table(speed=[2.0] * 9), workers=workers, seconds=40.0)
        assert once.archs.tolist() == twice.archs.tolist()
        assert once.fidelity.tolist() == twice.fidelity.tolist()


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband, ASHA])
def test_a_continued_training_never_costs_more(kind):
    resumed, scratch = run(kind), run(kind, mode="from_scratch")
    assert resumed.archs.tolist() == scratch.archs.tolist()
    assert np.all(np.cumsum(resumed.seconds) <= np.cumsum(scratch.seconds))
