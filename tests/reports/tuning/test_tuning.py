"""Hyperparameters chosen on some benchmarks and reported on others: what is tried, what is chosen, what it cost."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from harness import registry
from harness.api import run as run_here
from harness.cli.app import build
from harness.errors import HarnessError, ResultError, SpecError
from harness.experiments.results import read_results
from harness.experiments.spec import StrategySpec
from reports.page.checklist import checklist
from reports.sections.tuning import section
from reports.study.study import prepare
from reports.tuning.choice import FILE, choose, tuned_of
from reports.tuning.plan import DEFAULT, TUNED, Plan, check_apart, load
from tests.paths import ROOT

PLAN = Plan(
    "small",
    {"name": "regularized_evolution", "hyperparameters": {"preset": "nats"}},
    ("micro-mnist1d",),
    ("nb201-cifar10",),
    {"evaluations": 40},
    {"population": [5, 20], "sample": [2, 3]},
    replicates=6,
    report_replicates=4,
)


def test_every_combination_is_tried_beside_the_strategy_as_it_stands() -> None:
    spec = PLAN.search()
    assert [item.label for item in spec.strategies] == [
        DEFAULT,
        "population=5, sample=2",
        "population=5, sample=3",
        "population=20, sample=2",
        "population=20, sample=3",
    ]
    assert dict(spec.strategies[1].hyperparameters) == {"preset": "nats", "population": 5, "sample": 2}
    assert (spec.benchmarks, spec.replicates) == (("micro-mnist1d",), 6)
    reported = PLAN.report({"population": 5, "sample": 2})
    assert [item.label for item in reported.strategies] == [DEFAULT, TUNED, "random_search"]
    assert (reported.benchmarks, reported.replicates) == (("nb201-cifar10",), 4)
    assert [item.label for item in PLAN.report({}).strategies] == [DEFAULT, "random_search"]
    again = replace(PLAN, values={"population": [100, 5], "sample": [25]})
    labels = [item.label for item in again.search().strategies]
    assert labels == [DEFAULT, "population=5, sample=25"], "what the defaults are is not tried twice"


def test_trials_are_drawn_by_the_seed() -> None:
    plan = replace(PLAN, values={"population": list(range(2, 60))}, trials=5)
    drawn = [one["population"] for one in plan.chosen()]
    assert len(drawn) == 5
    assert drawn == sorted(drawn) == [one["population"] for one in plan.chosen()]
    assert drawn != [one["population"] for one in replace(plan, seed=1).chosen()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"report_on": ("nb201-cifar10", "micro-mnist1d")}, "`report_on` must be others .* got \\['micro-mnist1d'\\]"),
        ({"on": ()}, "at least one benchmark each"),
        ({"configurations": ({"sample": 2},)}, "and not both"),
        ({"values": {}}, "and not both"),
        ({"values": {"sample": 3}}, "`values.sample` must be a list"),
        ({"values": {"sample": [3]}}, "`configurations` must be 2 to 1,000"),
        ({"values": {"sample": list(range(40)), "population": list(range(40))}}, "at most 1,000 combinations"),
    ],
)
def test_what_makes_no_plan_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        replace(PLAN, **change)


def test_one_table_under_two_names_is_refused() -> None:
    with pytest.raises(SpecError, match="'micro-mnist1d-zc' holds the same results as 'micro-mnist1d'"):
        check_apart(replace(PLAN, report_on=("micro-mnist1d-zc",)))
    check_apart(PLAN)


def test_the_least_mean_rank_is_chosen_and_its_cost_counted() -> None:
    """Among searches of other lengths of sample: the ranks are those of the mean validation regrets."""
    spec = PLAN.search()
    results = run_here(
        [StrategySpec(item.name, item.label, item.hyperparameters) for item in spec.strategies],
        "micro-mnist1d",
        evaluations=40,
        replicates=6,
    )
    tuned = choose(PLAN, results)
    assert tuned.evaluations == 5 * 6 * 40
    assert tuned.simulated_seconds == pytest.approx(sum(one.trace.seconds.sum() for one in results.runs))
    assert sorted(tuned.ranks.values()) == list(tuned.ranks.values()) == [1.0, 2.0, 3.0, 4.0, 5.0]
    study = prepare(results)
    (item,) = study.aligned
    means = {label: np.mean([*item.at(label, "validation", 40).values()]) for label in study.labels}
    assert list(tuned.ranks) == sorted(means, key=lambda label: means[label])
    best = next(iter(tuned.ranks))
    assert tuned.hyperparameters == next(
        (one for one in PLAN.chosen() if best.startswith(f"population={one['population']}, sample={one['sample']}")), {}
    )
    assert "1,200 evaluations" in tuned.sentence()


def test_a_configuration_that_cannot_be_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        'strategy = { name = "regularized_evolution" }\nvalues = { population = [5, 50] }\n'
        'on = ["micro-mnist1d"]\nreport_on = ["nb201-cifar10"]\nbudget = { evaluations = 20 }\n',
        encoding="utf-8",
    )
    told = CliRunner().invoke(build(), ["tune", str(path), "--out", str(tmp_path / "results")])
    assert told.exit_code == 2
    assert "plan.toml: configuration 'population=5': `sample` must be at most 5, got 25" in told.stderr


def test_the_plan_shown_is_one() -> None:
    shown = re.findall(r"^```toml\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    (text,) = [text for text in shown if "report_on = [" in text]
    plan = Plan(name="shown", **tomllib.loads(text))
    assert len(plan.search().strategies) == 1 + len(plan.chosen()) == 7
    for name in (*plan.on, *plan.report_on):
        registry.table_provider(name)


def test_the_command_chooses_reports_and_says_what_it_cost(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        'strategy = { name = "local_search" }\nconfigurations = [{ improvement = "best" }, { starts = 5 }]\n'
        'on = ["micro-mnist1d"]\nreport_on = ["nb201-cifar10"]\nbudget = { evaluations = 20 }\n'
        "replicates = 3\nreport_replicates = 2\n",
        encoding="utf-8",
    )
    assert load(path).name == "plan"
    told = CliRunner().invoke(build(), ["tune", str(path), "--out", str(tmp_path / "results"), "--json"])
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert set(facts["ranks"]) == {DEFAULT, "improvement=best", "starts=5"}
    assert facts["evaluations"] == 3 * 3 * 20
    folder = Path(facts["folder"])
    results = read_results(folder)
    assert results.labels[0] == DEFAULT
    study = prepare(results)
    part = section(study)
    assert part is not None
    assert "180 evaluations" in part.sentences[0]
    (item,) = [item for item in checklist(study) if item.demand.startswith("How hyperparameters were tuned")]
    assert item.state == "yes"
    (folder / FILE).write_text("{", encoding="utf-8")
    with pytest.raises(ResultError, match="tune again"):
        tuned_of(folder)
    (folder / FILE).unlink()
    assert section(study) is None
    path.write_text(path.read_text(encoding="utf-8").replace("report_on", "report"), encoding="utf-8")
    with pytest.raises(SpecError, match=r"plan\.toml: unknown key of `plan\.toml` 'report'"):
        load(path)
