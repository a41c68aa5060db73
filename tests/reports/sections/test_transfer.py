"""The sections of what was spent beside trainings, and of what other tables say, on real runs."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.errors import SpecError
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare as prepare_spec
from harness.experiments.results import read_results
from harness.experiments.schema import from_dict
from reports.sections import beside, elsewhere
from reports.study.provenance import sources
from reports.study.study import prepare

SPEC = {
    "name": "t",
    "benchmarks": ["graph-cora"],
    "strategies": [
        {"name": "random_search"},
        {"name": "portfolio"},
        {
            "name": "random_search",
            "label": "small first",
            "warm_up": {"signal": "params_m", "pool": 50, "keep": 4, "best": "lowest"},
        },
    ],
    "budget": {"evaluations": 20},
    "replicates": 3,
    "transfer": {"from": ["graph-photo"], "rows": 12, "charge": "charged"},
    "report_on": ["graph-cs", "graph-cora"],
    "free_signals": True,
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transfer")
    execute(prepare_spec(from_dict(SPEC)), folder)
    return prepare(read_results(folder))


def test_what_was_spent_beside_trainings(study):
    part = beside.section(study)
    rows = {row["label"]: row for row in part.tables[0].frame.to_dict("records")}
    assert set(rows) == {"portfolio", "small first"}
    assert rows["portfolio"]["trainings"] == rows["portfolio"]["first_trainings"] == 12
    assert rows["portfolio"]["share"] == pytest.approx(12 / 20)
    assert (rows["small first"]["looks"], rows["small first"]["trainings"]) == (50, 0)
    assert "12 trainings of each, at full fidelity, of graph-photo" in part.methods[0]
    assert "Each search pays for all of them" in part.methods[0]
    assert "small first with the best 4 of 50 random architectures by params_m, lowest first" in part.methods[1]
    assert "(`free_signals`)" in part.methods[1]


def test_tables_that_told_or_judged_are_among_those_used(study):
    used = sources(study)
    assert [item["benchmark"] for item in used] == [
        "graph-cora",
        "graph-cs (judges what was found)",
        "graph-photo (finished trainings)",
    ]
    assert [item["sha256"] for item in used[1:]] == [
        registry.oracle(f"graph-{name}").digest for name in ("cs", "photo")
    ]
    assert all(item["licence"] and item["citation"] for item in used)


def test_curves_count_what_was_spent(study):
    (item,) = study.aligned
    for steps in item.steps["portfolio"]:
        assert steps.x["evaluations"][0] == 13
        assert steps.end["evaluations"] == 20


def test_what_was_found_is_judged_by_other_tables(study):
    (table,) = elsewhere.section(study).tables
    assert "Without" not in table.headers, "no run lacks anything"
    rows = table.frame.set_index(["judged", "label"])
    oracle = registry.oracle("graph-cs")
    values = oracle.values("test_accuracy")
    found = [run for run in study.results.runs if run.label == "portfolio"]
    last = [run.trace.archs[[int(np.argmin(run.trace.objectives[:, 0]))]] for run in found]
    regrets = np.nanmax(values) - np.concatenate([oracle.mean(arch, "test_accuracy") for arch in last])
    row = rows.loc[("graph-cs", "portfolio")]
    assert row["regret_mean"] == pytest.approx(regrets.mean())
    assert row["split"] == "test"
    assert row["n"] == 3
    assert len(rows) == 6


def test_nothing_is_said_where_nothing_was_asked(tmp_path):
    plain = {key: SPEC[key] for key in ("name", "benchmarks", "budget", "replicates")}
    execute(prepare_spec(from_dict(plain | {"strategies": SPEC["strategies"][:1]})), tmp_path)
    study = prepare(read_results(tmp_path))
    assert beside.section(study) is None
    assert elsewhere.section(study) is None
    assert study.results.runs[0].beside == {}


@pytest.mark.parametrize(
    ("report_on", "message"),
    [
        (["nb201-cifar10"], r"`report_on\[0\]`: 'nb201-cifar10' is of the space 'nb201'"),
        (["graph-corra"], r"`report_on\[0\]`: unknown benchmark 'graph-corra'. Did you mean 'graph-cora'"),
        (["graph-cs", "graph-cs"], "`report_on` must be given once each"),
    ],
)
def test_other_tables_are_refused_before_anything_runs(report_on, message):
    with pytest.raises(SpecError, match=message):
        prepare_spec(from_dict(SPEC | {"report_on": report_on}))
