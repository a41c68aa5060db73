"""What a page says of hard constraints, of protocols that tell test results, and of surrogates."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from harness.benchmark import Column
from harness.experiments.results import Results
from harness.problem import Constraint
from reports.figures import captions
from reports.page import narrative
from reports.page.checklist import checklist
from reports.page.comparison import tables
from reports.study import truth, wording
from reports.study.comparisons import pairwise
from reports.study.curves import curves
from reports.study.finals import LEFT_OUT
from reports.study.provenance import budget_sentence, provenance
from reports.study.reference import reference
from reports.study.study import prepare
from reports.tables.report_table import BEST
from tests.reports.support import FakeOracle, build_page, make_results, opener, without_scripts

TEXT = "strategies are told the test accuracy of run 0, reports judge by the mean of runs 1 and 2"


class Signal(FakeOracle):
    """A table of test results alone: those of one run are told."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        column = self.columns["valid_accuracy"]
        self.columns["valid_accuracy"] = Column(column.name, "percent", "maximise", "x-test", best=100.0)


def constrained(oracle: FakeOracle, bound: float, **options) -> Results:
    """Return runs under "size <= bound"."""
    results = make_results([oracle], **options)
    bounds = (Constraint("size", "<=", bound),)
    runs = []
    for run in results.runs:
        broken = bounds[0].violation(oracle.mean(run.trace.archs, "size"))[:, None]
        runs.append(replace(run, trace=replace(run.trace, constraints=broken)))
    return replace(results, spec=replace(results.spec, constraints=bounds), runs=tuple(runs))


def page_of(results: Results, *oracles: FakeOracle, folder) -> str:
    text = without_scripts(build_page(results, folder, opener(*oracles), drawn=()).read_text())
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


@pytest.mark.parametrize("bound", [0.0, 1.0, 2.0])
def test_a_constraint_that_is_hard_to_meet_gives_a_page(bound, tmp_path):
    oracle, easy = FakeOracle("alpha"), FakeOracle("beta")
    hard = constrained(oracle, bound)
    mild = constrained(easy, bound)
    both = replace(mild, benchmarks={**hard.benchmarks, **mild.benchmarks}, runs=hard.runs + mild.runs)
    study = prepare(hard, opener(oracle))
    without = sum(len(steps.rows) == 0 for group in study.aligned[0].steps.values() for steps in group)
    assert without > 0
    for results, oracles in ((hard, (oracle,)), (both, (oracle, easy))):
        said = page_of(results, *oracles, folder=tmp_path / str(len(oracles)))
        assert f"alpha: no feasible architecture in {without} of 24 runs" in said
        assert f"Constraints: size <= {bound}." in said
        assert f"alpha, validation, size <= {bound} " in said
        assert "best feasible of the table" in said
        assert "count as the worst feasible of the table" in said


def test_notes_are_about_the_benchmarks_that_are_shown():
    told = SimpleNamespace(kind=truth.PROTOCOL, protocol="told", constraints=())
    items = [SimpleNamespace(name=name, steps={}, truth=told) for name in ("alpha", "beta")]
    study = SimpleNamespace(aligned=items, spec=SimpleNamespace(constraints=(), deployments=()), measure="regret")
    assert wording.noted(study) == " Signal of alpha: told. Signal of beta: told."
    for panels in (["beta"], ["beta: best, found"], ["beta, best 10 %", "beta"]):
        assert wording.noted(study, captions.named(study, pd.DataFrame({"benchmark": panels}))).count("beta") == 1
        assert "alpha" not in wording.noted(study, captions.named(study, pd.DataFrame({"benchmark": panels})))
    assert captions.named(study, pd.DataFrame({"benchmark": ["mean over benchmarks", "betatron"]})) is None


