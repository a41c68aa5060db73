"""Tables of learners: README's and the page's are those of the registry, and what was measured stays."""

from __future__ import annotations

import pytest

from docs import predictors
from docs.strategies import README, replaced
from harness.experiments.schema import load
from tests.paths import ROOT

NEEDING = {"lightgbm", "xgboost", "perfect", "curve_ensemble", "curve_ridge", "curve_sotl", "curve_svr", "curve_value",
           "freeze_thaw_gp"}  # fmt: skip
"""Learners that need a package, curves or the truth."""


def test_the_tables_are_those_of_the_registry():
    readme, page = (path.read_text(encoding="utf-8") for path in (README, predictors.PAGE))
    again = "write it again: python -m docs.predictors"
    assert replaced(readme, predictors.BEGIN, predictors.END, predictors.overview()) == readme, again
    assert predictors.page(page, None) == page, again


@pytest.mark.parametrize("name", predictors.built_in())
def test_every_learner_has_a_line(name):
    (line,) = [line for line in predictors.overview().splitlines() if line.startswith(f"| `{name}` |")]
    family, summary, std, needs = (cell.strip() for cell in line.strip("|").split("|")[1:])
    assert family
    assert len(summary) > 20
    assert std in ("yes", "no")
    assert bool(needs) == (name in NEEDING)


def test_the_example_has_its_learners_on_the_page():
    spec = load(ROOT / "examples" / "predictors.toml")
    page = predictors.PAGE.read_text(encoding="utf-8")
    for item in spec.strategies:
        lines = [line for line in page.splitlines() if line.startswith(f"| {item.label} | .")]
        assert len(lines) == len(spec.benchmarks), item.label
