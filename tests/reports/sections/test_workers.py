"""The section of the simulated cluster, on real runs."""

from __future__ import annotations

import numpy as np
import pytest

import harness as nh
from harness.errors import SpecError
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare as prepare_spec
from harness.experiments.results import read_results
from harness.experiments.schema import from_dict
from harness.search.mishaps import Mishaps
from reports.sections.workers import mishap_words, section
from reports.study.study import prepare

SPEC = {
    "name": "sim",
    "benchmarks": ["nb201-cifar10"],
    "strategies": [{"name": "random_search"}],
    "budget": {"seconds": 3e4},
    "replicates": 4,
    "n_workers": 4,
}


def study_of(folder, **changes):
    execute(prepare_spec(from_dict(SPEC | changes)), folder)
    return prepare(read_results(folder))


def test_the_section_tells_shares_that_add_up_and_what_went_wrong(tmp_path):
    study = study_of(tmp_path, simulate={"failures": 0.3, "stragglers": 0.5, "retries": 1})
    part = section(study)
    (row,) = part.tables[0].frame.to_dict("records")
    assert sum(row[name] for name in ("useful", "wasted", "blocked", "idle")) == pytest.approx(1.0)
    assert 0.05 < row["wasted"] < 0.4
    assert row["attempts"] > np.mean([len(run.trace) for run in study.results.runs])
    assert row["failed"] > 0
    assert "is tried again once" in part.methods[0]
    assert all(run.beside["attempts"].max() == 2 for run in study.results.runs)


def test_without_mishaps_it_tells_utilisation_and_with_one_worker_nothing(tmp_path):
    part = section(study_of(tmp_path))
    assert part.tables[0].headers == ("Benchmark", "Strategy", "n", "Useful, %", "Blocked, %", "Idle, %")
    assert section(study_of(tmp_path / "one", n_workers=1)) is None


def test_rates_are_refused_before_anything_runs():
    with pytest.raises(SpecError, match=r"`simulate.failures` must be a probability in \[0, 1\), got 1.0"):
        from_dict(SPEC | {"simulate": {"failures": 1.0}})
    with pytest.raises(SpecError, match=r"unknown key 'simulate.straglers'\. Did you mean 'stragglers'"):
        from_dict(SPEC | {"simulate": {"straglers": 1.0}})


def test_the_words_name_what_goes_wrong_alone():
    assert mishap_words(Mishaps(hangs=0.1, timeout=3)).startswith("With probability 0.1 it never returns; an attempt")
    assert "dies" not in mishap_words(Mishaps(stragglers=1.0))


def test_a_budget_of_epochs_has_an_axis_of_its_own():
    results = nh.run("random_search", "graph-cora", replicates=3, budget={"epochs": 200})
    (item,) = prepare(results).aligned
    assert item.budget_axis == "epochs"
    assert item.final_budget == 200
    assert all(steps.x["epochs"].max(initial=0) <= 200 for steps in item.steps["random_search"])