def test_lines_start_where_half_of_the_runs_have_an_incumbent():
    oracle = FakeOracle("alpha")
    study = prepare(constrained(oracle, 4.0), opener(oracle))
    (item,) = study.aligned
    frame = curves(study, "validation", "evaluations")
    for label, group in item.steps.items():
        firsts = sorted(float(s.x["evaluations"][0]) if len(s.rows) else np.inf for s in group)
        part = frame[frame["series"] == label]
        assert part["x"].min() == max(firsts[(len(firsts) - 1) // 2], item.grid("evaluations")[0])
        final = np.median(list(item.at(label, "validation", item.final_budget).values()))
        assert part["centre"].iloc[-1] == pytest.approx(final), "the line ends where the table says"


def test_a_page_of_told_test_results_never_says_validation(tmp_path, monkeypatch):
    monkeypatch.setattr(truth, "describe_benchmark", lambda _: {"protocol": TEXT})
    oracle = Signal("macro")
    results = make_results([oracle])
    said = page_of(results, oracle, folder=tmp_path)
    words = said.replace("searched by test results, not by validation", "").replace("Tables without validation", "")
    for svg in re.findall(r"(?i)[^.;:]*validation[^.;:]*", words):
        raise AssertionError(svg)
    assert f"macro was searched by test results, not by validation: {TEXT}. Test images were not kept" in said
    assert "median signal regret" in said
    assert "all training runs of the table" not in said
    assert "one training run drawn" not in said
    assert "the same noise" not in said
    items = {item.demand: item for item in checklist(prepare(results, opener(oracle)))}
    assert items["Test data kept from the search"].state == "no"
    assert TEXT in items["Test data kept from the search"].answer
    assert said.count(TEXT) > 10, "every caption says it"


def test_a_protocol_is_known_by_what_was_told_without_a_description():
    oracle = Signal("macro")
    (item,) = prepare(make_results([oracle]), opener(oracle)).aligned
    assert item.truth.kind == truth.PROTOCOL
    plain = FakeOracle("alpha")
    assert prepare(make_results([plain]), opener(plain)).aligned[0].truth.kind == truth.TABLE


def test_a_mixed_page_says_which_is_which():
    oracles = (FakeOracle("alpha"), Signal("macro"))
    study = prepare(make_results(oracles), opener(*oracles))
    (item,) = [item for item in checklist(study) if item.demand.startswith("Test data")]
    assert item.state == "no"
    assert "On alpha strategies are told validation values only." in item.answer
    runs, *_ = narrative.methods(study)
    assert "validation values only; held-out values were looked up after the runs, for this page (alpha)" in runs


def test_a_surrogate_has_no_table_and_no_optimum(tmp_path, monkeypatch):
    monkeypatch.setattr(truth, "describe_benchmark", lambda _: {"surrogate": True})
    oracle = FakeOracle("predicted", test=False)
    oracle.reference = "drawn uniformly"
    said = page_of(make_results([oracle]), oracle, folder=tmp_path)
    assert "predicted is a surrogate: its values and seconds are predicted" in said
    assert "the best prediction among 216 reference architectures (drawn uniformly)" in said
    assert "best known reference" in said
    assert "best of the table" not in said
    assert "Runs at the optimum" not in said
    assert "all training runs of the table" not in said
    assert "noise is shared" not in said


def test_a_table_of_ones_own_is_called_by_its_name():
    class Own(FakeOracle):
        pass

    oracle = Own("mine")
    results = make_results([oracle])
    path = "/somewhere/mine.h5"
    facts = {path: replace(results.benchmarks["mine"], name=path)}
    runs = tuple(replace(run, benchmark=path) for run in results.runs)
    moved = replace(results, benchmarks=facts, runs=runs, spec=replace(results.spec, benchmarks=(path,)))
    study = prepare(moved, lambda _: oracle)
    assert study.aligned[0].name == "mine"
    said = " ".join([*narrative.headline(study, pairwise(study)), *narrative.methods(study)])
    assert path not in said
    twice = replace(
        moved,
        benchmarks=facts | {"/else/mine.h5": replace(facts[path], name="/else/mine.h5")},
        runs=runs + tuple(replace(run, benchmark="/else/mine.h5") for run in runs),
    )
    names = [item.name for item in prepare(twice, lambda _: oracle).aligned]
    assert names == ["mine (somewhere/mine.h5)", "mine (else/mine.h5)"], "two tables of one name are told apart"


def test_pairs_are_headed_by_what_their_numbers_are():
    oracle = FakeOracle("alpha", test=False)
    study = prepare(make_results([oracle]), opener(oracle))
    compared = pairwise(study)
    (pairs,) = [table for table in tables(study, compared) if table.name.startswith("pairwise")]
    assert pairs.headers[1] == "Pair A vs. B"
    assert pairs.headers[7].startswith("Regret of B \N{MINUS SIGN} A")
    assert pairs.cells[0][1] == "random_search vs. climber"


def test_equal_medians_are_all_bold_and_times_have_a_fitting_unit():
    oracle = FakeOracle("alpha", test=False)
    results = make_results([oracle], ("random_search", "climber", "twin"))
    climber = {run.replicate: run for run in results.runs if run.label == "climber"}
    runs = tuple(replace(climber[run.replicate], label="twin") if run.label == "twin" else run for run in results.runs)
    study = prepare(replace(results, runs=runs), opener(oracle))
    made = {table.name: table for table in tables(study, pairwise(study))}
    final = made["final-validation"]
    data = final.frame[final.frame["missing"] == LEFT_OUT].set_index("label")["regret"]
    lowest = [label for label in data.index if data[label] == data.min()]
    assert {"climber", "twin"} <= set(lowest)
    bold = {final.cells[row][1] for (row, _), mark in final.marks.items() if mark == BEST}
    assert bold == set(lowest)
    assert all(re.fullmatch(r"[\d,.]+ h", row[4]) for row in made["costs"].cells)
    quick = []
    for run in runs:
        times = {key: getattr(run.trace, key) / 1000 for key in ("seconds", "finished_seconds")}
        quick.append(replace(run, trace=replace(run.trace, **times)))
    study = prepare(replace(results, runs=tuple(quick)), opener(oracle))
    (costs,) = [table for table in tables(study, pairwise(study)) if table.name == "costs"]
    assert all(re.fullmatch(r"[1-9][\d,.]* s", row[4]) for row in costs.cells)


@pytest.mark.parametrize(
    ("charged", "words"),
    [
        ((), None),
        (("alpha",), "of training and of one pass over the validation images (alpha)."),
        (("alpha", "beta"), "of training and of one pass over the validation images."),
    ],
)
def test_a_validation_pass_that_is_charged_is_told(charged, words):
    oracles = [FakeOracle("alpha"), FakeOracle("beta")]
    results = make_results(oracles)
    facts = {name: replace(item, validation_pass=name in charged) for name, item in results.benchmarks.items()}
    study = prepare(replace(results, benchmarks=facts), opener(*oracles))
    said = budget_sentence(study)
    assert said.endswith(words) if words else "validation images" not in said
    assert provenance(study)["budget"]["validation_pass"] == {name: name in charged for name in facts}


def test_the_training_of_one_seed_is_told_and_has_no_reference():
    oracle = FakeOracle("alpha")
    results = make_results([oracle])
    study = prepare(
        replace(results, spec=replace(results.spec, budget=replace(results.spec.budget, table_seed=777))),
        opener(oracle),
    )
    assert "the table answers with the training run of the seed 777" in budget_sentence(study)
    assert reference(study.aligned[0].truth, study.spec) is None


def test_a_schedule_and_draws_at_each_query_are_told_and_have_no_reference():
    oracle = FakeOracle("alpha")
    results = make_results([oracle])
    budget = replace(results.spec.budget, table_seed="one_draw_per_query")
    for changed, words in (
        (budget, "answers each query with one training run drawn anew"),
        (replace(budget, table_seed="mean", schedule=12), "what is told is of the schedule of 12 epochs"),
    ):
        study = prepare(replace(results, spec=replace(results.spec, budget=changed)), opener(oracle))
        assert words in budget_sentence(study)
        assert reference(study.aligned[0].truth, study.spec) is None
        assert ("drawn anew at each query" in wording.noise_sentence(study)) == (changed is budget)
    assert provenance(study)["budget"]["schedule"] == 12
