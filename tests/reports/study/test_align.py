"""Incumbents, step curves, grids and the tidy frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.errors import ResultError
from harness.experiments.manifest import BenchmarkFacts
from harness.experiments.results import Results
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget, Constraint
from harness.records import Run
from reports.sections import beside
from reports.study.align import align, at_budgets
from reports.study.frame import frame
from reports.study.study import prepare
from reports.study.truth import Truth
from reports.tables.ledger import of_run
from tests.reports.support import ACCURACY, FakeOracle, make_results, opener, trace_of

ORACLE = FakeOracle("alpha")


def test_a_budget_of_evaluations_that_a_signal_ended_is_a_whole_budget():
    oracle = FakeOracle("alpha")
    results = make_results([oracle], ["random_search"], replicates=2, evaluations=20)
    spent = {"other_trainings": np.arange(1, 9) * 1.4, "looks": np.full(8, 40.0), "look_seconds": np.full(8, 9.0)}
    later = {"later_looks": np.eye(8)[7] * 40, "later_look_seconds": np.eye(8)[7] * 9.0}
    first, second = results.runs
    short = replace(first, trace=first.trace.take(slice(8)), beside=spent | later)  # 19.2 evaluations and a reading
    shorter = replace(second, trace=second.trace.take(slice(4)), beside={k: v[:4] for k, v in spent.items()})
    study = prepare(replace(results, runs=(short, shorter)), opener(oracle))
    (item,) = study.aligned
    assert [steps.end["evaluations"] for steps in item.steps["random_search"]] == [20, 20]
    assert item.grid("evaluations")[-1] == 20
    item.truth.__dict__["unit_seconds"] = 100.0  # the oracle has no column of seconds
    (table,) = beside.section(study).tables
    row = table.frame.iloc[0]
    assert (row["looks"], row["look_seconds"]) == ((8 * 40 + 40 + 4 * 40) / 2, (8 * 9 + 9 + 4 * 9) / 2)
    assert row["trainings"] == pytest.approx((8 * 1.4 + 0.09 + 4 * 1.4) / 2)
    assert "followed that ended within the budget: random_search on alpha 1." in table.caption
    spent_signals = [of_run(item, steps, 1).signals for steps in item.steps["random_search"]]
    assert spent_signals == pytest.approx([(8 * 9 + 9) / 100, 4 * 9 / 100])


def archs(n):
    return ORACLE.space.sample(n, np.random.default_rng(0))


def results_of(*traces, stopped="budget", evaluations=None, seconds=None):
    spec = Spec(
        "small", ("alpha",), (StrategySpec("random_search", "a"),),
        Budget(evaluations=evaluations, seconds=seconds), replicates=len(traces),
    )  # fmt: skip
    runs = tuple(Run("alpha", "a", r, trace, stopped, 0.0) for r, trace in enumerate(traces))
    return Results(spec, {"alpha": BenchmarkFacts("alpha", "sha-alpha", (ACCURACY,), True)}, runs)


def truth():
    return Truth(BenchmarkFacts("alpha", "sha-alpha", (ACCURACY,), True), ORACLE)


def test_steps_are_right_continuous_and_undefined_before_the_first():
    grid = np.array([0.5, 1.0, 1.9, 2.0, 9.0])
    breaks, values = ([1.0, 2.0], [], [0.1, 0.2, 9.0]), ([5.0, 3.0], [], [7.0, 8.0, 6.0])
    found = at_budgets(list(map(np.array, breaks)), list(map(np.array, values)), grid)
    np.testing.assert_array_equal(found, [[np.nan, 5, 5, 3, 3], [np.nan] * 5, [8, 8, 8, 8, 6]])


def test_regret_uses_the_mean_of_the_table_and_may_rise():
    order = np.argsort(ORACLE.values("valid_accuracy"))[::-1][[5, 40, 3]]  # good, worse, best of the three
    rows = ORACLE.space.decode(order.astype(np.uint64))
    item = align(results_of(trace_of(rows, [80.0, 90.0, 91.0], [1, 1, 1]), evaluations=3), truth())
    expected = ORACLE.values("valid_accuracy").max() - ORACLE.values("valid_accuracy")[order]
    curve = item.counted("a", "evaluations", "validation", np.array([1.0, 2.0, 3.0]))[0]
    np.testing.assert_allclose(curve, expected)  # the told values only ever rose, the regret did not only fall
    assert curve[1] > curve[0]


def test_free_duplicates_do_not_move_along_the_axis():
    trace = trace_of(archs(4), [80, 85, 85, 90], [1, 1, 0, 1], charged=np.array([True, True, False, True]))
    item = align(results_of(trace, evaluations=3), truth())
    assert item.steps["a"][0].x["evaluations"].tolist() == [1, 2, 3]


def test_a_curve_ends_with_its_own_run_unless_the_space_is_exhausted():
    runs = [trace_of(archs(3), [80, 85, 90], [10, 10, 10]), trace_of(archs(3), [80, 85, 90], [10, 10, 30])]
    grid = np.array([20.0, 40.0, 60.0])
    item = align(results_of(*runs, evaluations=3), truth())
    np.testing.assert_array_equal(np.isnan(item.counted("a", "seconds", "validation", grid)),
                                  [[False, True, True], [False, False, True]])  # fmt: skip
    item = align(results_of(*runs, stopped="exhausted", evaluations=5), truth())
    assert not np.isnan(item.counted("a", "seconds", "validation", grid)).any()
    item = align(results_of(*runs, seconds=70.0), truth())  # what is not told later leaves the incumbent as it is
    assert not np.isnan(item.counted("a", "seconds", "validation", grid)).any()


def test_grids_are_every_evaluation_or_log_spaced_time():
    item = align(results_of(trace_of(archs(9), np.arange(80, 89), np.full(9, 50.0)), evaluations=9), truth())
    np.testing.assert_array_equal(item.grid("evaluations"), np.arange(1, 10))
    times = item.grid("seconds")
    assert times[0] == pytest.approx(50)
    assert times[-1] == pytest.approx(450)
    assert len(times) in (200, 201)


def test_unequal_budgets_are_refused():
    short = trace_of(archs(2), [80, 85], [1, 1])
    with pytest.raises(ResultError, match="unequal budgets"):
        align(results_of(short, evaluations=3), truth())


def test_a_run_without_incumbent_counts_as_the_worst_of_the_table():
    item = align(results_of(trace_of(archs(2), [np.nan, np.nan], [1, 1]), evaluations=2), truth())
    assert item.at("a", "validation", 2) == {0: truth().worst("validation")}


def test_floor_is_the_test_regret_of_the_best_by_validation():
    row = int(np.argmax(ORACLE.values("valid_accuracy")))
    test = ORACLE.values("test_accuracy")
    assert truth().floor() == pytest.approx(test.max() - test[row])


def test_another_table_is_refused():
    results = make_results([ORACLE])
    other = FakeOracle("alpha")
    other.digest = "sha-other"
    for use in (lambda: prepare(results, opener(other)), lambda: frame(results, open_oracle=opener(other))):
        with pytest.raises(ResultError, match="not the one these runs were made on"):
            use()


def test_frame_is_tidy_and_in_published_units():
    results = make_results([ORACLE, FakeOracle("beta", test=False)], replicates=2, evaluations=5)
    data = frame(results, open_oracle=opener(ORACLE, FakeOracle("beta", test=False)))
    assert len(data) == 2 * 2 * 2 * 5
    first = data[(data["benchmark"] == "alpha") & (data["label"] == "climber") & (data["replicate"] == 1)]
    run = results.of("alpha", "climber")[1]
    np.testing.assert_allclose(first["objective"], 100 - run.trace.objectives[:, 0])
    np.testing.assert_array_equal(first["evaluation"], [1, 2, 3, 4, 5])
    np.testing.assert_allclose(first["seconds"], run.trace.finished_seconds)
    assert first["architecture"].tolist() == ORACLE.space.format(run.trace.archs)
    np.testing.assert_allclose(first["test"], ORACLE.mean(run.trace.archs, "test_accuracy"))
    assert first["incumbent"].iloc[0]
    best = first[first["incumbent"]]["objective"].to_numpy()
    assert (np.diff(best) > 0).all()
    assert best[-1] == first["objective"].max()
    assert data[data["benchmark"] == "beta"]["test"].isna().all()


def test_regrets_that_are_equal_in_arithmetic_tie():
    class Noisy(FakeOracle):
        def mean(self, archs, column):  # 0.1 + 0.2 and 0.3: the same in arithmetic, not in binary
            exact = super().mean(archs, column)
            return np.where(self.space.code(archs) % 2 == 0, 80.0 + 0.3, 80.0 + (0.1 + 0.2) + 1e-14) + 0 * exact

    noisy = Truth(truth().facts, Noisy("alpha"))
    pair = ORACLE.space.decode(np.array([10, 11], dtype=np.uint64))
    assert len(np.unique(noisy.mean(pair, "validation"))) == 2
    item = align(results_of(trace_of(pair, [1.0, 2.0], [1, 1]), evaluations=2), noisy)
    (steps,) = item.steps["a"]
    assert len(steps.regrets["validation"]) == 2
    assert len(np.unique(steps.regrets["validation"])) == 1


def test_under_constraints_only_feasible_rows_make_the_scale():
    best = int(np.argmax(ORACLE.values("valid_accuracy")))
    bound = float(ORACLE.values("size")[best]) - 3.0
    tight = Truth(truth().facts, ORACLE, (Constraint("size", "<=", bound),))
    regrets = tight.table_regrets["validation"]
    assert regrets.min() < 0, "the best of all is not feasible"
    feasible = regrets[ORACLE.values("size") <= bound]
    assert feasible.min() == 0.0
    assert tight.random("validation") == pytest.approx(feasible.mean())
    assert tight.worst("validation") == pytest.approx(feasible.max())
