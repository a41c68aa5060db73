"""The table of expected running times: all that runs spend, over the number that succeed."""

from __future__ import annotations

import numpy as np
import pytest

from reports.study.study import prepare
from reports.study.targets import targets_of
from reports.tables.numbers import INFINITY
from reports.tables.running_times import SHOWN, running_time_table
from tests.reports.support import FakeOracle, make_results, opener

HILLS, PLAIN = FakeOracle("hills"), FakeOracle("plain", has_seconds=False)


@pytest.fixture(scope="module")
def study():
    return prepare(make_results([HILLS, PLAIN], replicates=6, evaluations=20), opener(HILLS, PLAIN))


def test_failures_count_with_all_that_they_spent(study) -> None:
    table = running_time_table(study)
    (item, _), targets = study.aligned, targets_of(study.aligned[0].truth)
    assert (table.frame.groupby(["benchmark", "label"]).size() == 51).all()
    for place in (0, 10, 25, 50):
        first = []
        for steps in item.steps["climber"]:
            below = np.flatnonzero(steps.regrets["validation"] <= targets[place])
            first.append(float(steps.x["evaluations"][below[0]]) if len(below) else np.inf)
        reached = sum(np.isfinite(first))
        row = table.frame[(table.frame["benchmark"] == "hills") & (table.frame["label"] == "climber")].iloc[place]
        assert row["target"] == targets[place]
        assert row["success"] == reached / 6
        spent = sum(min(one, 20.0) for one in first)
        assert row["running_time"] == (spent / reached if reached else np.inf)
        assert row["low"] <= row["running_time"] <= row["high"]
        if place in SHOWN:
            shown = dict(zip(SHOWN, table.cells[1][2:], strict=True))[place]
            assert shown.endswith(f", {100 * reached / 6:.0f} %") if reached else shown == INFINITY


def test_what_no_run_reaches_takes_for_ever_and_targets_are_named(study) -> None:
    table = running_time_table(study)
    assert [cells[:2] for cells in table.cells] == [
        ("hills", "random_search"), ("hills", "climber"), ("plain", "random_search"), ("plain", "climber"),
    ]  # fmt: skip
    never = table.frame[table.frame["success"] == 0]
    assert np.isinf(never["running_time"]).all()
    assert "Targets: 2.51, 0.631, 0.158, 0.0398, 0.0100 percentage points; the CSV file has all 51." in table.caption
    assert INFINITY in table.to_html()
    assert r"$\infty$" in table.to_latex()
