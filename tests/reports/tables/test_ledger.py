"""The ledger on a page: there with training seconds and only there, and the line of a claim on axes of time."""

from __future__ import annotations

import numpy as np
import pytest

import harness as nh
from reports.figures import curves
from reports.study.study import prepare
from reports.tables.ledger import ledger_table
from tests.reports.support import FakeOracle, make_results, opener


@pytest.fixture(scope="module")
def study():
    budget = {"seconds": 20_000.0, "evaluations": None}
    results = nh.run(["random_search", "local_search"], "nb201-cifar10", replicates=4, n_workers=2, **budget)
    return prepare(results)


def test_all_that_a_run_spends_is_in_units_of_one_training(study):
    table = ledger_table(study)
    rows = table.frame.set_index("label")
    paid = 2 * 20_000 / 1827.9869
    assert np.allclose(rows["full"] + rows["low"] + rows["idle"], paid)
    assert np.allclose(rows["total"], paid + 1)
    assert (rows["idle"] > 0).all()
    assert table.headers == (
        "Benchmark", "Strategy", "T1", "Full trainings", "Idle or cut off", "Training of the answer", "In all",
        "The same, as recorded",
    )  # fmt: skip
    assert table.cells[0][:3] == ("nb201-cifar10", "random_search", "30.47 min")


def test_of_a_front_one_member_is_trained_and_what_members_take_is_their_mean():
    objectives = ["valid_accuracy", "params_m"]
    results = nh.run(["random_search"], "nb201-cifar10", objectives=objectives, replicates=2, evaluations=30)
    study = prepare(results)
    table = ledger_table(study)
    (item,) = study.aligned
    means = [
        item.truth.oracle.mean(steps.run.trace.archs[steps.held], "train_seconds").mean()
        for steps in item.steps["random_search"]
    ]
    assert all(len(steps.held) > 1 for steps in item.steps["random_search"])
    assert table.frame["chosen"][0] == pytest.approx(np.mean(means) / item.truth.unit_seconds)
    assert table.frame["final"][0] == 1
    assert table.headers[-3:] == ("Training of a member", "In all", "The same, as recorded")
    assert "full training of a member of the front" in table.caption
    assert "Training of the answer" not in table.caption


def test_the_claim_is_a_line_where_workers_together_reach_it(study):
    exhibit = curves.exhibit(study, "validation", "seconds")
    assert exhibit.meta["marks"] == {"nb201-cifar10": pytest.approx(2.5 * 1827.9869 / 2)}
    assert "2.5 T1" in exhibit.meta["caption"]
    assert "marks" not in curves.exhibit(study, "validation", "evaluations").meta


def test_without_training_seconds_there_is_no_ledger():
    oracle = FakeOracle("alpha")
    assert ledger_table(prepare(make_results([oracle]), opener(oracle))).cells == ()
