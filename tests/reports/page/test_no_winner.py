"""Pages of experiments in which nothing, or almost nothing, was found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.experiments.results import Results
from harness.problem import Budget
from reports.page import narrative
from reports.page.comparison import figures, tables
from reports.sections.why import section
from reports.study.comparisons import pairwise
from reports.study.study import prepare
from tests.reports.support import FakeOracle, build_page, make_results, opener, trace_of, without_scripts


class Timed(FakeOracle):
    """A table that says which column is its cost."""

    seconds = "train_seconds"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._values["train_seconds"] = 100 + self._values["size"]


def without_incumbents(*oracles: FakeOracle, of: str = "", **options) -> Results:
    """Return results under a budget of 50 seconds, in which no run on a benchmark was told anything."""
    results = make_results(oracles, **options)
    nothing = trace_of(np.zeros((0, 3), dtype=np.uint8), np.zeros(0), np.zeros(0))
    runs = tuple(replace(run, trace=nothing) if run.benchmark == of else run for run in results.runs)
    return replace(results, runs=runs, spec=replace(results.spec, budget=Budget(seconds=50.0)))


def test_a_page_without_any_incumbent_has_no_winner(tmp_path):
    oracle = Timed("alpha")
    results = without_incumbents(oracle, of="alpha")
    text = without_scripts(
        build_page(results, tmp_path, opener(oracle), drawn=(), explained=False).read_text(encoding="utf-8")
    )
    assert "No run ends with an architecture within 50 simulated seconds, so there is no winner" in text
    assert "the cheapest training of the table takes 100 simulated seconds" in text
    for word in ("ends with the lowest", "share the lowest", "better than", "no difference", "Bold: lowest"):
        assert word not in text
    assert "No figures and comparisons for alpha: no run has an incumbent." in text
    study = prepare(results, opener(oracle))
    assert figures(study, pairwise(study)) == []
    assert [table.name for table in tables(study, pairwise(study))] == ["costs"]
    assert section(study) is None


@pytest.mark.parametrize("centre", ["median", "iqm"])
def test_beside_a_benchmark_without_incumbents_the_others_are_compared_as_alone(centre):
    alpha, beta = Timed("alpha"), Timed("beta")
    both = prepare(without_incumbents(alpha, beta, of="beta", centre=centre), opener(alpha, beta))
    compared = pairwise(both)
    assert set(compared["benchmark"]) == {"alpha"}
    said = narrative.headline(both, compared)
    assert sum("there is no winner" in sentence for sentence in said) == 2, "by validation and by test"
    assert not any("Mean rank over 2" in sentence for sentence in said)
    assert {cell[0] for cell in tables(both, compared)[0].cells} == {"alpha"}


def test_one_of_each_is_said_in_the_singular(tmp_path):
    oracle = FakeOracle("alpha", test=False)
    results = make_results([oracle], ("random_search",), replicates=1, evaluations=1)
    text = build_page(results, tmp_path, opener(oracle), drawn=(), explained=False).read_text(encoding="utf-8")
    assert "1 strategy on 1 benchmark: 1 evaluation each, 1 replicate." in text
    assert "Of 1 replicate no spread is known" in text
    for word in ("1 benchmarks", "1 replicates", "1 runs", "1 strategies", "1 evaluations", "1 pairs"):
        assert f" {word}" not in text
