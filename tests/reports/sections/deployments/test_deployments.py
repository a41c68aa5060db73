"""The table of strategies under each deployment, and the exact random search under bounds that are known."""

from __future__ import annotations

import numpy as np
import pytest

import harness as nh
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare as prepare_spec
from harness.experiments.schema import from_dict
from reports.sections.deployments import section as deployments
from reports.study.study import prepare
from reports.study.wording import constraint_words

SPEC = {
    "name": "devices",
    "benchmarks": ["nb201-cifar10", "micro-mnist1d"],
    "strategies": [{"name": "random_search"}, {"name": "local_search"}],
    "budget": {"evaluations": 40},
    "replicates": 200,
    "replicates_per_shard": 100,
    "deployments": [
        {"name": "phone", "constraints": ["params_m <= 0.3", "macs_m <= 50"], "benchmarks": ["nb201-cifar10"]},
        {"name": "watch", "constraints": ["params_m <= 0.02"], "benchmarks": ["micro-mnist1d"]},
        {"name": "server", "constraints": ["latency_seconds <= 0.0148"], "benchmarks": ["nb201-cifar10"]},
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("devices")
    execute(prepare_spec(from_dict(SPEC)), path)
    return path


@pytest.fixture(scope="module")
def study(folder):
    return prepare(nh.read_results(folder))


def test_pages_call_a_task_by_its_benchmark_and_its_deployment(study):
    assert [item.name for item in study.aligned] == [
        "nb201-cifar10 (phone)",
        "nb201-cifar10 (server)",
        "micro-mnist1d (watch)",
    ]


def test_regret_is_that_against_the_best_of_each_deployment(study):
    data = deployments.frame(study).set_index(["task", "label"])
    assert data.loc["nb201-cifar10 (phone)", "optimum"].iloc[0] == pytest.approx(88.654)
    assert (data.loc["nb201-cifar10 (phone)", "feasible"] == 1.0).all()
    server = data.loc["nb201-cifar10 (server)"]
    assert server.loc["random_search", "feasible"] == pytest.approx(server["feasible_rows"].iloc[0], abs=0.03)
    assert (data["regret"] >= 0).all()
    assert np.allclose(data["optimum"] - data["value"], data["regret"])


def test_random_search_lies_on_its_exact_law_where_all_bounds_are_known(study):
    for item in study.aligned:
        law = study.references[item.name]
        if item.name.endswith("(server)"):
            assert law is None
            continue
        regrets = np.array([*item.at("random_search", "validation", 40).values()])
        exact = float(law.centre("validation", np.array([40.0]), "mean")[0])
        assert regrets.mean() == pytest.approx(exact, abs=4 * regrets.std() / np.sqrt(len(regrets)))


def test_the_table_has_rows_for_each_deployment_and_one_of_what_is_possible(study):
    table = deployments.section(study).tables[0]
    assert len(table.headers) == 5, "however many deployments there are"
    rows = {row[:2]: row[2:] for row in table.cells}
    assert len(rows) == 3 * 3
    assert rows["nb201-cifar10 (phone)", "best feasible of the table"][:2] == ("88.65", "0")
    assert rows["nb201-cifar10 (phone)", "local_search"][2] == "100 %"
    assert "\N{EN DASH}" not in [cell for row in table.cells for cell in row], "nothing is empty"
    data = deployments.frame(study)
    for (row, _), mark in table.marks.items():
        task, label = table.cells[row][:2]
        here = data[data["task"] == task].set_index("label")["regret"]
        assert (mark, here[label]) == ("best", here.min())
    assert [sentence.split(": ")[0] for sentence in deployments.section(study).sentences] == [
        "nb201-cifar10, by deployment",
        "micro-mnist1d, by deployment",
    ]


def test_it_is_written_with_its_bounds_and_what_was_free_to_know(study, tmp_path):
    part = deployments.section(study)
    part.write(tmp_path)
    assert (tmp_path / "tables" / "deployments.csv").exists()
    words = "phone: params_m <= 0.3 and macs_m <= 50.0; watch: params_m <= 0.02; server: latency_seconds <= 0.0148"
    assert constraint_words(study) == words
    assert words in part.tables[0].caption
    assert "macs_m and params_m are known before training: nothing that breaks them was trained" in part.methods[0]


def test_without_deployments_there_is_no_such_part(tmp_path):
    spec = from_dict({**SPEC, "deployments": [], "benchmarks": ["nb201-cifar10"], "replicates": 2})
    execute(prepare_spec(spec), tmp_path)
    assert deployments.section(prepare(nh.read_results(tmp_path))) is None
